"""What the page shows of a history, worked out: text that is ready to be read, and pictures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from markupsafe import Markup

from stressor.errors import StressorError
from stressor.findings.record import encode
from stressor.loop.finding import FieldChange, Finding
from stressor.loop.operations import OperationType
from stressor.report.block import failure_block, step_text
from stressor.report.html import pictures
from stressor.report.soak_verdict import when
from stressor.report.text import clean, counted, megabytes, middle, seconds, short, values
from stressor.soak.history import (
    FieldHistory,
    FieldState,
    FindingHistory,
    FindingStatus,
    History,
    JobOutcome,
    SoakSession,
    TargetHistory,
)

__all__ = [
    "ChangeView", "FindingView", "NightView", "Operations", "ShortView", "TargetView", "findings_of", "nights_of", "targets_of",
]  # fmt: skip

Operations: TypeAlias = Callable[[Finding], Sequence[OperationType]]
"""Names the steps of a finding's trace as its target does; empty where the target is not at hand."""

_OPEN: Final = 3
"""So many new findings are open from the beginning, and so many targets."""
_CHANGES: Final = 4
_STEPS: Final = 2_000
_IN_BLOCK: Final = 40
_LARGEST_FILE: Final = 96 << 10
_ROOM: Final = 1_200_000
"""Characters of findings that are told in full; the others are a row of a table each. A page is read on a phone."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A field that diverged: its values, and a picture of them where they have bits."""

    path: str
    before: str
    after: str
    bits: Markup | None


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding. `facts` are words and what they say."""

    id: str
    status: str
    target: str
    path: str
    cause: str
    life: Markup
    facts: list[tuple[str, str]]
    replay: str
    file: str
    block: str
    steps: list[str]
    more_steps: int
    parts: Markup | None
    changes: list[ChangeView]
    more_changes: int
    opened: bool


@dataclass(frozen=True, slots=True)
class ShortView:
    """One of the findings for which a page has no more room, as a row of a table."""

    id: str
    status: str
    target: str
    path: str
    cause: str
    after: str


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target. `maps` are the groups of fields that have one path in front."""

    name: str
    specification: str
    ran: str
    share: Markup
    reached: str
    maps: list[tuple[str, Markup]]
    chart: Markup | None
    chart_ends: tuple[str, str]
    found: list[tuple[str, str]]
    lists: list[tuple[str, list[str]]]
    deterministic: bool
    jobs: str
    restarts: int
    memory: str
    trouble: str
    opened: bool


@dataclass(frozen=True, slots=True)
class NightView:
    """One session as a row of a table."""

    number: int
    began: str
    length: str
    end: str
    seed: int
    cycles: str
    operations: str
    rate: str
    new: int
    seen: int
    gone: int
    workers: int
    inside: str
    memory: str
    restarts: int
    jobs: str


def findings_of(
    history: History, findings: Sequence[FindingHistory], operations: Operations
) -> tuple[list[FindingView], list[ShortView]]:
    """Return the findings, in the order given: those for which there is room, and the others in short."""
    new = sum(one.status is FindingStatus.NEW for one in findings)
    whole: list[FindingView] = []
    room = _ROOM
    for one in findings:
        opened = new <= _OPEN and one.status is FindingStatus.NEW
        view = _finding(one, history.sessions, operations(one.finding), opened)
        room -= _size(view)
        if room < 0 and whole:
            break
        whole.append(view)
    return whole, [_short(one) for one in findings[len(whole) :]]


def _size(view: FindingView) -> int:
    """Return about how many characters of a page a finding takes."""
    pictured = [view.life, view.parts or "", *(change.bits or "" for change in view.changes)]
    return sum(map(len, (*pictured, view.file, view.block, *view.steps)))


def _short(one: FindingHistory) -> ShortView:
    divergence = one.finding.divergence
    return ShortView(
        one.finding.id, str(one.status), clean(one.finding.target), middle(clean(divergence.first.path), 200),
        str(divergence.cause), seconds(one.at),
    )  # fmt: skip


def _finding(
    one: FindingHistory, sessions: Sequence[SoakSession], operations: Sequence[OperationType], opened: bool
) -> FindingView:
    finding = one.finding
    divergence = finding.divergence
    changes = [divergence.first, *divergence.also]
    drawn = [_change(change) for change in changes[:_CHANGES]]
    steps = finding.trace if len(finding.trace) > _IN_BLOCK else ()
    path, target = clean(divergence.first.path), clean(finding.target)
    facts = [
        ("found after", f"{seconds(one.at)} and {counted(one.cycles, 'cycle')}"),
        ("seen", f"{counted(one.sightings, 'time')}, {_sessions(one)}"),
        *([("why", f"{clean(one.reason)}{f' ({when(one.date)})' if one.date else ''}")] if one.reason else []),
        *([("declared", clean(divergence.declared))] if divergence.declared else []),
        ("must hold", f"{divergence.oracle}: {divergence.oracle.holds}"),
    ]
    return FindingView(
        finding.id, str(one.status), target, path, str(divergence.cause), pictures.life(one, sessions), facts,
        f"stressor replay {finding.id}", _file(finding), failure_block(finding, operations),
        [step_text(step, operations) for step in steps[:_STEPS]], max(0, len(steps) - _STEPS),
        pictures.parts(divergence), drawn, len(changes) - len(drawn),
        opened,
    )  # fmt: skip


def _sessions(one: FindingHistory) -> str:
    if one.first_session == one.last_session:
        return f"in session {one.first_session}"
    return f"in sessions {one.first_session} to {one.last_session}"


def _change(change: FieldChange) -> ChangeView:
    before, after = values(change.before, change.after, change.width)
    return ChangeView(middle(clean(change.path), 200), before, after, pictures.bits(change))


def _file(finding: Finding) -> str:
    """Return the finding's file as a link that holds it, empty where it is too large or cannot be written."""
    try:
        data = encode(finding)
    except (StressorError, ValueError):
        return ""
    return "data:application/json;base64," + base64.b64encode(data).decode() if len(data) <= _LARGEST_FILE else ""


def targets_of(history: History) -> list[TargetView]:
    """Return the targets, in the order in which they were first seen."""
    ends = list(accumulate(session.seconds for session in history.sessions))
    return [
        _target(target, [one for one in history.findings if one.finding.target == target.name], ends, len(history.targets) <= _OPEN)
        for target in history.targets
    ]


def _target(target: TargetHistory, found: Sequence[FindingHistory], ends: Sequence[float], opened: bool) -> TargetView:
    by_state = {state: [clean(one.path) for one in target.fields if one.state is state] for state in FieldState}
    seen = len(target.fields) - len(by_state[FieldState.NEVER])
    lists = [
        ("never left the reset value", "field", by_state[FieldState.NEVER]),
        ("some bits never changed", "field", by_state[FieldState.SEEN]),
        ("never drawn", "operation", [*map(clean, target.operations_undrawn)]),
        ("never spoke", "oracle", [*map(clean, target.oracles_idle)]),
        ("to be known", "note", [*map(clean, target.notes)]),
    ]
    dots = [(one.at, one.cycles, one.finding.id) for one in found]
    last = target.moments[-1] if target.moments else None
    return TargetView(
        clean(target.name), clean(target.specification),
        f"{short(target.cycles)} cycles, {short(target.operations)} operations in {seconds(target.seconds)}",
        pictures.share(target.fields),
        f"{seen:,} of {counted(len(target.fields), 'field')}" if target.fields else "no field has a name", _maps(target.fields),
        pictures.cycles_over_time(target.moments, target.fields, dots, ends),
        (f"{short(last.cycles)} cycles", seconds(max(last.at, ends[-1]) if ends else last.at)) if last else ("", ""),
        [(one.finding.id, f"{one.finding.divergence.cause}, {seconds(one.at)}") for one in sorted(found, key=lambda one: one.at)],
        [(f"{said}: {counted(len(items), noun)}", items) for said, noun, items in lists if items], target.deterministic, _jobs(target.jobs),
        target.restarts, megabytes(target.memory) if target.memory else "", clean(target.trouble), opened,
    )  # fmt: skip


def _maps(fields: Sequence[FieldHistory]) -> list[tuple[str, Markup]]:
    """Return a map for the fields that have one path in front."""
    groups: dict[str, list[FieldHistory]] = {}
    for one in fields:
        groups.setdefault(one.path.rpartition(".")[0], []).append(one)
    return [(middle(clean(prefix), 60), pictures.field_map(group)) for prefix, group in groups.items()]


def nights_of(history: History) -> list[NightView]:
    """Return the sessions, the last one first."""
    return [_night(one, history.findings) for one in reversed(history.sessions)]


def _night(one: SoakSession, findings: Sequence[FindingHistory]) -> NightView:
    return NightView(
        one.number, when(one.began), seconds(one.seconds), str(one.end), one.seed, short(one.cycles),
        short(one.operations), short(one.cycles / one.seconds if one.seconds else 0.0),
        sum(found.first_session == one.number for found in findings),
        sum(found.first_session <= one.number <= found.last_session for found in findings),
        sum(found.status is FindingStatus.GONE and found.since == one.number for found in findings),
        one.workers, f"{one.inside:.0%}", megabytes(one.memory) if one.memory else "", one.restarts, _jobs(one.jobs),
    )  # fmt: skip


def _jobs(jobs: dict[JobOutcome, int]) -> str:
    return ", ".join(f"{count:,} {outcome}" for outcome, count in jobs.items() if count)
