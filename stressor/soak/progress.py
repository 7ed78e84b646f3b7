"""How a soak is going: what the screen shows, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SoakProgress", "TargetHealth"]


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target since the session began. `trouble` is a word or two, empty when there is none.

    `restarts` counts its processes, or the workers on it, that had to be replaced; `memory` is the
    resident memory of its largest worker with all that it started, in bytes, 0 when unknown.
    """

    name: str
    cycles: int
    findings: int
    restarts: int = 0
    memory: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SoakProgress:
    """A moment of a session; a few a second are enough.

    Times are in seconds: `elapsed` since the session began, of `limit` (None when there is none);
    `since_new` since the last new finding (None while there is none). `cycles_per_second` is that of
    the last minute or so. `jobs` are those that ended. `workers` are those alive, `busy` those of them
    with a job. `seen` of `fields` left the reset value, over all targets and sessions. `new` of the
    `findings` were not known before the session. `targets` name those worth looking at first.
    """

    elapsed: float
    limit: float | None
    cycles: int
    operations: int
    cycles_per_second: float
    jobs: int
    workers: int
    busy: int
    seen: int = 0
    fields: int = 0
    findings: int = 0
    new: int = 0
    since_new: float | None = None
    targets: tuple[TargetHealth, ...] = ()
