"""Runs one job: opens its target, searches until its time is over, shrinks, replays, and tells."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final, TypeAlias

import msgspec

from stressor.audit.audit import canary
from stressor.audit.hunt import Hunter
from stressor.errors import StressorError, TargetError, UnsuitableError
from stressor.findings.record import finding_of, record_of
from stressor.loop.events import Statistics
from stressor.loop.finding import Finding, Oracle
from stressor.loop.plain import place
from stressor.loop.runs_itself import OwnCampaign, RunsItself
from stressor.loop.target import TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Hung, Watchdog
from stressor.search.campaign import Campaign
from stressor.search.regressions import again
from stressor.soak.history import JobOutcome
from stressor.soak.job import (
    Discovery,
    Job,
    JobResult,
    Replayed,
    Verdict,
    bits_of,
    decode_job,
    encode,
)
from stressor.soak.sources import check_imported, unpacked
from stressor.targets.loader import find_models
from stressor.targets.model import Model as InProcess

__all__ = ["Worker", "failed_with"]

_CANARY: Final = 400
"""Cycles in which a field that was lost on purpose has to be missed."""
_QEMU_CANARY: Final = 24
"""The same on a real QEMU, where a cycle takes a thousand times as long."""
_CANARY_SECONDS: Final = 10.0
"""Seconds that a canary on a real QEMU may take; where they are too short, nothing is said of it."""
_MODELS: Final = 64
"""Targets that stay loaded: finding one out takes a QEMU machine a second, and a job not much longer."""

_SHRINKING: Final = 60.0
"""Seconds behind its time for which a job may go on to make traces smaller. A later job may make them smaller still."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

Model: TypeAlias = "TargetType | RunsItself"


class Worker:
    """What runs jobs in one process, one at a time. `stop` is asked now and then: True ends a job early.
    `opened` is called when the target of a job is there, which may take long.

    `beats` goes up while a job makes progress, and stands still when its target hangs.
    """

    def __init__(
        self, stop: Callable[[], bool] = lambda: False, opened: Callable[[], None] = lambda: None
    ) -> None:
        self._stop = stop
        self._opened = opened
        self._models: dict[tuple[str, str], Model] = {}
        self._watchdog = Watchdog(1.0)
        self._own = 0
        self._until = 0.0
        self.memory = 0
        self.name: Final = f"{socket.gethostname()}/{os.getpid()}"

    @property
    def beats(self) -> int:
        return self._own + self._watchdog.beats

    def measure(self) -> None:
        """Look how much memory this process, and all that it started, holds at this moment."""
        self.memory = max(self.memory, _resident(os.getpid()))

    def run(self, data: bytes) -> bytes:
        """Run an encoded job; return its encoded result. Whatever a target does is in there."""
        root: Path | None = None
        try:
            job = decode_job(data)
            root = unpacked(job.sources)
            encoded = encode(msgspec.structs.replace(self._run(job, root or Path.cwd()), worker=self.name))
        except (Exception, Hung, SystemExit) as error:
            encoded = encode(msgspec.structs.replace(failed_with(error), worker=self.name))
        # where a job was unpacked says nothing to anybody: its files are named as where they came from
        return encoded if root is None else encoded.replace(f"{root}/".encode(), b"")

    def _run(self, job: Job, root: Path) -> JobResult:
        started = monotonic()
        self.memory = 0
        self._until = started + job.seconds + _SHRINKING
        self._watchdog = Watchdog(job.batch_timeout)
        check_imported(job.sources, self.name)
        model = self._model(job, root)
        try:
            campaign = self._campaign(job, model)
            self._opened()
            planting = monotonic()
            self._plant_canary(job, model)
            once = monotonic() - planting
            return msgspec.structs.replace(self._search(job, model, campaign, root, started), once=once)
        finally:
            model.close()

    def _model(self, job: Job, root: Path) -> Model:
        """Return the job's target, loaded once for all its jobs."""
        key = (str(root), job.specification)
        model = self._models.pop(key, None)
        if model is None:
            model = _loaded(job, root)
            while len(self._models) >= _MODELS:
                del self._models[next(iter(self._models))]
        self._models[key] = model
        self._own += 1
        return model

    def _campaign(self, job: Job, model: Model) -> Campaign | OwnCampaign:
        modes = [mode for mode in job.reset_modes if mode in model.reset_modes]
        if not modes:
            raise UnsuitableError(
                "no reset mode", f"{job.target} can do none of the chosen reset modes; it has {', '.join(model.reset_modes)}"
            )
        if isinstance(model, RunsItself):
            return model.campaign(seed=job.seed, oracles=job.oracles)
        campaign = Campaign(
            model, seed=job.seed, oracles=job.oracles, reset_modes=modes, watchdog=self._watchdog,
            stop=lambda: self._stop() or monotonic() >= self._until,
        )
        for each in job.known:
            campaign.know(each.finding())
        return campaign

    def _plant_canary(self, job: Job, model: Model) -> None:
        """Before the first job of a device, lose a field of it: a harness that does not notice must not look green.

        Raises TargetError when nothing came of it.
        """
        first = job.ordinal == 0 and job.seconds > 0
        if not first or isinstance(model, RunsItself) or Oracle.LOAD_RESTORES not in job.oracles:
            return
        here = isinstance(model, InProcess)
        if not here and ResetMode.IN_PLACE not in job.reset_modes:
            return  # nothing can be lost of what a new process loads
        until = None if here else monotonic() + _CANARY_SECONDS

        def over() -> bool:
            self._own += 1
            return self._stop() or (until is not None and monotonic() >= until)

        cycles = _CANARY if here else _QEMU_CANARY
        hunter = Hunter(job.seed, cycles, job.oracles, job.reset_modes, job.batch_timeout, over)
        try:
            outcome = canary(model, hunter)
        except UnsuitableError:
            return
        except Exception:
            if here:
                raise
            return  # a machine that died is the search's business, which tells what it died of
        if outcome.finding is None and not over():
            raise TargetError(
                f"{job.target}: the canary was not noticed ({outcome.mutant}, and others), so finding nothing "
                f"means nothing; see `stressor audit {job.specification}`"
            )

    def _search(
        self, job: Job, model: Model, campaign: Campaign | OwnCampaign, root: Path, started: float
    ) -> JobResult:
        opened = monotonic()
        replayed = tuple(self._replayed(finding_of(record), model, job) for record in job.replays)
        found: list[tuple[Finding, int, bool]] = []
        exhausted = job.seconds > 0
        if job.seconds > 0:
            for finding in campaign.run(None):
                self._own += 1
                if finding is not None:
                    before = [one for one, _, _ in found]
                    driven = isinstance(campaign, Campaign)  # else a guest runs, and is not to wait
                    repeats = driven and self._repeats(finding, before, job, model, root)
                    found.append((finding, campaign.cycles, repeats))
                if self._stop() or (finding is None and monotonic() - opened >= job.seconds):
                    exhausted = False
                    break
        if not isinstance(campaign, Campaign):
            found = [(one, at, self._repeats(one, (), job, model, root)) for one, at, _ in found]
        searched = monotonic()
        statistics = campaign.statistics if job.seconds > 0 else Statistics()
        fields, seen, toggled = _reached(campaign, model, statistics) if job.seconds > 0 else ((), "0", "0")
        inside = searched - opened
        self.measure()
        return JobResult(
            JobOutcome.DONE,
            exhausted=exhausted,
            inside=inside,
            overhead=monotonic() - started - inside,
            cycles=statistics.cycles,
            operations=statistics.operations,
            oracles=statistics.oracles,
            fields=fields,
            seen=seen,
            toggled=toggled,
            discoveries=tuple(
                Discovery(record_of(one), one.divergence.attribute, repeats, at) for one, at, repeats in found
            ),
            replayed=replayed,
            notes=campaign.notes if isinstance(campaign, Campaign) else (),
            memory=self.memory,
        )

    def _replayed(self, finding: Finding, model: Model, job: Job) -> Replayed:
        self._own += 1
        try:
            now = again(finding, model, job.batch_timeout)
        except StressorError as error:
            return Replayed(finding.id, Verdict.ERROR, str(error))
        return Replayed(finding.id, Verdict.FIXED if now is None else Verdict.FAILED)

    def _repeats(self, finding: Finding, before: Sequence[Finding], job: Job, model: Model, root: Path) -> bool:
        """Replay a finding on new devices, in this process of code that was loaded anew.

        What the search knew by then, `before` and the job's own, is passed over in the replay as it was in the search:
        in the same trace it may come first, and hide the finding.
        """
        self._own += 1
        try:
            if isinstance(model, InProcess):
                model = _loaded(job, root)
            with self._watchdog.within(job.batch_timeout):  # once something hung, the search waits for less
                campaign = self._campaign(job, model)
                if isinstance(campaign, Campaign):
                    for each in before:
                        campaign.know(each)
                    return campaign.repeats(finding)
            now = again(finding, model, job.batch_timeout)
            return now is not None and now.id == finding.id
        except StressorError:
            return False


def failed_with(error: BaseException) -> JobResult:
    """Return the result of a job that could not be done."""
    if isinstance(error, UnsuitableError):
        note = f"cannot be stressed: {error.reason}"
        return JobResult(JobOutcome.DONE, str(error), error.reason, notes=(note,))
    text = str(error) if isinstance(error, StressorError) else f"{place(error)}{type(error).__name__}: {error}"
    return JobResult(JobOutcome.BROKE, text)


def _loaded(job: Job, root: Path) -> Model:
    if job.swept:
        from stressor.targets.qemu.sweep import SweptModel  # needs what not everybody has

        return SweptModel(job.specification)
    models = find_models([job.specification], root)
    if len(models) != 1:
        raise TargetError(f"{job.specification} is {len(models)} targets here; name one of them")
    if models[0].name != job.target:
        raise TargetError(f"{job.specification} is called {models[0].name} here, not {job.target}")
    return models[0]


def _reached(campaign: Campaign | OwnCampaign, model: Model, statistics: Statistics) -> tuple[tuple[str, ...], str, str]:
    """Return all fields by their paths, and the bits of those that were seen, and that toggled whole."""
    if isinstance(model, RunsItself) or not isinstance(campaign, Campaign):
        return (), "0", "0"
    seen = set(model.fields).difference(statistics.unexercised)
    return (
        tuple(model.prefix + field for field in model.fields),
        bits_of(seen, model.fields),
        bits_of({each.path for each in statistics.covered if each.width and each.toggled == each.width}, model.fields),
    )


def _resident(process: int) -> int:
    """Return the resident memory of a process and all below it, in bytes; 0 where nobody tells."""
    folder = Path("/proc", str(process))
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = (folder / "task" / str(process) / "children").read_text().split()
    except (OSError, IndexError, ValueError):
        return 0
    return pages * _PAGE + sum(map(_resident, map(int, children)))
