"""What nights of a soak come to: the sentence that a report begins with, and what was not reached."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from stressor.report.text import clean, counted, seconds, short
from stressor.soak.history import (
    FieldState,
    FindingHistory,
    FindingStatus,
    History,
    JobOutcome,
    SessionEnd,
    SoakSession,
)

__all__ = ["ORDER", "Level", "coverage", "level_of", "ran", "since", "sorted_findings", "unrest", "verdict", "when"]

ORDER: Final = (
    FindingStatus.NEW,
    FindingStatus.OPEN,
    FindingStatus.NOT_REPLAYING,
    FindingStatus.GONE,
    FindingStatus.KNOWN,
)
"""The statuses, what is looked at first in front."""

_ENDED: Final = {
    SessionEnd.INTERRUPTED: "the last session was interrupted",
    SessionEnd.BROKE: "the last session broke off",
    SessionEnd.UNFINISHED: "the last session has no end: it still runs, or was killed",
}


class Level(StrEnum):
    """How urgent it is."""

    NEW = "new"
    OPEN = "open"
    NOTHING_RAN = "nothing-ran"
    CLEAN = "clean"


def since(history: History, session: int) -> History:
    """Return the history as seen from the beginning of a session: what came later is new, what was gone
    before is left out. Targets are those of all sessions."""
    return dataclasses.replace(
        history,
        sessions=tuple(one for one in history.sessions if one.number >= session),
        findings=tuple(
            dataclasses.replace(one, status=FindingStatus.NEW)
            if one.status is FindingStatus.OPEN and one.first_session >= session
            else one
            for one in history.findings
            if not (one.status is FindingStatus.GONE and one.since < session)
        ),
    )


def sorted_findings(history: History) -> list[FindingHistory]:
    """Return the findings in `ORDER`, and within one status the latest first."""
    return sorted(history.findings, key=lambda one: (ORDER.index(one.status), -one.at))


def level_of(history: History) -> Level:
    """Return the first that applies; it is clean only when a cycle ran."""
    statuses = {one.status for one in history.findings}
    if FindingStatus.NEW in statuses:
        return Level.NEW
    if statuses & {FindingStatus.OPEN, FindingStatus.NOT_REPLAYING}:
        return Level.OPEN
    return Level.CLEAN if any(one.cycles for one in history.sessions) else Level.NOTHING_RAN


def verdict(history: History) -> str:
    """Return one line: how many findings of which status, or that there are none, or that nothing ran."""
    if not history.sessions:
        return "nothing ran: the journal holds no session"
    if level_of(history) is Level.NOTHING_RAN:
        return "nothing ran: not one cycle, so nothing was shown"
    counts = Counter(one.status for one in history.findings)
    first = next((status for status in ORDER if counts[status]), None)
    said = [
        counted(counts[status], f"{status} finding") if status is first else f"{counts[status]:,} {status}"
        for status in ORDER
        if counts[status]
    ]
    if level_of(history) is Level.CLEAN:
        return "nothing diverged" + (f" ({', '.join(said)})" if said else "")
    return ", ".join(said)


def ran(sessions: tuple[SoakSession, ...]) -> str:
    """Return what was done, in one line."""
    return ", ".join((
        f"{counted(len(sessions), 'session')} of {seconds(sum(one.seconds for one in sessions))}"
        if len(sessions) != 1 else seconds(sessions[0].seconds),
        f"{short(sum(one.cycles for one in sessions))} cycles",
        f"{short(sum(one.operations for one in sessions))} operations",
        counted(sum(sum(one.jobs.values()) for one in sessions), "job"),
    ))  # fmt: skip


def coverage(history: History) -> str:
    """Return in one line how much was reached: a clean night that never touched a field says little of it."""
    states = Counter(field.state for target in history.targets for field in target.fields)
    seen = states[FieldState.SEEN] + states[FieldState.ALL_BITS]
    said = f"{seen:,} of {counted(states.total(), 'field')} left the reset value"
    said += f", {states[FieldState.ALL_BITS]:,} with every bit at 0 and at 1" if seen else ""
    undrawn = sum(len(target.operations_undrawn) for target in history.targets)
    idle = sum(len(target.oracles_idle) for target in history.targets)
    said += f"; {counted(undrawn, 'operation')} never drawn" if undrawn else ""
    return said + (f"; {counted(idle, 'oracle')} never spoke" if idle else "")


def unrest(history: History) -> Iterator[str]:
    """Yield what else went wrong: how the last session ended, targets that were not looked at or do not
    repeat, jobs that were lost."""
    if history.sessions and (said := _ENDED.get(history.sessions[-1].end)):
        yield said
    troubled = sum(bool(target.trouble) for target in history.targets)
    if troubled:
        yield f"{counted(troubled, 'target')} not looked at, or not to the end"
    parted = sum(not target.deterministic for target in history.targets)
    if parted:
        yield f"{counted(parted, 'target')} not deterministic"
    lost: Counter[JobOutcome] = Counter()
    for one in history.sessions:
        lost.update(one.jobs)
    del lost[JobOutcome.DONE]
    if lost.total():
        yield ", ".join(f"{counted(count, 'job')} {outcome}" for outcome, count in lost.items() if count)


def when(moment: str) -> str:
    """Return an ISO 8601 moment to the minute; anything else as it is, escaped."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(?:Z|\+00:00)", moment, re.ASCII)
    return f"{match[1]} {match[2]}" if match else clean(moment)
