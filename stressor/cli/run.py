"""`stressor run`: stress devices."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from stressor.cli.common import (
    Session,
    configured,
    findings_option,
    print_error,
    profile_option,
    use_colour,
    use_live,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode, exit_code_of
from stressor.cli.interruption import Interruption
from stressor.cli.live_options import live_options, with_live_options
from stressor.config import Configuration
from stressor.errors import RecordError, StressorError, UsageError
from stressor.findings.record import encode
from stressor.findings.regressions import promoted, read_promoted
from stressor.findings.store import Store
from stressor.loop.events import Event, FindingFound, RunFinished
from stressor.loop.finding import Finding
from stressor.loop.operations import OperationType
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.report.block import failure_block
from stressor.report.github import GitHub, GitHubReport, Place, place_of
from stressor.report.jsonl import JsonLines
from stressor.report.terminal import TerminalReport
from stressor.report.verdict import verdict_of
from stressor.search.plan import EngineName
from stressor.targets.declared import declared_in
from stressor.targets.qemu.specification import PREFIX, written

__all__ = ["run"]


@click.command(
    "run",
    epilog="Exit codes: 0 clean, 1 findings, or less exercised than required, 2 usage or configuration, "
    "3 a target or the harness broke, 4 nothing ran, 130 interrupted.",
)
@click.argument("targets", nargs=-1)
@click.option(
    "--seed", metavar="N", help="What everything drawn derives from (default: a random one)."
)
@click.option("--cycles", metavar="N", help="Cycles a target (default 5000).")
@click.option(
    "--for", "for_", metavar="TIME", help="Time for the whole run instead, such as 30s, 5m, 2h."
)
@click.option(
    "--reset-mode",
    "reset_modes",
    multiple=True,
    metavar="MODE",
    help="What stands between save and load; repeatable (default: all).",
)
@click.option(
    "--oracle",
    "oracles",
    multiple=True,
    metavar="NAME",
    help="What must hold; repeatable (default: all). See `stressor list`.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write the events as JSON lines; - is stdout, and the report goes to stderr.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="PATTERN",
    help="Of a qemu: target, the regions to stress, as in the shell; repeatable.",
)
@click.option(
    "--operations",
    "files",
    multiple=True,
    metavar="FILE.py",
    help="For a qemu: target, drivers of your own beside raw traffic; repeatable.",
)
@live_options
@findings_option
@profile_option
@click.option(
    "--batch-timeout",
    metavar="TIME",
    help="How long one batch of operations may take (default 5s).",
)
@click.option(
    "--engine",
    type=click.Choice([name.value for name in EngineName]),
    default=EngineName.SEEDED.value,
    help="Where operations come from: a fast seeded generator, or Hypothesis itself, which is "
    "hundreds of times slower (default: seeded).",
)
@click.option(
    "--require-coverage",
    metavar="PERCENT",
    help="Fail when fewer of a target's fields were exercised: had another value than after a reset "
    "when they were saved.",
)
@click.option("--no-shrink", is_flag=True, help="Keep failing traces as they were found.")
@verbose_option
@click.pass_obj
def run(
    session: Session,
    targets: tuple[str, ...],
    seed: str | None,
    cycles: str | None,
    for_: str | None,
    reset_modes: tuple[str, ...],
    oracles: tuple[str, ...],
    json_file: str | None,
    regions: tuple[str, ...],
    files: tuple[str, ...],
    findings: str | None,
    profile: str | None,
    batch_timeout: str | None,
    engine: str,
    require_coverage: str | None,
    no_shrink: bool,
) -> int:
    """Stress TARGETS: files, folders, FILE::Class, package.module:Class (default: devices).

    qemu:DEVICE and qemu:machine=MACHINE stress devices of a real QEMU; see docs/qemu.md. What
    follows -- goes to that QEMU as it is.
    """
    configuration = configured(
        targets=targets,
        seed=seed,
        cycles=cycles,
        for_=for_,
        reset_modes=reset_modes,
        oracles=oracles,
        findings=findings,
        profile=profile,
        batch_timeout=batch_timeout,
        require_coverage=require_coverage,
    )
    # Imported late: both load hypothesis.
    from stressor.search.run import run as events_of
    from stressor.targets.loader import find_models

    given = _completed(configuration.targets, regions, files, session.behind)
    models = find_models(with_live_options(session, given))
    with Interruption() as interruption, _json_stream(json_file) as stream:
        outputs = _Outputs(session, configuration, models, stream, beside_json=json_file == "-")
        events = events_of(
            models,
            seed=configuration.seed,
            cycles=configuration.cycles,
            seconds=configuration.seconds,
            oracles=configuration.oracles,
            reset_modes=configuration.reset_modes,
            configuration=configuration.summary(),
            batch_timeout=configuration.batch_timeout,
            stop=interruption.requested,
            shrink=not no_shrink,
            engine=EngineName(engine),
            promoted=_promoted,
            required_coverage=configuration.required_coverage,
        )
        with contextlib.closing(outputs):
            for event in events:
                outputs.handle(event)
        return outputs.exit_code


def _promoted(name: str, specification: str) -> Iterator[tuple[str, Finding | StressorError]]:
    for file in promoted(name, specification, Path()):
        try:
            yield file.stem, read_promoted(file, name)
        except StressorError as error:
            yield file.stem, error


def _completed(
    targets: Sequence[str],
    regions: Sequence[str],
    files: Sequence[str],
    arguments: Sequence[str],
) -> list[str]:
    """Put `--region`, `--operations`, and what follows `--`, into the specification of a QEMU target."""
    ours = [target for target in targets if target.startswith(PREFIX)]
    given_to_one = (("--region", regions), ("--operations", files), ("what follows --", arguments))
    for option, given in given_to_one:
        if given and len(ours) != 1:
            raise UsageError(f"{option} is for one qemu: target, and there are {len(ours)}; give one")
    return [
        written(target, regions, files, arguments) if target in ours else target
        for target in targets
    ]


class _Operations(Mapping[str, Sequence[OperationType]]):
    """The operations of each target by its name, asked for when they are needed: it may be costly."""

    def __init__(self, models: Sequence[TargetType | RunsItself]) -> None:
        self._models = {model.name: model for model in models}

    def __getitem__(self, name: str) -> Sequence[OperationType]:
        return self._models[name].operations

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


class _Outputs:
    """Hands each event on: first to the store, so that no later failure loses a finding."""

    def __init__(
        self,
        session: Session,
        configuration: Configuration,
        models: Sequence[TargetType | RunsItself],
        json_stream: BinaryIO | None,
        beside_json: bool,
    ) -> None:
        stream = sys.stderr if beside_json else sys.stdout
        self._session = session
        self._by_id = configuration.stores_by_id
        self._store = Store(configuration.findings)
        self._json = JsonLines(json_stream) if json_stream is not None else None
        self._files: dict[str, Path] = {}
        self._failed = False
        self._terminal = TerminalReport(
            stream,
            colour=use_colour(stream),
            live=use_live(stream),
            verbose=session.verbose,
            operations=_Operations(models),
            replay=self._replay,
        )
        github = GitHub.of(os.environ)
        self._github = GitHubReport(github, stream, self._place, self._block) if github else None
        self._models = {model.name: model for model in models}
        self.exit_code = ExitCode.NOTHING_RAN

    def handle(self, event: Event) -> None:
        if isinstance(event, FindingFound):
            self._keep(event.finding)
        if self._json is not None:
            try:
                self._json.handle(event)
            except BrokenPipeError:
                raise
            except OSError as error:
                self._fail(
                    RecordError("--json", f"cannot be written: {error.strerror}", "make room")
                )
                self._json = None
        self._terminal.handle(event)
        if self._github is not None:
            try:
                self._github.handle(event)
            except OSError as error:
                problem = f"cannot be written: {error.strerror}"
                self._fail(RecordError("GITHUB_STEP_SUMMARY", problem, "make room"))
        if isinstance(event, RunFinished):
            self.exit_code = exit_code_of(verdict_of(event))
            if self._failed and self.exit_code is not ExitCode.INTERRUPTED:
                self.exit_code = ExitCode.BROKEN

    def close(self) -> None:
        self._terminal.close()

    def _keep(self, finding: Finding) -> None:
        try:
            self._files[finding.id] = self._store.write(finding)
        except RecordError as error:
            self._fail(error)
            sys.stderr.write("the finding's file would have been:\n" + encode(finding).decode())
            sys.stderr.flush()

    def _replay(self, finding: Finding) -> str:
        file = self._files.get(finding.id)
        if file is None:
            return f"stressor run {shlex.quote(finding.specification)} --seed {finding.seed}"
        return f"stressor replay {finding.id if self._by_id else shlex.quote(str(file))}"

    def _block(self, finding: Finding) -> str:
        operations = self._models[finding.target].operations
        return failure_block(finding, operations, replay=self._replay(finding))

    def _place(self, finding: Finding) -> Place:
        file, index = declared_in(self._models[finding.target])
        device = file or Path(finding.specification.partition("::")[0])
        declared = place_of(finding.divergence.declared, Path.cwd(), device)
        return declared or Place(device, None if index is None else index + 1)

    def _fail(self, error: RecordError) -> None:
        self._failed = True
        self._terminal.close()
        print_error(error, verbose=self._session.verbose)


@contextmanager
def _json_stream(file: str | None) -> Iterator[BinaryIO | None]:
    if file is None:
        yield None
    elif file == "-":
        yield sys.stdout.buffer
    else:
        with contextlib.ExitStack() as stack:
            try:
                stream = stack.enter_context(open(file, "wb"))
            except OSError as error:
                raise UsageError(
                    f"--json {file}: {error.strerror}; name a file that can be written"
                ) from error
            yield stream
