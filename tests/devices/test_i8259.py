"""The interrupt controllers, by the datasheet and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from devices.i8259 import I8259Pair
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

PORTS = {0x20: ("first", 0), 0x21: ("first", 1), 0xA0: ("second", 0), 0xA1: ("second", 1)}
ELCR = {0x4D0: "first", 0x4D1: "second"}
POLL, READ_IRR, READ_ISR = 0x0C, 0x0A, 0x0B
START = [("out", 0x20, 0x11), ("out", 0x21, 0x08), ("out", 0x21, 0x04), ("out", 0x21, 0x01)]
"""What firmware writes to the first controller: vectors from 8 on."""


def do(pair: I8259Pair, step: Step) -> int | None:
    """Take one step on ours; return what a read gives."""
    match step:
        case ("out", port, value) if port in PORTS:
            name, offset = PORTS[port]
            getattr(pair, name)._write(offset, 1, value)
        case ("in", port) if port in PORTS:
            name, offset = PORTS[port]
            return int(getattr(pair, name)._read(offset, 1))
        case ("out", port, value):
            getattr(pair, ELCR[port])._write_elcr(0, 1, value)
        case ("in", port):
            return int(getattr(pair, ELCR[port])._read_elcr(0, 1))
        case ("line", number, level):
            chip = pair.second if number > 7 else pair.first
            getattr(chip, f"ir{number & 7}").set(level)
    return None


def line(paths: Sequence[str], step: Step) -> str:
    """Return a step as a qtest command."""
    match step:
        case ("out", port, value):
            return f"outb {port:#x} {value:#x}"
        case ("in", port):
            return f"inb {port:#x}"
        case _:
            _, number, level = step
            return f"set_irq_in {paths[number >> 3]} unnamed-gpio-in {number & 7} {level}"


def drawn(random: Random, length: int) -> list[Step]:
    """Draw a trace in which initialization, masks, ends and polls are as frequent as their use is.

    The first controller is initialized at the beginning only: docs/devices.md says what QEMU does else.
    """
    steps: list[Step] = [
        ("out", 0x20, 0x10 | random.getrandbits(4)),
        ("out", 0x21, random.getrandbits(8)),
    ]
    high: set[int] = set()
    for _ in range(length):
        base = random.choice((0x20, 0xA0))
        choice = random.random()
        if choice < 0.35:
            number = random.choice([each for each in range(16) if each != 2])
            high ^= {number}  # a wire says nothing when its level stays
            steps.append(("line", number, int(number in high)))
        elif choice < 0.55:
            steps.append(("in", base + random.getrandbits(1)))
        elif choice < 0.65:
            steps += [
                ("out", base, random.choice((POLL, READ_IRR, READ_ISR, POLL | READ_ISR))),
                ("in", base),
            ]
        elif choice < 0.75:
            steps.append(
                ("out", base, random.choice((0x20, 0xA0, 0x60, 0xE0, 0xC0)) | random.randrange(8))
            )
        elif choice < 0.85:
            steps.append(("out", base + 1, random.choice((0, 0xFF, random.getrandbits(8)))))
        elif choice < 0.9:
            steps += [
                ("out", 0xA0, 0x10 | random.getrandbits(4)),
                ("out", 0xA1, random.getrandbits(8)),
            ]
        elif choice < 0.95:
            steps.append(("out", 0x4D0 + (base >> 7), random.getrandbits(8)))
        else:
            steps.append(("out", base, random.getrandbits(8) & (0xEF if base == 0x20 else 0xFF)))
    return steps


def all_reads(steps: Sequence[Step]) -> list[Step]:
    """Add reads of everything that can be read."""
    see = [
        ("out", 0x20, READ_IRR),
        ("in", 0x20),
        ("out", 0x20, READ_ISR),
        ("in", 0x20),
        ("in", 0x21),
    ]
    see += [
        ("out", 0xA0, READ_IRR),
        ("in", 0xA0),
        ("out", 0xA0, READ_ISR),
        ("in", 0xA0),
        ("in", 0xA1),
    ]
    return [*steps, *see, ("in", 0x4D0), ("in", 0x4D1)]


# by the datasheet


def started() -> I8259Pair:
    pair = I8259Pair()
    for step in [
        *START,
        ("out", 0xA0, 0x11),
        ("out", 0xA1, 0x70),
        ("out", 0xA1, 2),
        ("out", 0xA1, 1),
    ]:
        do(pair, step)
    return pair


def test_an_edge_asks_until_it_is_acknowledged() -> None:
    pair = started()

    pair.first.ir5.set(1)

    assert (pair.first.interrupt.level, pair.acknowledge()) == (1, 0x08 + 5)
    assert (pair.first.requests, pair.first.in_service, pair.first.interrupt.level) == (0, 0x20, 0)


def test_the_second_controller_asks_through_input_2_of_the_first() -> None:
    pair = started()

    pair.second.ir4.set(1)

    assert pair.acknowledge() == 0x70 + 4
    assert (pair.first.in_service, pair.second.in_service) == (0x04, 0x10)


def test_what_is_in_service_holds_back_its_own_priority_and_below() -> None:
    pair = started()
    pair.first.ir3.set(1)
    pair.acknowledge()

    pair.first.ir4.set(1)
    lower = pair.first.interrupt.level
    pair.first.ir1.set(1)

    assert (lower, pair.first.interrupt.level) == (0, 1)


def test_in_special_mask_mode_a_masked_level_holds_nobody_back() -> None:
    pair = started()
    pair.first.ir3.set(1)
    pair.acknowledge()

    do(pair, ("out", 0x21, 0x08))
    do(pair, ("out", 0x20, 0x68))
    pair.first.ir4.set(1)

    assert pair.first.interrupt.level == 1


@pytest.mark.parametrize(("single", "mode"), [(False, 0x13), (True, 0x13), (False, None), (True, None)])
def test_an_initialization_ends_with_the_mask_next(single: bool, mode: int | None) -> None:
    chip = I8259Pair().first
    chip.initialize(3, single, mode)
    chip._write(1, 1, 0xA5)

    assert (chip.vector_base, chip.mask) == (24, 0xA5)
    assert (chip.single, chip.automatic_end, chip.special_fully_nested) == (2 * single, int(mode is not None), int(mode is not None))


def test_a_command_word_says_what_is_read_and_what_a_mask_means() -> None:
    chip = I8259Pair().first
    seen = []
    for special, poll, reads in ((3, True, 3), (0, False, 0), (2, False, 2)):
        chip.operate(special, poll, reads)
        seen.append((chip.special_mask, chip.polling, chip.reads_in_service))

    assert seen == [(1, 1, 1), (1, 1, 1), (0, 1, 0)]


def test_rotation_makes_the_one_that_was_served_the_lowest() -> None:
    pair = started()
    pair.first.ir4.set(1)
    pair.acknowledge()

    do(pair, ("out", 0x20, 0xA0))

    assert pair.first.highest == 5


def test_a_request_that_is_gone_is_acknowledged_as_the_last_input() -> None:
    assert started().acknowledge() == 0x08 + 7


def test_a_level_that_stays_asks_again() -> None:
    pair = started()
    do(pair, ("out", 0x4D0, 0x20))
    pair.first.ir5.set(1)
    pair.acknowledge()

    do(pair, ("out", 0x20, 0x20))

    assert pair.first.interrupt.level == 1


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc() as pc:
        yield pc


def compared(qemu: QemuPc, steps: Sequence[Step], pair: I8259Pair) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    paths = qemu.devices("isa-i8259")
    return on_both(qemu, steps, commands=lambda step: [line(paths, step)], take=lambda step: do(pair, step))


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc) -> None:
    for number in range(1_000):
        qemu.reset()
        steps = all_reads(drawn(Random(number), 30))

        ours, theirs = compared(qemu, steps, I8259Pair())

        assert ours == theirs, f"trace {number}: {steps}"


CHIPS = {"first": "i8259/0", "second": "i8259/1"}


def beside(pair: I8259Pair) -> I8259Pair:
    """Return a new pair on the same lines."""
    other = I8259Pair()
    for name in CHIPS:
        for mine, its in zip(
            getattr(other, name).lines.values(), getattr(pair, name).lines.values(), strict=True
        ):
            mine.level = its.level
    return other


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(qemu: QemuPc) -> None:
    for number in range(40):
        qemu.reset()
        pair = I8259Pair()
        trace = drawn(Random(number), 60)
        compared(qemu, trace[:40], pair)
        moved = beside(pair)
        for name, label in CHIPS.items():
            qemu.move_here(getattr(moved, name), label)

        ours, theirs = compared(qemu, all_reads(trace[40:]), moved)

        assert ours == theirs, f"trace {number}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state(qemu: QemuPc) -> None:
    for number in range(40):
        qemu.reset()
        pair = I8259Pair()
        trace = drawn(Random(number), 60)
        for step in trace[:40]:
            do(pair, step)
        for name, label in CHIPS.items():
            qemu.move_there(getattr(pair, name), label)

        ours, theirs = compared(qemu, all_reads(trace[40:]), pair)

        assert ours == theirs, f"trace {number}"
