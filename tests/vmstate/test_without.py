"""Descriptions that have forgotten something."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.vmstate.without import (
    hooks_of,
    subsections_of,
    without_field,
    without_hook,
    without_subsection,
)

CHANNEL = vm.Description("channel", fields=[vm.u16("count"), vm.u8("mode")], post_load=lambda channel, version: None)
BOARD = vm.Description(
    "board",
    fields=[
        vm.u8("mask"),
        vm.array("table", vm.u8, 4),
        vm.struct_array("channels", CHANNEL, 2),
        vm.u8("length"),
        vm.variable_array("data", vm.u8, length="length", maximum=8),
    ],
    subsections=[vm.Description("board/late", needed="late != 0", fields=[vm.u32("late")])],
)


def paths(description: vm.Description | None) -> list[str]:
    assert description is not None
    return [*dict.fromkeys(description.attributes.values())]


@pytest.mark.parametrize("path", ["mask", "table[]", "channels[].mode", "late", "length", "data[]"])
def test_one_field_is_gone_and_the_others_are_not(path: str) -> None:
    assert paths(without_field(BOARD, path)) == [other for other in paths(BOARD) if other != path]


def test_a_description_is_left_as_it_was() -> None:
    before = paths(BOARD)
    without_field(BOARD, "channels[].mode")

    assert paths(BOARD) == before


def test_there_is_none_without_what_was_not_there() -> None:
    assert without_field(BOARD, "channels[].state") is None
    assert without_subsection(BOARD, "board/early") is None
    assert without_hook(BOARD, "board") is None


def test_a_subsection_is_gone() -> None:
    assert [name for name, _ in subsections_of(BOARD)] == ["board/late"]
    assert "late" not in paths(without_subsection(BOARD, "board/late"))


def test_a_hook_within_an_array_is_gone() -> None:
    changed = without_hook(BOARD, "channel")

    assert changed is not None
    assert (hooks_of(BOARD), hooks_of(changed)) == (["channel"], [])
