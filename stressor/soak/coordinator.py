"""The loop of a soak: jobs are submitted, gathered, recorded, and told as events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from stressor.errors import RecordError, TargetError
from stressor.findings.record import finding_of, record_of
from stressor.loop.finding import Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.search.seeds import derived
from stressor.soak.chronicle import Acceptance
from stressor.soak.events import (
    FindingReplayed,
    FindingReported,
    JobEnded,
    SoakEvent,
    SoakStarted,
    TargetLeft,
)
from stressor.soak.executors import Executor, JobHung, WorkerTrouble
from stressor.soak.history import JobOutcome, SessionEnd
from stressor.soak.job import (
    Job,
    JobResult,
    KnownFinding,
    Replayed,
    Sources,
    Verdict,
    decode_result,
    encode,
    known,
)
from stressor.soak.journal import Journal
from stressor.soak.progress import SoakProgress
from stressor.soak.schedule import GIVE_UP, Tally, budget, next_target
from stressor.soak.standing import Standing

__all__ = ["Limits", "Soak", "SoakTarget"]

_TICK: Final = 0.5
_GRACE: Final = 5.0
"""Seconds that running jobs have to tell what they have, once the soak is over; what still runs then is cut off."""
_PATIENCE: Final = 60.0
"""Seconds without progress after which a job counts as hung; a batch of operations has its own watchdog."""
_NOTED_EVERY: Final = 10.0
_SHORTEST: Final = 0.1
_NO_ORDINAL: Final = -1
"""Of a job that replays, and draws nothing."""
_ATTEMPTS: Final = 2
"""How often a job is begun whose worker goes away."""
_TOGETHER: Final = 256
"""Jobs in one transaction at most: a disk is waited for milliseconds, whatever was written."""
_ABSORBED: Final = 2_000
"""Results a second that are no trouble on one core; the more workers, the longer their jobs."""
_FRESH_EYES: Final = 16
"""Each so-manieth job of a target is told of no finding: it sees known ones again, and maybe shorter."""


@dataclass(frozen=True)
class SoakTarget:
    """What is stressed. `traces` are findings from elsewhere than the journal, to be replayed at the beginning;
    `sources` its code, for workers on other machines; `swept` see `Job`."""

    name: str
    specification: str
    traces: Sequence[Finding] = ()
    sources: Sources | None = None
    swept: bool = False


@dataclass(frozen=True)
class Limits:
    """When a soak ends by itself: after so many seconds (in all its sessions), after so many without anything new,
    after so many new findings that nobody accepted."""

    seconds: float | None = None
    quiet: float | None = None
    findings: int | None = None


class _Running(NamedTuple):
    job: Job
    attempts: int


class Soak:
    """One session. `run` yields what happens; whoever takes the events may stop it by way of `stop`.

    `keep` stores a finding; it is called before anything else is done with one. `resumes` is the soak that goes on, and
    `before` the seconds that it took so far.
    """

    def __init__(
        self,
        targets: Sequence[SoakTarget],
        executor: Executor,
        journal: Journal,
        *,
        seed: int,
        oracles: Sequence[Oracle],
        reset_modes: Sequence[ResetMode],
        batch_timeout: float,
        settings: Mapping[str, Any],
        limits: Limits,
        accepted: Mapping[str, Acceptance],
        keep: Callable[[Finding], None],
        stop: Callable[[], bool] = lambda: False,
        resumes: int = 0,
        before: float = 0.0,
        patience: float = _PATIENCE,
    ) -> None:
        self._targets: Final = {target.name: target for target in targets}
        self._executor: Final = executor
        self._journal: Final = journal
        self._seed: Final = seed
        self._oracles: Final = tuple(oracles)
        self._modes: Final = tuple(reset_modes)
        self._batch_timeout: Final = batch_timeout
        self._limits: Final = limits
        self._accepted: Final = accepted
        self._keep: Final = keep
        self._stop: Final = stop
        self._before: Final = before
        self._patience: Final = max(patience, 4 * batch_timeout)
        self._running: Final[dict[Future[bytes], _Running]] = {}
        self._replaying: Final[set[str]] = set()
        self._tallies: Final = {name: Tally(name) for name in self._targets}
        self._taught: Final[dict[str, dict[str, KnownFinding]]] = {}
        self._problem = ""
        self._started = monotonic()
        self._session = journal.begin(
            seed=seed,
            settings=settings,
            workers=executor.workers,
            targets=[(target.name, target.specification) for target in targets],
            resumes=resumes,
        )
        self._elsewhere: Final = tuple(
            identity for identity in journal.left_open(self._targets) if identity not in accepted
        )
        self._ordinals: Final = {name: journal.ordinals(name) for name in self._targets}
        self._standing: Final = Standing(list(self._targets), journal.coverage(), accepted)

    def run(self) -> Iterator[SoakEvent]:
        """Go on until a limit is reached, `stop` says so, or nothing is left to do."""
        yield SoakStarted(
            self._session, self._seed, tuple(self._targets), self._executor.workers, self._before
        )
        end, noted = SessionEnd.DONE, 0.0
        self._standing.workers(self._executor.workers, 0.0)
        try:
            for target in self._targets.values():
                self._submit_replays(target)
            while self._fill():
                done, _ = wait(self._running, timeout=_TICK, return_when=FIRST_COMPLETED)
                yield from self._gathered(done)
                yield self.progress()
                if self._elapsed() - noted >= _NOTED_EVERY:  # how long it took is known also without a job's end
                    noted = self._elapsed()
                    self._journal.state(self._columns())
            if self._stop():
                end = SessionEnd.INTERRUPTED
            yield from self._drained()
            self._journal.end(end, self._columns())
        except (RecordError, TargetError) as error:
            end, self._problem = SessionEnd.BROKE, str(error)
            with suppress(RecordError, TargetError):
                self._journal.end(end, self._columns())
        yield replace(
            self._standing.finished(end, self._elapsed(), len(self._running), self._problem), elsewhere=self._elsewhere
        )

    def progress(self) -> SoakProgress:
        """Return how it is going."""
        workers, now = self._executor.workers, self._elapsed()
        self._standing.workers(workers, now)
        return self._standing.progress(now, self._limit(), workers, len(self._running))

    def _elapsed(self) -> float:
        return monotonic() - self._started

    def _limit(self) -> float | None:
        return None if self._limits.seconds is None else max(0.0, self._limits.seconds - self._before)

    def _over(self) -> bool:
        limit, quiet, most = self._limit(), self._limits.quiet, self._limits.findings
        return (
            self._stop()
            or (limit is not None and self._elapsed() >= limit)
            or (quiet is not None and self._elapsed() - self._standing.last_novelty >= quiet)
            or (most is not None and self._standing.new >= most)
        )

    def _fill(self) -> bool:
        """Submit as many jobs as keep every worker busy; return whether the soak goes on."""
        if self._over():
            return False
        while len(self._running) <= self._executor.workers:
            ready = [tally for name, tally in self._tallies.items() if name not in self._replaying]
            tally = next_target(ready)
            if tally is None:
                break
            seconds, limit = max(budget(tally), self._executor.workers / _ABSORBED), self._limit()
            if limit is not None:
                left = limit - self._elapsed() - tally.overhead  # it is to have told by then
                seconds = max(_SHORTEST, min(seconds, left))
            self._submit(self._job(tally.name, seconds))
        return bool(self._running)

    def _job(self, name: str, seconds: float) -> Job:
        target = self._targets[name]
        ordinal = next(self._ordinals[name])
        fresh_eyes = ordinal % _FRESH_EYES == _FRESH_EYES - 1
        taught = () if fresh_eyes else tuple(self._taught[name].values())
        return Job(
            name, target.specification, derived(self._seed, "soak", name, ordinal), ordinal, seconds,
            self._oracles, self._modes, self._batch_timeout, taught, (), target.sources, target.swept,
        )  # fmt: skip

    def _submit_replays(self, target: SoakTarget) -> None:
        """Have the findings of earlier sessions replayed, before anything is drawn for their target."""
        traces = {finding.id: finding for finding in target.traces}
        for identity in traces:
            self._standing.expect(identity)
        for kept in self._journal.findings(target.name):
            traces[kept.finding.id] = kept.finding
            self._standing.expect(kept.finding.id, fresh=kept.fresh, replays=kept.replays)
        self._taught[target.name] = {identity: known(finding) for identity, finding in traces.items()}
        if traces:
            self._replaying.add(target.name)
            self._submit(
                Job(
                    target.name, target.specification, self._seed, _NO_ORDINAL, 0.0, self._oracles, self._modes,
                    self._batch_timeout, (), tuple(map(record_of, traces.values())), target.sources,
                    target.swept,
                )
            )  # fmt: skip

    def _submit(self, job: Job, attempts: int = 1) -> None:
        future = self._executor.submit(encode(job), self._patience)
        self._running[future] = _Running(job, attempts)

    def _gathered(self, done: Collection[Future[bytes]]) -> Iterator[SoakEvent]:
        """Record what jobs came to, so many in one transaction, and only then tell it."""
        futures = list(done)
        for begin in range(0, len(futures), _TOGETHER):
            events: list[SoakEvent] = []
            try:
                with self._journal.together():
                    for future in futures[begin : begin + _TOGETHER]:
                        for event in self._ended(future):
                            events.append(event)
            except (RecordError, TargetError):  # what cannot be written down is told all the same
                yield from (event for event in events if isinstance(event, FindingReported))
                raise
            yield from events

    def _ended(self, future: Future[bytes]) -> Iterator[SoakEvent]:
        """Record and tell what a job came to; begin it again when its worker went away."""
        job, attempts = self._running.pop(future)
        if future.cancelled():
            return
        try:
            result = decode_result(future.result())
        except JobHung as trouble:
            result = JobResult(JobOutcome.HUNG, str(trouble))
        except (WorkerTrouble, msgspec.DecodeError) as trouble:
            if attempts < _ATTEMPTS:
                if not self._over():
                    self._submit(job, attempts + 1)
                return  # at the end it is one of those that were running, and done when the soak goes on
            result = JobResult(JobOutcome.DIED, str(trouble))
        if job.ordinal == _NO_ORDINAL:
            yield from self._replays_ended(job, result)
        else:
            yield from self._job_ended(job, result, attempts)

    def _job_ended(self, job: Job, result: JobResult, attempts: int) -> Iterator[SoakEvent]:
        now, standing = self._elapsed(), self._standing
        for each in result.discoveries:
            self._keep(finding_of(each.record))
        standing.job(job, result, attempts)
        try:
            novelty = self._journal.finished(job, result, at=now, attempts=attempts, session=self._columns())
        except RecordError:
            for each in result.discoveries:  # what cannot be written down is told all the same
                finding = finding_of(each.record)
                yield FindingReported(finding, standing.found(finding, each.replays, now)[0])
            raise
        standing.saw(job.target, novelty.fields, now)
        for each in result.discoveries:
            finding = finding_of(each.record)
            status, untold = standing.found(finding, each.replays, now)
            if untold:
                yield FindingReported(finding, status)
            divergence = replace(finding.divergence, attribute=each.attribute)
            self._taught[job.target][finding.id] = known(replace(finding, divergence=divergence))
        yield JobEnded(
            job.target, job.specification, job.seed, result.outcome, result.problem,
            sum(result.cycles.values()), result.inside + result.overhead, attempts, novelty.fields,
        )  # fmt: skip
        tally = self._tallies[job.target]
        if result.outcome is JobOutcome.DONE:
            overhead = max(0.0, result.overhead - result.once)
            tally.ended(result.inside + overhead, overhead, len(novelty.fields), len(novelty.findings))
        else:
            tally.failed()
        yield from self._left(tally, result)

    def _left(self, tally: Tally, result: JobResult) -> Iterator[SoakEvent]:
        """Give up a target that cannot go on."""
        if tally.retired:
            return
        if result.reason:
            tally.retired = result.reason
        elif result.exhausted:
            behind = ", ".join(self._taught[tally.name]) or "nothing is left to draw"
            tally.retired = f"cannot go on behind {behind}"
        elif tally.troubles >= GIVE_UP:
            tally.retired = f"{GIVE_UP} jobs in a row came to nothing; the last one: {result.outcome}: {result.problem}"
        if tally.retired:
            self._standing.left(tally.name, tally.retired)
            yield TargetLeft(tally.name, tally.retired, unsuitable=bool(result.reason))

    def _replays_ended(self, job: Job, result: JobResult) -> Iterator[SoakEvent]:
        self._replaying.discard(job.target)
        self._standing.replay(result.inside)
        verdicts = result.replayed or [
            Replayed(record.id, Verdict.ERROR, result.problem or "not replayed in time") for record in job.replays
        ]
        self._journal.replayed(verdicts)
        findings = {record.id: finding_of(record) for record in job.replays}
        for each in verdicts:
            status = self._standing.replayed(each.id, each.verdict)
            if each.verdict is Verdict.FIXED:
                del self._taught[job.target][each.id]
            yield FindingReplayed(
                findings[each.id], each.verdict, status, each.id in self._accepted, each.problem
            )

    def _drained(self) -> Iterator[SoakEvent]:
        """Give running jobs a moment to tell what they have."""
        self._executor.hurry()
        until = monotonic() + _GRACE
        while self._running and monotonic() < until:
            done, _ = wait(self._running, timeout=_TICK, return_when=FIRST_COMPLETED)
            yield from self._gathered(done)
            yield self.progress()

    def _columns(self) -> dict[str, float]:
        return self._standing.columns(self._elapsed(), self._executor.workers, self._executor.restarts)
