from __future__ import annotations

import dataclasses

import pytest

from stressor.cli.exit_code import ExitCode, exit_code_of
from stressor.loop.events import RunFinished
from stressor.report.verdict import Verdict, verdict_line, verdict_of

GOOD = RunFinished(20_000, 203_112, (), (), 1.5)


@pytest.mark.parametrize(
    ("changes", "verdict", "code"),
    [
        ({}, Verdict.CLEAN, 0),
        ({"findings": ("F-1",)}, Verdict.FINDINGS, 1),
        ({"findings": ("F-1",), "cycles": 0}, Verdict.FINDINGS, 1),
        ({"findings": ("F-1",), "broken": ("a",)}, Verdict.BROKEN, 3),
        ({"cycles": 0}, Verdict.NOTHING_RAN, 4),
        ({"unchecked": ("a",), "checked": False}, Verdict.NOTHING_RAN, 4),
        ({"unchecked": ("a",)}, Verdict.CLEAN, 0),
        ({"cycles": 0, "uncovered": ("a",)}, Verdict.NOTHING_RAN, 4),
        ({"uncovered": ("a",)}, Verdict.TOO_LITTLE, 1),
        ({"uncovered": ("a",), "findings": ("F-1",)}, Verdict.FINDINGS, 1),
        ({"uncovered": ("a",), "broken": ("a",)}, Verdict.BROKEN, 3),
        ({"cycles": 0, "interrupted": True}, Verdict.INTERRUPTED, 130),
        ({"findings": ("F-1",), "interrupted": True}, Verdict.INTERRUPTED, 130),
    ],
)
def test_how_a_run_ends(changes: dict[str, object], verdict: Verdict, code: int) -> None:
    finished = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]

    assert verdict_of(finished) is verdict
    assert exit_code_of(verdict) == code


def test_every_verdict_has_an_exit_code() -> None:
    assert {exit_code_of(verdict) for verdict in Verdict} == set(ExitCode) - {ExitCode.USAGE}


def test_a_clean_run_says_what_it_did() -> None:
    assert verdict_line(GOOD, ["uart"], []) == (
        "clean: 1 device, 20,000 cycles, 203,112 operations, nothing diverged"
    )


def test_what_was_not_checked_is_said() -> None:
    some = dataclasses.replace(GOOD, unchecked=("a",))
    none = dataclasses.replace(GOOD, unchecked=("a", "b"), checked=False)

    assert verdict_line(some, ["a", "b"], []).replace("\n ", "").endswith("nothing diverged; nothing was checked in a")
    assert verdict_line(none, ["a", "b"], []) == (
        "nothing was checked (2 devices, 20,000 cycles, 203,112 operations): no oracle\n"
        "  that was asked for had anything to look at; choose others, or give it more:\n"
        "  cycles, or for invariants-hold a description with `validate`"
    )


def test_findings_count_each_device_once() -> None:
    finished = dataclasses.replace(GOOD, findings=("F-1", "F-2"))

    assert verdict_line(finished, ["a", "b"], ["a", "a"]) == "2 findings in 1 device: F-1, F-2"


def test_more_findings_than_fit_are_counted() -> None:
    finished = dataclasses.replace(GOOD, findings=tuple(f"F-{index:08x}" for index in range(25)))

    assert verdict_line(finished, ["a"], ["a"]) == "25 findings in 1 device"


def test_too_little_is_said_with_what_is_required() -> None:
    finished = dataclasses.replace(GOOD, uncovered=("a", "b"))

    assert verdict_line(finished, ["a", "b", "c"], [], 95.0) == (
        "too little was exercised: less than 95 % of the fields of a, b; nothing diverged\n"
        "  (3 devices, 20,000 cycles, 203,112 operations)"
    )


def test_what_cannot_be_stressed_is_counted_and_changes_no_exit_code() -> None:
    finished = dataclasses.replace(GOOD, skipped=("b", "c"))

    assert verdict_of(finished) is Verdict.CLEAN
    assert verdict_line(finished, ["a"], []).replace("\n ", "").endswith(
        "nothing diverged; 2 devices cannot be stressed"
    )


def test_when_nothing_can_be_stressed_nothing_ran() -> None:
    finished = dataclasses.replace(GOOD, cycles=0, skipped=("b",))

    assert verdict_of(finished) is Verdict.NOTHING_RAN
    assert verdict_line(finished, ["b"], []) == "nothing ran: 1 device cannot be stressed"


def test_a_long_line_is_broken_at_80_columns() -> None:
    finished = dataclasses.replace(GOOD, findings=tuple(f"F-{index:08x}" for index in range(20)))

    lines = verdict_line(finished, ["a"], ["a"]).splitlines()

    assert max(map(len, lines)) <= 80
    assert all(line.startswith("  F-") for line in lines[1:])
