"""The report of a check: every planted difference, and what one direction leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressor.report.check import Checked, check_text
from stressor.vmstate.check import Direction, check_dumps
from stressor.vmstate.check.accepted import sort_out
from stressor.vmstate.dump import Dump
from tests.stored import assert_stored
from tests.vmstate.check.dumps import described, device, dump, field
from tests.vmstate.check.test_rules import PLANTED


def checked(old: Dump, new: Dump, *directions: Direction) -> Checked:
    comparison = check_dumps(old, new)
    result = sort_out(comparison.differences, [])
    return Checked(comparison, result, "old.json", "new.json", directions or tuple(Direction))


@pytest.fixture
def planted() -> tuple[Dump, Dump]:
    sides = [{key: device(plant[side], key) for key, plant in PLANTED.items()} for side in (0, 1)]
    return Dump("board", sides[0]), Dump("board", sides[1])


def test_every_kind_of_difference_has_its_text(planted: tuple[Dump, Dump]) -> None:
    text = check_text(checked(*planted), whole=True)

    assert max(map(len, text.splitlines())) <= 80
    assert_stored(Path(__file__).parent / "check.txt", text)


def test_one_direction_has_one_column(planted: tuple[Dump, Dump]) -> None:
    text = check_text(checked(*planted, Direction.BACKWARD))

    assert text.startswith("new -> old: ")
    assert "  <-      difference" in text.splitlines()
    assert "  breaks  version  1 -> 2" in text.splitlines()
    assert "      -> " not in text


def test_long_paths_and_names_fit(planted: tuple[Dump, Dump]) -> None:
    old = described(name="uart" * 60)
    new = described(field("x" * 300, conditional=True), name="uart" * 60)

    text = check_text(checked(dump(old, machine="m" * 200), dump(new, machine="n" * 200)))

    assert max(map(len, text.splitlines())) <= 80


def test_sections_with_the_same_differences_stand_together() -> None:
    names = ("rtc", "pit", "uart")
    old = dump(**{name: described(field("a"), name="state") for name in names})
    new = dump(**{name: described(field("a"), field("b"), name="state") for name in names})

    lines = check_text(checked(old, new)).splitlines()

    assert lines.count("pit, rtc, uart") == 1
    assert sum("added  b" in line for line in lines) == 1
