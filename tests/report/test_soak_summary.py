"""What a job's summary says of a soak, and what nights come to."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from stressor.report.block import failure_block
from stressor.report.soak_summary import soak_summary
from stressor.report.soak_verdict import Level, coverage, level_of, since, unrest, verdict, when
from stressor.soak.history import FindingStatus, History
from tests.report.soak_sample import CLEAN, EMPTY, HISTORY, HOSTILE, HOSTILE_NAME
from tests.stored import assert_stored

IDLE = dataclasses.replace(CLEAN, sessions=(dataclasses.replace(CLEAN.sessions[0], cycles=0),))
KNOWN_ALONE = dataclasses.replace(
    HISTORY, findings=tuple(one for one in HISTORY.findings if one.status is FindingStatus.KNOWN)
)


@pytest.mark.parametrize("name", ["all", "last"])
def test_whole_summaries(name: str) -> None:
    history = HISTORY if name == "all" else since(HISTORY, 4)

    assert_stored(Path(__file__).parent / f"soak-{name}.md", soak_summary(history, failure_block))


@pytest.mark.parametrize(
    ("history", "level", "line"),
    [
        (HISTORY, Level.NEW, "2 new findings, 1 open, 1 not replaying, 1 gone, 1 known"),
        (KNOWN_ALONE, Level.CLEAN, "nothing diverged (1 known finding)"),
        (CLEAN, Level.CLEAN, "nothing diverged"),
        (IDLE, Level.NOTHING_RAN, "nothing ran: not one cycle, so nothing was shown"),
        (EMPTY, Level.NOTHING_RAN, "nothing ran: the journal holds no session"),
    ],
    ids=["findings", "known", "clean", "idle", "empty"],
)
def test_the_verdict_is_clean_only_when_something_ran(history: History, level: Level, line: str) -> None:
    assert (level_of(history), verdict(history)) == (level, line)


def test_a_later_beginning_leaves_out_what_was_gone_before() -> None:
    gone = HISTORY.findings[0]

    assert gone in since(HISTORY, gone.since).findings
    assert gone not in since(HISTORY, gone.since + 1).findings


def test_an_earlier_beginning_makes_what_came_later_new() -> None:
    (found,) = [one for one in HISTORY.findings if one.status is FindingStatus.OPEN]
    statuses = {one.finding.id: one.status for one in since(HISTORY, found.first_session).findings}

    assert statuses[found.finding.id] is FindingStatus.NEW


def test_a_night_says_what_it_did_not_reach() -> None:
    assert coverage(HISTORY) == (
        "94 of 117 fields left the reset value, 53 with every bit at 0 and at 1; 2 operations never drawn; "
        "1 oracle never spoke"
    )
    assert list(unrest(HISTORY)) == [
        "1 target not looked at, or not to the end", "1 target not deterministic", "2 jobs hung, 2 jobs died",
    ]  # fmt: skip
    assert list(unrest(since(HISTORY, 5))) == [
        "1 target not looked at, or not to the end", "1 target not deterministic",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-27T20:00:59Z", "2026-11-27 20:00"),
        ("2026-11-27T20:00:59.123456+00:00", "2026-11-27 20:00"),
        ("2026-11-27", "2026-11-27"),
        ("<b>\x1b", r"<b>\x1b"),
    ],
)
def test_a_moment_is_shown_to_the_minute(given: str, shown: str) -> None:
    assert when(given) == shown


def test_markdown_makes_nothing_of_a_hostile_name() -> None:
    text = soak_summary(HOSTILE, failure_block)
    outside = re.sub(r"```.*?\n````*\n", "", text, flags=re.DOTALL)

    assert HOSTILE_NAME not in text
    assert "\x1b" not in text
    assert "<script" not in re.sub(r"\\.", "", outside)


def test_a_summary_is_bounded() -> None:
    many = dataclasses.replace(HISTORY, findings=HISTORY.findings[-1:] * 5_000)
    text = soak_summary(many, lambda finding: "x" * 100_000)

    assert len(text.encode()) <= 513 << 10
    assert "4,900 findings more" in text
