"""A piece of the saved bytes is found by its path, also a byte of a buffer that is named as a whole."""

from __future__ import annotations

import stressor.vmstate as vm
from stressor.loop.saved import Saved, bytes_of
from stressor.loop.target import SavedField
from stressor.vmstate import Section

STATE = vm.Description("card", fields=[vm.u16("level"), vm.buffer("memory", 4), vm.array("words", vm.u16, 2)])


class Card:
    level = 1
    memory = bytearray(b"abcd")
    words = (5, 6)


def saved(*, whole: bool) -> list[SavedField]:
    section = Section(STATE)
    return [SavedField(*field) for field in section.fields_of(section.save(Card()), whole=whole)]


def test_a_whole_buffer_is_one_piece_and_stands_for_its_bytes() -> None:
    pieces = saved(whole=True)

    assert [field.path for field in pieces if "memory" in field.path] == ["card/0.memory[0]"]
    assert [byte for field in pieces for byte in bytes_of(field)] == saved(whole=False)


def test_each_piece_is_found_by_its_path() -> None:
    known = Saved(saved(whole=True))

    assert [known.get(field.path) for field in saved(whole=False)] == saved(whole=False)
    assert [known.get(f"card/0.{path}") for path in ("memory[4]", "memory", "more")] == [None] * 3


def test_a_buffer_that_qemu_names_without_indexes_hides_nothing_and_is_one_piece() -> None:
    palette = SavedField("pl110/0.raw_palette", "buffer", 20, 2, b"\5\6")
    flag = SavedField("pl110/0.invalidate", "int32", 22, 4, 1)

    assert [Saved([palette, flag]).get(field.path) for field in (palette, flag)] == [palette, flag]
    assert [*bytes_of(palette)] == [palette]
