"""What is said to have been seen of a field."""

from __future__ import annotations

import stressor.vmstate as vm
from stressor.device import Device, Region
from stressor.loop.coverage import FieldCoverage
from stressor.loop.trace import Operation
from stressor.targets.model import model_of


class Latches(Device):
    """Two bytes in an array, a word and a flag: each is what was written last."""

    state = vm.Description(
        "latches", fields=[vm.array("latch", vm.u8, 2), vm.u16("word"), vm.boolean("flag"), vm.u8("idle")]
    )
    io = Region(size=4, registers={0: "first", 1: "second", 2: "word", 3: "flag"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.latch = [0, 0]
        self.word = self.idle = 0
        self.flag = False

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return 0

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if offset < 2:
            self.latch[offset] = value
        elif offset == 2:
            self.word = value << 8
        else:
            self.flag = bool(value & 1)


def seen_after(*writes: tuple[int, int]) -> tuple[set[str], set[str]]:
    """Return the fields that were exercised, and those of which every bit toggled."""
    model = model_of(Latches, "latches", "latches")
    target, coverage = model.open(), FieldCoverage()
    coverage.add(target.save())
    for offset, value in writes:
        target.execute([Operation("io.write", (offset, 1, value))])
        coverage.add(target.save())
    pristine = model.open()
    fields = set(model.fields)
    return fields & coverage.exercised(pristine, model.prefix), fields & coverage.toggled(pristine, model.prefix)


def test_a_field_with_a_bit_that_never_changed_is_seen_and_no_more() -> None:
    assert seen_after((0, 0x7F), (2, 0xFF)) == ({"latch[]", "word"}, set())


def test_every_bit_of_a_field_may_toggle_at_another_time() -> None:
    assert seen_after((0, 0xF0), (0, 0x0F), (3, 1)) == ({"latch[]", "flag"}, {"latch[]", "flag"})


def test_bits_of_an_array_toggle_in_any_element() -> None:
    assert seen_after((0, 0xF0), (1, 0x0F)) == ({"latch[]"}, {"latch[]"})


def test_what_was_never_touched_is_not_seen() -> None:
    assert seen_after() == (set(), set())
