"""The interval timer, by the datasheet and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from devices.i8254 import FREQUENCY, I8254
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

LABEL = "i8254/0"
PORT = 0x40
SPEAKER = 0x61  # bit 0 is the third gate
CLOCK = 1_000_000_000 / FREQUENCY


def do(timer: I8254, step: Step) -> int | None:
    """Take one step on ours; return what a read gives."""
    match step:
        case ("out", port, value) if port == SPEAKER:
            timer.gate2.set(value & 1)
        case ("out", port, value):
            timer._write(port - PORT, 1, value)
        case ("in", port):
            return timer._read(port - PORT, 1)
    return None


def programmed(mode: int, count: int, number: int = 0) -> I8254:
    timer = I8254()
    for step in program(mode, count, number):
        do(timer, step)
    return timer


def program(mode: int, count: int, number: int = 0) -> list[Step]:
    return [
        ("out", PORT + 3, number << 6 | 0x30 | mode << 1),
        ("out", PORT + number, count & 0xFF),
        ("out", PORT + number, count >> 8),
    ]  # fmt: skip


def wait(timer: I8254, clocks: float) -> None:
    timer.clock.advance(round(clocks * CLOCK))


def levels(timer: I8254, line: str = "out0") -> list[object]:
    """Return what an output did since the outputs were last cleared."""
    return [event[2] for event in timer.outputs if isinstance(event, tuple) and event[1] == line]


def latched(timer: I8254, number: int = 0) -> int:
    do(timer, ("out", PORT + 3, number << 6))
    low, high = (do(timer, ("in", PORT + number)) for _ in range(2))
    assert low is not None
    assert high is not None
    return low | high << 8


# by the datasheet


def test_mode_0_rises_at_terminal_count_and_stays_high() -> None:
    timer = programmed(0, 100)
    levels = [timer.out0.level]

    wait(timer, 99.5)
    levels.append(timer.out0.level)
    wait(timer, 1)
    levels.append(timer.out0.level)

    assert levels == [0, 0, 1]
    assert latched(timer) == 0


def test_mode_2_is_low_for_one_clock_of_each_period() -> None:
    timer = programmed(2, 10)

    timer.outputs.clear()
    wait(timer, 30.5)

    assert levels(timer) == [0, 1] * 3


def test_mode_3_is_high_half_of_the_time() -> None:
    timer = programmed(3, 10)

    timer.outputs.clear()
    wait(timer, 20.5)

    assert levels(timer) == [0, 1] * 2


def test_mode_4_strobes_once() -> None:
    timer = programmed(4, 10)

    timer.outputs.clear()
    wait(timer, 50)

    assert levels(timer) == [0, 1]


def test_a_rising_gate_triggers_mode_5() -> None:
    timer = programmed(5, 10, number=2)
    wait(timer, 20)

    timer.outputs.clear()
    timer.gate2.set(1)
    wait(timer, 20)

    assert levels(timer, "out2") == [0, 1]


def test_a_latched_count_stays_until_it_is_read() -> None:
    timer = programmed(2, 1000)
    wait(timer, 100.5)
    do(timer, ("out", PORT + 3, 0))
    wait(timer, 100)

    low, high = (do(timer, ("in", PORT)) for _ in range(2))

    assert (low, high) == (900 & 0xFF, 900 >> 8)
    assert latched(timer) == 800


def test_read_back_latches_status_and_count_of_several_counters() -> None:
    timer = programmed(0, 500)

    do(timer, ("out", PORT + 3, 0xC6))

    assert [do(timer, ("in", PORT)) for _ in range(3)] == [0x30, 500 & 0xFF, 500 >> 8]
    assert (
        do(timer, ("in", PORT + 1)) == 0x80 | 3 << 1
    )  # a square wave since power-on, no bytes chosen


def test_bcd_counts_in_decimal() -> None:
    timer = I8254()
    for step in (("out", PORT + 3, 0x31), ("out", PORT, 0x00), ("out", PORT, 0x01)):
        do(timer, step)

    wait(timer, 1.5)

    assert latched(timer) == 0x99


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc(timed=True) as pc:
        yield pc


def drawn(random: Random, length: int) -> list[Step]:
    """Draw a trace; without BCD, and of the status only what OUT has no part in, see docs/devices.md."""
    steps: list[Step] = []
    for _ in range(length):
        number = random.randrange(3)
        choice = random.random()
        if choice < 0.2:
            steps.append(
                (
                    "out",
                    PORT + 3,
                    number << 6 | random.randrange(1, 4) << 4 | random.choice((0, 4, 6)),
                )
            )
            steps += [
                ("out", PORT + number, random.getrandbits(8)) for _ in range(random.randrange(3))
            ]
        elif choice < 0.35:
            steps.append(("out", PORT + number, random.choice((0, 1, 255, random.getrandbits(8)))))
        elif choice < 0.6:
            steps.append(("in", PORT + number))
        elif choice < 0.7:
            steps += [("out", PORT + 3, number << 6), ("in", PORT + number), ("in", PORT + number)]
        elif choice < 0.8:
            steps += [("out", PORT + 3, 0xD0 | random.getrandbits(3) << 1), ("in", PORT + number)]
        elif choice < 0.85:
            steps.append(("out", SPEAKER, random.getrandbits(1)))
        else:
            steps.append(("wait", random.choice((1_000, 20_000, 500_000, 9_000_000))))
    return steps


def afresh() -> list[Step]:
    """What makes counters equal, whatever was latched: QEMU's reset leaves that as it was."""
    steps: list[Step] = [("out", SPEAKER, 0)]
    for number in range(3):
        steps += [("in", PORT + number)] * 4
        steps += [
            ("out", PORT + 3, number << 6 | 0x36),
            ("out", PORT + number, 0),
            ("out", PORT + number, 0),
        ]
    return steps


def compared(qemu: QemuPc, steps: Sequence[Step], timer: I8254) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    return on_both(
        qemu,
        steps,
        commands=lambda step: [f"{step[0]}b {' '.join(f'{number:#x}' for number in step[1:])}"],
        take=lambda step: do(timer, step),
        duration=lambda step: step[1] if step[0] == "wait" else 0,
        clock=timer.clock,
    )


def all_reads(steps: Sequence[Step]) -> list[Step]:
    return [*steps, *(("in", PORT + number) for number in (0, 0, 1, 1, 2, 2))]


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc) -> None:
    for number in range(1_000):
        qemu.reset()
        timer = I8254()
        compared(qemu, afresh(), timer)
        steps = all_reads(drawn(Random(number), 20))

        ours, theirs = compared(qemu, steps, timer)

        assert ours == theirs, f"trace {number}: {steps}"


def at_the_time_of(qemu: QemuPc) -> I8254:
    timer = I8254()
    timer.clock.now = qemu.now
    timer.reset()
    return timer


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(qemu: QemuPc) -> None:
    for number in range(20):
        qemu.reset()
        trace = [*afresh(), *drawn(Random(number), 60)]
        compared(qemu, trace[:60], at_the_time_of(qemu))
        moved = at_the_time_of(qemu)
        moved.gate2.level = (qemu.run([f"inb {SPEAKER:#x}"])[0] or 0) & 1
        qemu.move_here(moved, LABEL)

        ours, theirs = compared(qemu, all_reads(trace[60:]), moved)

        assert ours == theirs, f"trace {number}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state(qemu: QemuPc) -> None:
    for number in range(20):
        qemu.reset()
        trace = [*afresh(), *drawn(Random(number), 60)]
        timer = at_the_time_of(qemu)
        for step in trace[:60]:
            if step[0] == "wait":
                timer.clock.advance(qemu.advance(step[1]))
            else:
                do(timer, step)
        qemu.run([f"outb {SPEAKER:#x} {timer.gate2.level}"])
        qemu.move_there(timer, LABEL)

        ours, theirs = compared(qemu, all_reads(trace[60:]), timer)

        assert ours == theirs, f"trace {number}"
