"""One session of `stressor soak`: what is opened for it, and where its events go."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, Final

from stressor.cli.common import Session, print_error, use_live
from stressor.cli.exit_code import ExitCode
from stressor.cli.interruption import NOTICE, Interruption
from stressor.config import Configuration, moved
from stressor.errors import RecordError, StressorError
from stressor.findings.record import encode, read
from stressor.findings.regressions import promoted, read_promoted
from stressor.findings.store import Store, write_atomically
from stressor.loop.finding import Finding
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.report.soak_lines import SoakLines
from stressor.report.text import counted
from stressor.soak.chronicle import Acceptance
from stressor.soak.cluster import ClusterExecutor
from stressor.soak.coordinator import Limits, Soak, SoakTarget
from stressor.soak.events import SoakFinished, SoakStarted
from stressor.soak.executors import Executor, LocalExecutor
from stressor.soak.history import SessionEnd
from stressor.soak.journal import Journal, Resumable
from stressor.soak.known import read_known
from stressor.soak.sources import gathered
from stressor.soak.summary import Summary
from stressor.targets.loader import find_models
from stressor.targets.qemu.late import LateModel

__all__ = ["Soaking"]

_SUMMARY_EVERY: Final = 10.0


class Soaking:
    """Runs a session, of a new soak or of the last one."""

    def __init__(
        self, session: Session, configuration: Configuration, interruption: Interruption, *, quiet: float | None,
        max_findings: int | None,
    ) -> None:  # fmt: skip
        self._session = session
        self._configuration = configuration
        self._interruption = interruption
        self._quiet = quiet
        self._max_findings = max_findings
        self._store = Store(configuration.findings)
        self._failed = False
        self._summary = Summary()
        self._next_summary = 0.0
        self._no_summary = False

    def run(self, *, resume: bool, cluster: str | None) -> ExitCode:
        """Return the exit code. Raises StressorError for what keeps the session from beginning."""
        accepted = read_known(self._configuration.known)
        with contextlib.ExitStack() as stack:
            journal = stack.enter_context(Journal(self._configuration.journal, writing=True))
            earlier = journal.resumable() if resume else None
            configuration = self._settled(earlier)
            targets = [
                self._target(model, accepted, travels=cluster is not None) for model in find_models(configuration.targets)
            ]
            executor = _executor(configuration, cluster)
            stack.callback(executor.close)
            soak = Soak(
                targets,
                executor,
                journal,
                seed=configuration.seed,
                oracles=configuration.oracles,
                reset_modes=configuration.reset_modes,
                batch_timeout=configuration.batch_timeout,
                settings=self._plain(configuration),
                limits=Limits(configuration.settings["for"].value, self._quiet, self._max_findings),
                accepted=accepted,
                keep=self._keep,
                stop=self._interruption.requested,
                resumes=earlier.soak if earlier else 0,
                before=earlier.seconds if earlier else 0.0,
            )
            lines = SoakLines(sys.stdout, self._rows(accepted), live=use_live(sys.stdout))
            stack.callback(lines.close)
            self._interruption.silent = use_live(sys.stdout)
            stopping = False
            asked = stack.enter_context(_signalled())
            for event in soak.run():
                lines.handle(event)
                self._summary.handle(event)
                self._write_summary(at_once=isinstance(event, SoakStarted | SoakFinished))
                if self._interruption.silent and not stopping and self._interruption.requested():
                    stopping = True
                    lines.say(NOTICE)
                if asked():
                    lines.say(self._summary.json().decode())
            assert isinstance(event, SoakFinished)
            return self._exit_code(event)

    def _write_summary(self, *, at_once: bool) -> None:
        """Replace the summary, each ten seconds; one that cannot be written is told of once."""
        if self._no_summary or not (at_once or monotonic() >= self._next_summary):
            return
        self._next_summary = monotonic() + _SUMMARY_EVERY
        file = self._configuration.journal.with_name("summary.json")
        try:
            write_atomically(file, self._summary.json())
        except OSError as error:
            self._no_summary = True
            self._fail(RecordError(str(file), f"cannot be written: {error.strerror}", "make room"))

    def _settled(self, earlier: Resumable | None) -> Configuration:
        """Return the settings: those of the soak that goes on, but for how long and on how many workers where
        somebody says so anew."""
        if earlier is None:
            return self._configuration
        settings = dict(Configuration.from_plain(earlier.settings).settings)
        targets = settings["targets"]
        settings["targets"] = replace(targets, value=moved(targets.value, self._configuration.root, Path()))
        for name in ("for", "jobs", "findings", "journal", "known"):
            if self._configuration.given(name) or name not in settings:
                settings[name] = self._configuration.settings[name]
        return Configuration(settings)

    def _plain(self, configuration: Configuration) -> dict[str, list[Any]]:
        """Return the settings for the journal, which may be resumed in another folder of the project."""
        plain = configuration.as_plain()
        plain["targets"][0] = moved(configuration.targets, Path(), self._configuration.root)
        return plain

    def _target(
        self, model: TargetType | RunsItself, accepted: dict[str, Acceptance], *, travels: bool
    ) -> SoakTarget:
        model.close()  # what it started to find out what there is
        traces = {finding.id: finding for finding in self._traces(model, accepted)}
        sources = gathered(model.specification, Path()) if travels else None
        return SoakTarget(
            model.name, model.specification, list(traces.values()), sources, isinstance(model, LateModel)
        )

    def _traces(self, model: TargetType | RunsItself, accepted: dict[str, Acceptance]) -> Iterator[Finding]:
        """Yield what is known of a target beside the journal: promoted findings, and stored ones that are accepted."""
        for file in self._store.paths():
            if file.stem in accepted:
                with contextlib.suppress(StressorError):
                    finding = read(file)
                    if finding.target == model.name:
                        yield finding
        for file in promoted(model.name, model.specification, Path()):
            try:
                yield read_promoted(file, model.name)
            except StressorError as error:
                self._fail(error)

    def _keep(self, finding: Finding) -> None:
        try:
            self._store.write(finding)
        except RecordError as error:
            self._fail(error)
            sys.stderr.write("the finding's file would have been:\n" + encode(finding).decode())
            sys.stderr.flush()

    def _fail(self, error: StressorError) -> None:
        self._failed = True
        print_error(error, verbose=self._session.verbose)

    def _rows(self, accepted: dict[str, Acceptance]) -> list[tuple[str, str]]:
        configuration = self._configuration
        rows = [("journal", str(configuration.journal))]
        if accepted:
            rows.append(("known", f"{counted(len(accepted), 'finding')} in {configuration.known}"))
        return [*rows, ("configuration", configuration.summary())]

    def _exit_code(self, event: SoakFinished) -> ExitCode:
        if event.problem:
            print_error(event.problem)
        if event.end is SessionEnd.INTERRUPTED:
            return ExitCode.INTERRUPTED
        if event.end is SessionEnd.BROKE or event.broken or self._failed:
            return ExitCode.BROKEN
        if event.failing:
            return ExitCode.FINDINGS
        return ExitCode.CLEAN if event.cycles else ExitCode.NOTHING_RAN


@contextmanager
def _signalled() -> Iterator[Callable[[], bool]]:
    """Give what says whether SIGUSR1 came since it was last asked."""
    came = False

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    def asked() -> bool:
        nonlocal came
        was, came = came, False
        return was

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    previous = signal.signal(signal.SIGUSR1, take)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGUSR1, previous)


def _executor(configuration: Configuration, cluster: str | None) -> Executor:
    return LocalExecutor(configuration.jobs) if cluster is None else ClusterExecutor(cluster)
