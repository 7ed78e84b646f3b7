"""What a journal tells, read out of its tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from stressor.findings.record import decode
from stressor.loop.finding import Cause, Finding
from stressor.soak.history import (
    FieldHistory,
    FieldState,
    FindingHistory,
    FindingStatus,
    History,
    JobOutcome,
    Moment,
    SessionEnd,
    SoakSession,
    TargetHistory,
    status_of,
)
from stressor.soak.job import Verdict

__all__ = ["FRESH", "Acceptance", "history_of"]

FRESH: Final = "findings.session IN (SELECT number FROM sessions WHERE soak = (SELECT max(soak) FROM sessions))"
"""Whether the last soak, in however many sessions, was the first to see a finding: a column in SQL."""

_MOMENTS: Final = 300
"""Moments of a target that are kept for a picture."""


class Acceptance(NamedTuple):
    """Why somebody accepted a finding, and when (ISO 8601)."""

    reason: str
    date: str


def history_of(database: sqlite3.Connection, accepted: Mapping[str, Acceptance], file: str) -> History:
    """Return all there is to tell. Raises RecordError for a finding that cannot be read."""
    sessions = tuple(_sessions(database))
    begins: dict[int, float] = {}
    passed = 0.0
    for session in sessions:
        begins[session.number] = passed
        passed += session.seconds
    findings = tuple(_findings(database, accepted, begins, file))
    restless = {
        each.finding.target for each in findings if each.finding.divergence.cause is Cause.NONDETERMINISTIC
    }
    return History(sessions, tuple(_targets(database, begins, restless)), findings)


def _sessions(database: sqlite3.Connection) -> list[SoakSession]:
    jobs: dict[int, dict[JobOutcome, int]] = {}
    done: dict[int, tuple[int, int]] = {}
    for session, outcome, count, cycles, operations in database.execute(
        "SELECT session, outcome, count(*), sum(cycles), sum(operations) FROM jobs GROUP BY session, outcome"
    ):
        jobs.setdefault(session, {})[JobOutcome(outcome)] = count
        before = done.get(session, (0, 0))
        done[session] = (before[0] + cycles, before[1] + operations)
    return [
        SoakSession(
            number, began, ended, SessionEnd(end) if end else SessionEnd.UNFINISHED, int(seed), seconds,
            jobs.get(number, {}), *done.get(number, (0, 0)), workers,
            min(1.0, inside / (seconds * workers)) if seconds and workers else 0.0, memory, restarts, version,
        )
        for number, began, ended, end, seed, seconds, workers, inside, memory, restarts, version in database.execute(
            'SELECT number, began, ended, "end", seed, seconds, workers, inside, memory, restarts, version'
            " FROM sessions ORDER BY number"
        )
    ]  # fmt: skip


def _targets(
    database: sqlite3.Connection, begins: Mapping[int, float], restless: set[str]
) -> list[TargetHistory]:
    found = []
    for number, name, specification, notes, soak in database.execute(
        "SELECT number, name, specification, notes, iif(last_soak = (SELECT max(soak) FROM sessions), last_soak, NULL)"
        " FROM targets ORDER BY number"
    ).fetchall():
        outcomes = database.execute(
            "SELECT outcome, count(*), sum(cycles), sum(operations), sum(seconds), sum(attempts - 1), max(memory)"
            " FROM jobs WHERE target = ? GROUP BY outcome",
            (number,),
        ).fetchall()
        jobs = {JobOutcome(row[0]): row[1] for row in outcomes}
        done = database.execute(
            "SELECT what, name, sum(count) FROM done WHERE target = ? GROUP BY what, name ORDER BY rowid", (number,)
        ).fetchall()
        found.append(
            TargetHistory(
                name, specification, jobs,
                sum(row[2] for row in outcomes), sum(row[3] for row in outcomes), sum(row[4] for row in outcomes),
                fields=tuple(
                    FieldHistory(field, _state(after, toggled), after)
                    for field, after, toggled in database.execute(
                        "SELECT field, after, toggled FROM coverage WHERE target = ? ORDER BY position, rowid", (number,)
                    )
                ),
                moments=_moments(database, number, begins),
                oracles_idle=tuple(each for what, each, count in done if what == "oracle" and not count),
                operations_undrawn=tuple(each for what, each, count in done if what == "operation" and not count),
                deterministic=name not in restless,
                restarts=sum(row[5] for row in outcomes) + jobs.get(JobOutcome.HUNG, 0) + jobs.get(JobOutcome.DIED, 0),
                memory=max((row[6] for row in outcomes), default=0),
                notes=tuple(json.loads(notes)),
                trouble="" if soak is None else _trouble(database, number, soak),
            )
        )  # fmt: skip
    return found


def _trouble(database: sqlite3.Connection, target: int, soak: int) -> str:
    """Return why a soak did not look at a target, or not to the end; "" where its last job came to something."""
    last = database.execute(
        "SELECT outcome, problem FROM jobs WHERE target = ? AND soak = ? ORDER BY number DESC LIMIT 1", (target, soak)
    ).fetchone()
    if last is None:
        return "no job of it ended"
    outcome, problem = last
    return str(problem) if outcome == JobOutcome.DONE else f"{outcome}: {problem}"


def _state(after: int | None, toggled: int) -> FieldState:
    if after is None:
        return FieldState.NEVER
    return FieldState.ALL_BITS if toggled else FieldState.SEEN


def _moments(database: sqlite3.Connection, target: int, begins: Mapping[int, float]) -> tuple[Moment, ...]:
    moments: list[Moment] = []
    cycles = 0
    for session, at, more in database.execute(
        "SELECT session, at, cycles FROM jobs WHERE target = ? ORDER BY number", (target,)
    ):
        cycles += more
        latest = max(begins[session] + at, moments[-1].at if moments else 0.0)
        moments.append(Moment(latest, cycles))
    step = max(1, -(-len(moments) // _MOMENTS))
    return tuple(moment for index, moment in enumerate(moments) if index % step == 0 or index == len(moments) - 1)


def _findings(
    database: sqlite3.Connection, accepted: Mapping[str, Acceptance], begins: Mapping[int, float], file: str
) -> list[FindingHistory]:
    return [
        _finding(database, decode(record, file), session, at, cycles, bool(replays), accepted, begins, bool(fresh))
        for session, at, cycles, replays, record, fresh in database.execute(
            f"SELECT session, at, cycles, replays, record, {FRESH} FROM findings ORDER BY number"
        ).fetchall()
    ]


def _finding(
    database: sqlite3.Connection, finding: Finding, session: int, at: float, cycles: int, replays: bool,
    accepted: Mapping[str, Acceptance], begins: Mapping[int, float], fresh: bool,
) -> FindingHistory:  # fmt: skip
    sightings: list[tuple[Any, ...]] = database.execute(
        "SELECT session, what FROM sightings WHERE finding = ? AND what != ? ORDER BY number",
        (finding.id, Verdict.ERROR),
    ).fetchall()
    seen = [number for number, what in sightings if what != Verdict.FIXED]
    gone = bool(sightings) and sightings[-1][1] == Verdict.FIXED
    reason, date = accepted.get(finding.id, ("", ""))
    status = status_of(accepted=finding.id in accepted, gone=gone, replays=replays, fresh=fresh)
    since = sightings[-1][0] if status is FindingStatus.GONE else session
    return FindingHistory(
        finding, status, since, len(seen), session, max(seen, default=session), begins[session] + at, cycles, reason, date
    )
