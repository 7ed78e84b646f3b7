"""The DMA controllers, by the datasheet and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from devices.i8257 import I8257, PAGES, I8257Pair
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

PARTS = ("narrow", "wide")
LABELS = ("dma/0", "dma/1")
CLEAR, REQUEST, MASK_ALL, STATUS = 13, 9, 15, 8


def program(part: I8257, number: int, mode: int, address: int, count: int) -> None:
    for offset, value in ((12, 0), (11, mode | number), (10, number)):
        part._write(offset, 1, value)
    for offset, value in ((2 * number, address), (2 * number + 1, count)):
        part._write(offset, 1, value & 0xFF)
        part._write(offset, 1, value >> 8)


def read16(part: I8257, offset: int) -> int:
    part._write(12, 1, 0)
    return part._read(offset, 1) | part._read(offset, 1) << 8


# by the datasheet


def test_a_peripheral_writes_to_memory_until_terminal_count() -> None:
    part = I8257()
    program(part, 2, 0x44, 0x1000, 3)

    part.request(2, b"ab")
    part.request(2, b"cdef")

    assert part.ram.read(0x1000, 6) == b"abcd\0\0"
    assert part._read(STATUS, 1) == 0x04
    assert part.mask & 0x04


def test_a_peripheral_is_given_what_memory_holds() -> None:
    part = I8257()
    part.ram.store(0x2000, b"xyz")
    program(part, 1, 0x48, 0x2000, 2)

    assert part.request(1, bytes(8)) == b"xyz"


def test_a_masked_channel_and_a_disabled_part_move_nothing() -> None:
    part = I8257()
    program(part, 0, 0x48, 0, 9)
    part._write(10, 1, 4)
    masked = part.request(0, b"1")
    part._write(10, 1, 0)
    part._write(8, 1, 4)

    assert (masked, part.request(0, b"1")) == (b"", b"")


def test_an_autoinitialized_channel_begins_again() -> None:
    part = I8257()
    program(part, 3, 0x54, 0x100, 1)

    part.request(3, b"ab")
    part.request(3, b"c")

    assert (part.ram.read(0x100, 2), part.mask & 8) == (b"cb", 0)


def test_the_second_controller_moves_words() -> None:
    pair = I8257Pair()
    program(pair.wide, 1, 0x44, 0x80, 1)

    pair.wide.request(1, b"abcde")

    assert pair.ram.read(0x100, 5) == b"abcd\0"
    assert read16(pair.wide, 2) == 0x82


def test_addresses_count_down_when_told_to() -> None:
    part = I8257()
    program(part, 0, 0x64, 0x10, 3)

    part.request(0, b"ab")

    assert (part.ram.read(0x0F, 2), read16(part, 0), read16(part, 1)) == (b"ba", 0x0E, 1)


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc() as pc:
        yield pc


def port(step: Step) -> int:
    _, controller, region, offset, *_ = step
    if region == "io":
        return int(0xC0 + 2 * offset if controller else offset)
    return int(0x80 + 8 * controller + offset)


def command(step: Step) -> str:
    return f"outb {port(step):#x} {step[4]:#x}" if step[0] == "write" else f"inb {port(step):#x}"


def taken(pair: I8257Pair, step: Step) -> int | None:
    verb, controller, region, offset, *value = step
    part, declared = getattr(pair, PARTS[controller]), getattr(I8257, region)
    answer: int | None = getattr(part, declared.writer if verb == "write" else declared.reader)(offset, 1, *value)
    return answer


def compared(qemu: QemuPc, steps: Sequence[Step], pair: I8257Pair) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    return on_both(qemu, steps, commands=lambda step: [command(step)], take=lambda step: taken(pair, step))


def afresh() -> list[Step]:
    """What makes channels equal: QEMU's reset leaves them as they were."""
    steps: list[Step] = []
    for controller in range(2):
        steps.append(("write", controller, "io", CLEAR, 0))
        for number in range(4):
            steps += [("write", controller, "io", 11, number)]
            steps += [("write", controller, "io", 2 * number + which, 0) for which in (0, 0, 1, 1)]
        steps += [("write", controller, "pages", page, 0) for page in PAGES]
    return steps


def drawn(random: Random, length: int) -> list[Step]:
    steps: list[Step] = []
    for _ in range(length):
        controller, value = random.getrandbits(1), random.choice((0, 0xFF, random.getrandbits(8)))
        region = random.choice(("io", "io", "io", "io", "pages"))
        offset = random.choice(tuple(PAGES)) if region != "io" else random.randrange(16)
        if random.random() < 0.5:
            steps.append(("write", controller, region, offset, value))
        elif region != "io" or offset not in (REQUEST, MASK_ALL):  # see docs/devices.md
            steps.append(("read", controller, region, offset))
    return steps


def all_reads(steps: Sequence[Step]) -> list[Step]:
    reads: list[Step] = []
    for controller in range(2):
        reads += [
            ("read", controller, "io", offset) for number in range(8) for offset in (number, number)
        ]
        reads.append(("read", controller, "io", STATUS))
        reads += [("read", controller, "pages", page) for page in PAGES]
    return [*steps, *reads]


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc) -> None:
    for number in range(1_000):
        pair = I8257Pair()
        compared(qemu, afresh(), pair)
        steps = all_reads(drawn(Random(number), 60))

        ours, theirs = compared(qemu, steps, pair)

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
def test_sections_move_both_ways_byte_for_byte(qemu: QemuPc) -> None:
    for number in range(40):
        pair, moved = I8257Pair(), I8257Pair()
        # what software asked for does not travel in QEMU's section
        trace = [
            step
            for step in [*afresh(), *drawn(Random(number), 200)]
            if step[2:4] != ("io", REQUEST)
        ]
        compared(qemu, trace[:140], pair)
        for name, label in zip(PARTS, LABELS, strict=True):
            qemu.move_here(getattr(moved, name), label)
        compared(qemu, afresh(), I8257Pair())
        for name, label in zip(PARTS, LABELS, strict=True):
            qemu.move_there(getattr(moved, name), label)

        ours, theirs = compared(qemu, all_reads(trace[140:]), moved)

        assert ours == theirs, f"trace {number}"
