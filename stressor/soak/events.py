"""What a soak says while it goes on: frozen events, beside `SoakProgress` a few times a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stressor.loop.finding import Finding
from stressor.soak.history import FindingStatus, JobOutcome, SessionEnd
from stressor.soak.job import Verdict
from stressor.soak.progress import SoakProgress

__all__ = [
    "FindingReplayed", "FindingReported", "JobEnded", "SoakEvent", "SoakFinished", "SoakStarted", "TargetLeft",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoakStarted:
    """First of all. `session` is its number in the journal, `seconds` what earlier sessions of a resumed
    soak took, 0 of a new one."""

    session: int
    seed: int
    targets: tuple[str, ...]
    workers: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is in the journal. `fields` are those that it was the first to see; `problem` says what
    went wrong when it is not done, `attempts` how often it was begun."""

    target: str
    specification: str
    seed: int
    outcome: JobOutcome
    problem: str
    cycles: int
    seconds: float
    attempts: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingReported:
    """Something was found, for the first time since the session began or with another status: NEW, OPEN, KNOWN, or
    NOT_REPLAYING, of which a later trace may replay."""

    finding: Finding
    status: FindingStatus


@dataclass(frozen=True, slots=True)
class FindingReplayed:
    """A finding of an earlier session was replayed; `status` is what it is after that, `accepted` whether somebody
    accepted it."""

    finding: Finding
    verdict: Verdict
    status: FindingStatus
    accepted: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TargetLeft:
    """A target gets no more jobs in this session. `unsuitable` when it cannot be stressed at all; `reason` is two or
    three words then."""

    target: str
    reason: str
    unsuitable: bool = False


@dataclass(frozen=True, slots=True)
class SoakFinished:
    """Last of all.

    `inside` is the share of the workers' time that was spent inside targets. `statuses` are, by id, those of the findings
    that were seen in this session, or replayed and failed, or are gone. `problem` says why it broke. `broken` are the targets whose last job came to nothing. `cut` jobs were still running some seconds after the
    end, and came to nothing; they are done when the soak goes on. `elsewhere` are open findings in the journal whose
    targets are not in this session: nobody looked at them.
    """

    end: SessionEnd
    seconds: float
    jobs: int
    cycles: int
    operations: int
    inside: float
    statuses: Mapping[str, FindingStatus]
    broken: tuple[str, ...] = ()
    problem: str = ""
    cut: int = 0
    elsewhere: tuple[str, ...] = ()

    def found(self, *statuses: FindingStatus) -> tuple[str, ...]:
        """Return the findings that have one of these statuses."""
        return tuple(identity for identity, status in self.statuses.items() if status in statuses)

    @property
    def failing(self) -> tuple[str, ...]:
        """The findings that make a soak fail: nobody accepted them."""
        return self.found(FindingStatus.NEW, FindingStatus.OPEN, FindingStatus.NOT_REPLAYING)


SoakEvent: TypeAlias = (
    SoakStarted | JobEnded | FindingReported | FindingReplayed | TargetLeft | SoakProgress | SoakFinished
)
