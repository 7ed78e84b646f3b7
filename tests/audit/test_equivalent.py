"""The file of losses that make no difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressor.audit.equivalent import read_equivalents, reason_for
from stressor.audit.mutant import Loss, Mutant
from stressor.errors import UsageError

ENTRY = '[[equivalent]]\ntarget = "timer*"\nmutant = "* timer/0.regs[*].dack"\nreason = "a pin"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "audit.toml"
    file.write_text(text)
    return file


def test_an_entry_gives_its_reason_to_what_it_covers(tmp_path: Path) -> None:
    entries = read_equivalents(written(tmp_path, ENTRY))

    assert reason_for(entries, "timer.Pair", Mutant(Loss.ELEMENT, "timer/0.regs[2].dack")) == "a pin"
    assert reason_for(entries, "timer", Mutant(Loss.DROPPED, "timer/0.regs[].eop")) == ""
    assert reason_for(entries, "clock", Mutant(Loss.DROPPED, "timer/0.regs[].dack")) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[equivalent]", "tables with target, mutant and reason"),
        (ENTRY.replace("reason", "because"), "tables with target, mutant and reason"),
        (ENTRY.replace("a pin", " "), "has no reason"),
        ("equivalent = 3", "tables with target, mutant and reason"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_equivalents(written(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_equivalents(tmp_path / "none.toml")


def test_one_entry_may_cover_several(tmp_path: Path) -> None:
    text = ENTRY.replace('"* timer/0.regs[*].dack"', '["* timer/0.dack", "* timer/0.eop"]')
    entries = read_equivalents(written(tmp_path, text))

    assert reason_for(entries, "timer", Mutant(Loss.DROPPED, "timer/0.eop")) == "a pin"
    assert reason_for(entries, "timer", Mutant(Loss.DROPPED, "timer/0.mode")) == ""


def test_a_swap_is_equivalent_only_when_the_loss_of_both_fields_is(tmp_path: Path) -> None:
    text = ENTRY + ENTRY.replace("dack", "eop")
    entries = read_equivalents(written(tmp_path, text))

    assert reason_for(entries, "timer", Mutant(Loss.SWAPPED, "timer/0.regs[].dack", "timer/0.regs[].eop")) == "a pin"
    assert reason_for(entries, "timer", Mutant(Loss.SWAPPED, "timer/0.regs[].count", "timer/0.regs[].eop")) == ""
    assert reason_for(entries, "timer", Mutant(Loss.SWAPPED, "timer/0.regs[].eop", "timer/0.regs[].count")) == ""
