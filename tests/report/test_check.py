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
    old = {key: device(plant[0], key) for key, plant in PLANTED.items()}
    new = {key: device(plant[1], key) for key, plant in PLANTED.items()}
    return Dump("board", old), Dump("board", new)


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
    old = Dump("", {name: device(described(field("a")), name) for name in names})
    new = Dump("", {name: device(described(field("a"), field("b")), name) for name in names})

    lines = check_text(checked(old, new)).splitlines()

    assert lines.count("pit, rtc, uart") == 1
    assert sum("added  b" in line for line in lines) == 1
