"""The high precision event timer, by the specification and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from devices import hpet as hw
from devices.hpet import HPET
from stressor.vmstate import Section
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

LABEL = "hpet/0"
BASE = 0xFED0_0000


def at(number: int, register: int) -> int:
    return hw.TIMERS + number * hw.TIMER_SIZE + register


def programmed(
    configuration: int, comparator: int, number: int = 0, general: int = hw.ENABLED
) -> HPET:
    hpet = HPET()
    hpet._write(at(number, hw.TIMER_CONFIGURATION), 8, configuration | hw.INTERRUPTS | hw.ROUTED)
    hpet._write(at(number, hw.COMPARATOR), 8, comparator)
    hpet._write(hw.CONFIGURATION, 8, general)
    return hpet


def ticks(hpet: HPET, number: int) -> None:
    hpet.clock.advance(number * hw.TICK)


def pulses(hpet: HPET, line: str) -> int:
    return hpet.outputs.count(("line", line, 1))


# by the specification


def test_it_says_what_it_can_do() -> None:
    assert HPET()._read(hw.IDENTITY, 8) == 0x0098_9680_8086_A201


def test_the_counter_runs_while_it_is_enabled() -> None:
    hpet = HPET()
    ticks(hpet, 5)
    hpet._write(hw.COUNTER, 8, 0xFFFF_FFFF)
    hpet._write(hw.CONFIGURATION, 4, hw.ENABLED)
    ticks(hpet, 7)
    running = hpet._read(hw.COUNTER, 8), hpet._read(hw.COUNTER + 4, 4)
    hpet._write(hw.CONFIGURATION, 4, 0)
    ticks(hpet, 9)

    assert running == (0x1_0000_0006, 1)
    assert hpet._read(hw.COUNTER, 8) == 0x1_0000_0006


def test_a_running_counter_is_not_written() -> None:
    hpet = programmed(0, 100)
    ticks(hpet, 3)

    hpet._write(hw.COUNTER, 8, 99)

    assert hpet._read(hw.COUNTER, 8) == 3


def test_a_one_shot_interrupts_when_the_counter_matches() -> None:
    hpet = programmed(0, 100)

    counts = []
    for number in (99, 1, 1_000):
        ticks(hpet, number)
        counts.append(pulses(hpet, "irq2"))

    assert counts == [0, 1, 1]
    assert hpet._read(hw.STATUS, 8) == 0


def test_a_comparator_that_is_behind_waits_until_the_counter_wraps() -> None:
    hpet = programmed(hw.NARROW, 1_000)
    ticks(hpet, 500)
    hpet._write(at(0, hw.COMPARATOR), 4, 400)

    counts = []
    for number in ((1 << 32) - 501, 1, 399, 1):
        ticks(hpet, number)
        counts.append(pulses(hpet, "irq2"))

    assert counts == [0, 1, 1, 2]  # as it wraps, and as it matches


def test_a_periodic_timer_begins_where_it_is_told_to() -> None:
    hpet = programmed(hw.PERIODIC | hw.VALUE_SET, 50)
    hpet._write(at(0, hw.COMPARATOR), 8, 20)

    ticks(hpet, 95)

    assert pulses(hpet, "irq2") == 3  # 50, 70, 90
    assert hpet._read(at(0, hw.COMPARATOR), 8) == 110


def test_a_level_stays_until_its_status_is_written() -> None:
    hpet = programmed(hw.LEVEL, 10, number=1)
    ticks(hpet, 10)
    pending = hpet._read(hw.STATUS, 4), hpet.irq2.level

    hpet._write(hw.STATUS, 4, 2)

    assert pending == (2, 1)
    assert (hpet._read(hw.STATUS, 4), hpet.irq2.level) == (0, 0)


def test_halting_silences_a_level_and_keeps_its_status() -> None:
    hpet = programmed(hw.LEVEL, 10)
    ticks(hpet, 10)

    hpet._write(hw.CONFIGURATION, 4, 0)

    assert (hpet._read(hw.STATUS, 4), hpet.irq2.level) == (1, 0)


def test_status_is_there_also_without_interrupts() -> None:
    hpet = programmed(hw.LEVEL, 10)
    hpet._write(at(0, hw.TIMER_CONFIGURATION), 4, hw.LEVEL | hw.ROUTED)

    ticks(hpet, 10)

    assert (hpet._read(hw.STATUS, 4), hpet.irq2.level) == (1, 0)


@pytest.mark.parametrize(("number", "line"), [(0, "irq0"), (1, "irq8"), (2, "irq2")])
def test_legacy_replacement_takes_the_place_of_two_timers(number: int, line: str) -> None:
    hpet = programmed(0, 10, number, general=hw.ENABLED | hw.LEGACY)

    hpet.pit.set(1)
    hpet.rtc.set(1)
    ticks(hpet, 10)

    assert [event for event in hpet.outputs if event != ("line", "pit_enabled", 0)] == [
        ("line", line, 1),
        ("line", line, 0),
    ]


def test_without_it_the_old_timers_pass_through() -> None:
    hpet = HPET()

    hpet.pit.set(1)
    hpet.rtc.set(1)

    assert (hpet.irq0.level, hpet.irq8.level, hpet.pit_enabled.level) == (1, 1, 1)


def test_a_route_that_there_is_not_is_not_taken() -> None:
    hpet = HPET()
    configuration = at(0, hw.TIMER_CONFIGURATION)

    hpet._write(configuration, 4, 3 << 9)

    assert hpet._read(configuration, 4) & hw.ROUTE == 0


def test_a_state_without_the_offset_goes_on_from_the_counter() -> None:
    old, new = programmed(0, 100), HPET()
    ticks(old, 40)
    new.clock.now = old.clock.now
    section = Section(HPET.state)
    data = section.save(old)
    subsection = data.index(b"\x05\x0bhpet/offset")

    HPET.state.load(new, data[data.index(b"\x04hpet") + 13 : subsection])
    ticks(new, 2)

    assert new._read(hw.COUNTER, 8) == 42


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc(timed=True) as pc:
        yield pc


@pytest.fixture(scope="module")
def begin(qemu: QemuPc) -> tuple[bytes, int]:
    """What makes both sides equal, and the time."""
    return qemu.machine.save(), qemu.now


def afresh(qemu: QemuPc, begin: tuple[bytes, int]) -> HPET:
    """Bring QEMU to where it began; return ours at the same time."""
    devices, now = begin
    qemu.machine.load(devices)
    hpet = HPET()
    hpet.clock.advance(now)
    return hpet


def exact(hpet: HPET, step: Step) -> Step:
    """Return the step with numbers for what follows from the counter."""
    match step:
        case ("ahead", number, width, delta):
            value = hpet.counter + delta & (1 << 8 * width) - 1
            return "write", at(number, hw.COMPARATOR), width, value
    return step


def command(step: Step) -> str:
    verb, offset, width, *value = step
    name = f"{verb}{'q' if width == 8 else 'l'} {BASE + offset:#x}"
    return f"{name} {value[0]:#x}" if value else name


def taken(hpet: HPET, step: Step) -> int | None:
    match step:
        case ("write", offset, width, value):
            hpet._write(offset, width, value)
        case ("read", offset, width):
            return hpet._read(offset, width)
    return None


def compared(qemu: QemuPc, steps: Sequence[Step], hpet: HPET) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    return on_both(
        qemu,
        (exact(hpet, step) for step in steps),
        commands=lambda step: [command(step)],
        take=lambda step: taken(hpet, step),
        duration=lambda step: step[1] if step[0] == "wait" else 0,
        clock=hpet.clock,
    )


REGISTERS = (
    hw.IDENTITY, hw.CONFIGURATION, hw.STATUS, hw.STATUS, hw.STATUS, hw.COUNTER, 0x28,
    *(
        at(number, register)
        for number in range(3)
        for register in (hw.TIMER_CONFIGURATION, hw.COMPARATOR, hw.FSB_ROUTE)
    ),
)  # fmt: skip


class Drawn:
    """A trace: what software may do, kept out of what docs/devices.md lists."""

    def __init__(self, random: Random, length: int) -> None:
        self.random = random
        self.steps: list[Step] = []
        self.general = 0
        self.active: dict[int, int] = {}
        self.least = 0  # how far ahead comparators have to be, so that the lower half wraps first
        for number in random.sample(range(3), 2):
            self._timer(number)
        self._turn()
        while len(self.steps) < length:
            random.choices(
                (self._read, self._clear, self._program, self._switch_off, self._legacy, self._route, self._turn, self._wait),
                (6, 2, 2, 0.5, 1, 1, 1, 5),
            )[0]()  # fmt: skip

    def _write(self, offset: int, value: int, width: int = 4) -> None:
        self.steps.append(("write", offset, width, value))

    def _read(self) -> None:
        width = self.random.choice((4, 8))
        half = self.random.choice((0, 4)) if width == 4 else 0
        self.steps.append(("read", self.random.choice(REGISTERS) + half, width))

    def _wait(self) -> None:
        """Let time pass, and look at what came of it."""
        self.steps.append(("wait", self.random.choice((2_000, 60_000, 300_000, 1_000_000))))
        number = self.random.randrange(3)
        self.steps += [("read", hw.STATUS, 4), ("read", at(number, hw.COMPARATOR), 8)]

    def _clear(self) -> None:
        self._write(hw.STATUS, self.random.getrandbits(3))

    def _program(self) -> None:
        self._timer(self.random.randrange(3))

    def _timer(self, number: int) -> None:
        """Set a timer up as 2.3.9 says: one-shot first, so that both halves of the comparator are ahead."""
        random = self.random
        configuration, comparator = at(number, hw.TIMER_CONFIGURATION), at(number, hw.COMPARATOR)
        narrow = random.choice((0, hw.NARROW))
        value = random.choice((0, hw.LEVEL, hw.LEVEL)) | hw.INTERRUPTS | narrow | random.choice((0, hw.ROUTED))
        delta = self.least + random.choice((1_000, 5_000, 40_000)) + random.randrange(1_000)
        self._write(configuration, value)
        self.steps.append(("ahead", number, 4 if narrow else 8, delta))
        if random.random() < 0.5:
            self._write(configuration, value | hw.PERIODIC | hw.VALUE_SET)
            self.steps += [("read", configuration, 4), ("ahead", number, 4, delta)]
            self._write(comparator, random.choice((5_000, 33_333, 200_000)))
            self.steps.append(("read", configuration, 4))
        self.active[number] = value

    def _switch_off(self) -> None:
        number = self.random.randrange(3)
        self._write(hw.STATUS, 1 << number)
        self._write(at(number, hw.TIMER_CONFIGURATION), 0)
        self._write(at(number, hw.COMPARATOR), hw.ALL_ONES, 8)
        self.active.pop(number, None)

    def _legacy(self) -> None:
        self.general ^= hw.LEGACY
        self._write(hw.CONFIGURATION, self.general)

    def _route(self) -> None:
        register = at(self.random.randrange(3), hw.FSB_ROUTE)
        width = self.random.choice((4, 8))
        self._write(register, self.random.getrandbits(8 * width), width)

    def _turn(self) -> None:
        """Halt it, with nothing pending; or let it go on, with all comparators ahead."""
        random = self.random
        if self.general & hw.ENABLED:
            self._write(hw.STATUS, 7)
        elif random.random() < 0.7:
            self.least = random.choice((0, 3_000, 30_000))
            low = (1 << 32) - self.least if self.least else random.randrange(0xF000_0000)
            self._write(hw.COUNTER, random.getrandbits(24) << 32 | low, 8)
            if random.random() < 0.3:
                self._write(hw.COUNTER + 4, random.getrandbits(24))
        self.general ^= hw.ENABLED
        if self.general & hw.ENABLED:
            for number in sorted(self.active):
                self._timer(number)
        self._write(hw.CONFIGURATION, self.general)


def all_reads(steps: Sequence[Step]) -> list[Step]:
    return [*steps, *(("read", register, 8) for register in REGISTERS)]


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(1_000):
        hpet = afresh(qemu, begin)
        steps = all_reads(Drawn(Random(number), 40).steps)

        ours, theirs = compared(qemu, steps, hpet)

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(
    qemu: QemuPc, begin: tuple[bytes, int]
) -> None:
    for number in range(40):
        trace = Drawn(Random(number), 80).steps
        compared(qemu, trace[:40], afresh(qemu, begin))
        moved = HPET()
        moved.clock.now = qemu.now
        qemu.move_here(moved, LABEL)

        ours, theirs = compared(qemu, all_reads(trace[40:]), moved)

        assert ours == theirs, f"trace {number}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(40):
        hpet = afresh(qemu, begin)
        trace = Drawn(Random(number), 80).steps
        for step in trace[:40]:
            if step[0] == "wait":
                hpet.clock.advance(qemu.advance(step[1]))
            else:
                taken(hpet, exact(hpet, step))
        qemu.move_there(hpet, LABEL)

        ours, theirs = compared(qemu, all_reads(trace[40:]), hpet)

        assert ours == theirs, f"trace {number}"
