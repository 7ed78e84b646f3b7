"""How a session stands: what its jobs came to so far, added up."""

from __future__ import annotations

import resource
import sys
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stressor.loop.finding import Finding
from stressor.soak.chronicle import Acceptance
from stressor.soak.events import SoakFinished
from stressor.soak.history import FindingStatus, JobOutcome, SessionEnd, status_of
from stressor.soak.job import Job, JobResult, Verdict
from stressor.soak.progress import SoakProgress, TargetHealth

__all__ = ["Standing"]

_WINDOW: Final = 60.0
"""Seconds over which the rate is taken."""
_UNIT: Final = 1 if sys.platform == "darwin" else 1024


@dataclass
class _Health:
    cycles: int = 0
    findings: set[str] = field(default_factory=set)
    restarts: int = 0
    memory: int = 0
    trouble: str = ""
    seen: int = 0
    fields: int = 0


@dataclass
class _Known:
    """What is known of a finding, as `status_of` takes it."""

    fresh: bool
    replays: bool
    gone: bool = False


class Standing:
    """Adds up. `coverage` is that of earlier sessions, by target; `accepted` are the findings that are known."""

    def __init__(
        self, targets: Sequence[str], coverage: Mapping[str, tuple[int, int]], accepted: Mapping[str, Acceptance]
    ) -> None:
        self._accepted: Final = accepted
        self._health: Final = {name: _Health() for name in targets}
        for name, health in self._health.items():
            health.seen, health.fields = coverage.get(name, (0, 0))
        self._rate: Final[deque[tuple[float, int]]] = deque([(0.0, 0)])
        self._memory: Final[dict[str, int]] = {}
        self._broken: Final[dict[str, None]] = {}
        self._findings: Final[dict[str, _Known]] = {}
        self._told: Final[dict[str, FindingStatus]] = {}
        self._workers = 1
        self._jobs = self._cycles = self._operations = self._held = self._most_memory = 0
        self._last_new: float | None = None
        self._inside = self._capacity = self._looked = 0.0
        self.last_novelty = 0.0
        """When a field or a finding was last seen for the first time, in seconds of the session."""

    def expect(self, identity: str, *, fresh: bool = False, replays: bool = True) -> None:
        """Take a finding for one that is to be replayed; see `status_of`."""
        self._findings[identity] = _Known(fresh, replays)

    def job(self, job: Job, result: JobResult, attempts: int) -> None:
        """Count a job."""
        health = self._health[job.target]
        lost = result.outcome in (JobOutcome.HUNG, JobOutcome.DIED)
        health.restarts += attempts - 1 + lost
        health.memory = max(health.memory, result.memory)
        health.cycles += sum(result.cycles.values())
        health.fields = max(health.fields, len(result.fields))
        health.trouble = "" if result.outcome is JobOutcome.DONE else str(result.outcome)
        if result.outcome is JobOutcome.DONE:
            self._broken.pop(job.target, None)
        else:
            self._broken[job.target] = None
        self._jobs += 1
        self._cycles += sum(result.cycles.values())
        self._operations += sum(result.operations.values())
        self._inside += result.inside
        if result.worker:
            self._held += result.memory - self._memory.pop(result.worker, 0)
            self._memory[result.worker] = result.memory
            while len(self._memory) > self._workers:  # the one that was not heard of for longest has been replaced
                self._held -= self._memory.pop(next(iter(self._memory)))
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        self._most_memory = max(self._most_memory, own + self._held)

    def saw(self, target: str, fields: Sequence[str], now: float) -> None:
        """Count fields of a target that nobody had seen."""
        self._health[target].seen += len(fields)
        if fields:
            self.last_novelty = now

    def replay(self, inside: float) -> None:
        """Count the time that replays took."""
        self._inside += inside

    def found(self, finding: Finding, replays: bool, now: float) -> tuple[FindingStatus, bool]:
        """Count a sighting; return what it is, and whether that is new to whoever listens."""
        identity = finding.id
        self._health[finding.target].findings.add(identity)
        if identity not in self._findings and identity not in self._accepted:
            self.last_novelty = self._last_new = now
        known = self._findings.setdefault(identity, _Known(fresh=True, replays=False))
        known.gone = False
        known.replays |= replays
        before, status = self._told.get(identity), self._status(identity)
        self._told[identity] = status
        return status, status is not before

    def replayed(self, identity: str, verdict: Verdict) -> FindingStatus:
        """Count the verdict on a finding that was expected; return what it is now."""
        known = self._findings[identity]
        known.gone = verdict is Verdict.FIXED
        known.replays |= verdict is Verdict.FAILED
        status = self._status(identity)
        if verdict is Verdict.FAILED or status is FindingStatus.GONE:
            self._told[identity] = status
        return status

    def _status(self, identity: str) -> FindingStatus:
        known = self._findings[identity]
        return status_of(
            accepted=identity in self._accepted, gone=known.gone, replays=known.replays, fresh=known.fresh
        )

    @property
    def new(self) -> int:
        """How many new findings there are."""
        return Counter(self._told.values())[FindingStatus.NEW]

    def left(self, target: str, reason: str) -> None:
        """Note that a target gets no more jobs."""
        self._health[target].trouble = reason

    def workers(self, count: int, now: float) -> None:
        """Note how many workers there are at this moment."""
        self._workers = max(1, count)
        self._capacity += count * (now - self._looked)
        self._looked = now

    @property
    def inside(self) -> float:
        """The share of the workers' time that was spent inside targets."""
        return min(1.0, self._inside / self._capacity) if self._capacity else 0.0

    def columns(self, now: float, workers: int, restarts: int) -> dict[str, float]:
        """Return what the journal keeps of the session."""
        return {
            "seconds": now, "inside": self._inside, "workers": workers, "memory": self._most_memory,
            "restarts": restarts,
        }  # fmt: skip

    def progress(self, now: float, limit: float | None, workers: int, busy: int) -> SoakProgress:
        """Return how it is going."""
        self._rate.append((now, self._cycles))
        while len(self._rate) > 2 and now - self._rate[0][0] > _WINDOW:
            self._rate.popleft()
        (since, before), span = self._rate[0], max(now - self._rate[0][0], 1e-9)
        targets = [
            TargetHealth(name, each.cycles, len(each.findings), each.restarts, each.memory, each.trouble)
            for name, each in self._health.items()
        ]
        return SoakProgress(
            elapsed=now,
            limit=limit,
            cycles=self._cycles,
            operations=self._operations,
            cycles_per_second=(self._cycles - before) / span if now > since else 0.0,
            jobs=self._jobs,
            workers=workers,
            busy=min(busy, workers),
            seen=sum(each.seen for each in self._health.values()),
            fields=sum(each.fields for each in self._health.values()),
            findings=sum(status is not FindingStatus.GONE for status in self._told.values()),
            new=self.new,
            since_new=None if self._last_new is None else now - self._last_new,
            targets=tuple(sorted(targets, key=_worth_looking_at)),
        )

    def finished(self, end: SessionEnd, now: float, cut: int, problem: str) -> SoakFinished:
        """Return what it came to; `cut` jobs did not."""
        return SoakFinished(
            end, now, self._jobs, self._cycles, self._operations, self.inside, dict(self._told),
            tuple(self._broken), problem, cut,
        )  # fmt: skip


def _worth_looking_at(health: TargetHealth) -> tuple[bool, int, int]:
    return not health.trouble, -health.findings, -health.cycles
