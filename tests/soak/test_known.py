from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest

from stressor.errors import RecordError, UsageError
from stressor.soak.chronicle import Acceptance
from stressor.soak.known import accept, read_known
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.findings.test_store import full_disk

DAY = datetime.date(2026, 11, 28)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def test_without_a_file_nothing_is_known(file: Path) -> None:
    assert read_known(file) == {}


@pytest.mark.parametrize("reason", ["it is so", 'a "quoted"\nline \\ and \x7f \x01 \u2028 é', "'''"])
def test_what_was_accepted_is_read_back(file: Path, reason: str) -> None:
    assert accept(file, FORGOTTEN_FIFO, reason, DAY)

    assert read_known(file) == {FORGOTTEN_FIFO.id: Acceptance(reason, "2026-11-28")}


def test_what_is_in_the_file_stays_as_it_is(file: Path) -> None:
    file.write_text('# ours\n[F-00000000]\nreason = "old"  # why\ndate = 2020-01-01')

    accept(file, FORGOTTEN_FIFO, "new", DAY)
    accept(file, LOST_INTERRUPT, "newer", DAY)

    assert file.read_text().startswith('# ours\n[F-00000000]\nreason = "old"  # why\ndate = 2020-01-01\n\n[F-')
    assert [each.reason for each in read_known(file).values()] == ["old", "new", "newer"]


def test_a_finding_is_accepted_once(file: Path) -> None:
    accept(file, FORGOTTEN_FIFO, "first", DAY)

    assert not accept(file, FORGOTTEN_FIFO, "second", DAY)
    assert read_known(file)[FORGOTTEN_FIFO.id].reason == "first"


def test_names_from_a_target_may_hold_anything(file: Path) -> None:
    odd = dataclasses.replace(FORGOTTEN_FIFO, target='a"]\n[F-x]\ud800')

    accept(file, odd, "odd", DAY)

    assert list(read_known(file)) == [odd.id]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[F-1\n", "known.toml: .*; correct the file"),
        ("[findings]\n", r"findings is no finding's whole id; write a table for each, such as \[F-7c1e04ab\]"),
        ("[F-7c1e]\n", "F-7c1e is no finding's whole id"),
        ("[F-7C1E04AB]\n", "F-7C1E04AB is no finding's whole id"),
        ('[F-00000001]\ntarget = 5\n', r'\[F-00000001\] has a target that is no text; write target = "..."'),
        ('[F-00000001]\nreason = ""\ndate = 2026-01-01\n', r'says no reason; write reason = "..."'),
        ('[F-00000001]\nreason = "x"\n', "says no date; write date = "),
        ('[F-00000001]\nreason = "x"\ndate = "soon"\n', "says no date; write date = "),
        ('[F-00000001]\nresaon = "x"\n', "has no key 'resaon'; its keys are reason, date, target, field"),
    ],
)
def test_what_is_wrong_is_told(file: Path, text: str, message: str) -> None:
    file.write_text(text)

    with pytest.raises(UsageError, match=message):
        read_known(file)
    with pytest.raises(UsageError, match=message):
        accept(file, FORGOTTEN_FIFO, "x", DAY)
    assert file.read_text() == text


def test_without_a_reason_nothing_is_accepted(file: Path) -> None:
    with pytest.raises(UsageError, match="a finding is accepted for a reason"):
        accept(file, FORGOTTEN_FIFO, " ", DAY)
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_told(file: Path) -> None:
    with full_disk(), pytest.raises(RecordError, match="cannot be written: File too large"):
        accept(file, FORGOTTEN_FIFO, "x", DAY)
    assert not file.exists()
