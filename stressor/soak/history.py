"""What a journal tells of all its sessions, as plain data: the one thing that a report of a soak reads.

A session is one `stressor soak` from its start to its end; a journal holds many. *Soak time* is the
wall time of all sessions, one behind the other, and what lies between them is left out: every moment
here is in seconds of soak time, so that nights can be drawn on one axis. Text that came from a target
is as the target gave it; whoever shows it escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stressor.loop.finding import Finding

__all__ = [
    "FieldHistory",
    "FieldState",
    "FindingHistory",
    "FindingStatus",
    "History",
    "JobOutcome",
    "Moment",
    "SessionEnd",
    "SoakSession",
    "TargetHistory",
    "status_of",
]


class SessionEnd(StrEnum):
    """How a session ended."""

    DONE = "done"
    """Its time, or the number of its jobs, was used up."""
    INTERRUPTED = "interrupted"
    """By Ctrl-C or a signal; everything until then is in the journal."""
    BROKE = "broke"
    """By an error that was not a target's."""
    UNFINISHED = "unfinished"
    """No end is written down: it is still running, or was killed."""


class JobOutcome(StrEnum):
    """How a job ended: one bounded campaign that a worker ran."""

    DONE = "done"
    HUNG = "hung"
    """The worker was put down, as it had not been heard of for too long."""
    DIED = "died"
    """The worker's process ended by itself."""
    BROKE = "broke"
    """The target could not be driven, for a reason that is not a finding."""


class FieldState(StrEnum):
    """What was seen of a field at save points."""

    NEVER = "never"
    """Nothing but its reset value."""
    SEEN = "seen"
    """Another value, or two."""
    ALL_BITS = "all-bits"
    """Every bit of it at 0 and at 1."""


class FindingStatus(StrEnum):
    """What a finding is for whoever reads the report in the morning."""

    NEW = "new"
    """Never seen before the last soak, in however many sessions that runs."""
    OPEN = "open"
    """Seen before the last soak, and nothing says that it is fixed."""
    KNOWN = "known"
    """Somebody accepted it, and said why."""
    GONE = "gone"
    """Its trace was replayed, and no longer diverges."""
    NOT_REPLAYING = "not replaying"
    """Its trace diverged once, and does not when it is replayed: it depends on more than the trace."""


def status_of(*, accepted: bool, gone: bool, replays: bool, fresh: bool) -> FindingStatus:
    """Return what a finding is, for whoever tells of it.

    `accepted` says that somebody did, `gone` that it did not diverge when it was last replayed and was not seen
    since, `replays` that its trace ever did bring it back, `fresh` that no earlier soak had it.
    """
    if gone and replays:
        return FindingStatus.GONE
    if accepted:
        return FindingStatus.KNOWN
    if not replays:
        return FindingStatus.NOT_REPLAYING
    return FindingStatus.NEW if fresh else FindingStatus.OPEN


@dataclass(frozen=True, slots=True)
class SoakSession:
    """One session, numbered from 1.

    `began` and `ended` are ISO 8601 in UTC (`2026-11-28T21:00:00Z`); `ended` is None while there is no
    end. `seconds` is its wall time. `inside` is the share, 0 to 1, of the workers' wall time that was
    spent inside targets. `memory` is the highest resident memory of all its processes together, in
    bytes, 0 when unknown. `restarts` counts workers that were replaced, for whatever reason.
    """

    number: int
    began: str
    ended: str | None
    end: SessionEnd
    seed: int
    seconds: float
    jobs: dict[JobOutcome, int]
    cycles: int
    operations: int
    workers: int
    inside: float = 0.0
    memory: int = 0
    restarts: int = 0
    version: str = ""


@dataclass(frozen=True, slots=True)
class FieldHistory:
    """One field of a target, by its path (section in front, indexes dropped), over all sessions.

    `after` is how many cycles of the target had been run when it was first seen to have left its reset
    value; None while it never did.
    """

    path: str
    state: FieldState
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """So many cycles of a target had been run when so many seconds of soak time had passed."""

    at: float
    cycles: int


@dataclass(frozen=True, slots=True)
class TargetHistory:
    """What was done to one target in all sessions, and what was not.

    `specification` is what the command line takes to reach it. `seconds` is the time that workers spent
    on it. `fields` come in the order of the description. `moments` ascend in both and begin with the
    first job; a few hundred are enough for a picture, so the journal thins them out. `oracles_idle` are
    the oracles that were asked for and never spoke, `operations_undrawn` the kinds never drawn.
    `deterministic` is False once two twins parted without any cycle. `restarts` and `memory` are those
    of its own processes: how often one was replaced, and the highest resident memory in bytes.
    `trouble` says why the last soak did not look at it, or not to the end; empty where that did, or did not have it.
    """

    name: str
    specification: str
    jobs: dict[JobOutcome, int]
    cycles: int
    operations: int
    seconds: float
    fields: tuple[FieldHistory, ...] = ()
    moments: tuple[Moment, ...] = ()
    oracles_idle: tuple[str, ...] = ()
    operations_undrawn: tuple[str, ...] = ()
    deterministic: bool = True
    restarts: int = 0
    memory: int = 0
    notes: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """One fingerprint with its shortest trace, and what became of it.

    `since` is the session in which it came to have this status. `at` is the soak time until it was
    found, `cycles` how many cycles of its target that took. `reason` and `date` (ISO 8601) are those
    that somebody gave when accepting it, or what the last replay said.
    """

    finding: Finding
    status: FindingStatus
    since: int
    sightings: int
    first_session: int
    last_session: int
    at: float
    cycles: int
    reason: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All there is to tell: `sessions` by number, `targets` and `findings` in the order of first sight."""

    sessions: tuple[SoakSession, ...] = ()
    targets: tuple[TargetHistory, ...] = ()
    findings: tuple[FindingHistory, ...] = ()
