"""The report for a person: what runs, each finding, what was not tested, the verdict.

80 columns. Colour and live progress are separate decisions, and both the caller's.
"""

from __future__ import annotations

import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TextIO

from stressor.loop.events import (
    Event,
    FindingFound,
    Progress,
    RegressionsReplayed,
    RunFinished,
    RunStarted,
    TargetBroke,
    TargetFinished,
    TargetSkipped,
    TargetStarted,
)
from stressor.loop.finding import Finding, Kind
from stressor.loop.operations import OperationType
from stressor.report.block import failure_block
from stressor.report.progress import LiveProgress
from stressor.report.statistics import statistics_lines
from stressor.report.table import Outcome, common_start, left_out, table
from stressor.report.text import WIDTH, clean, counted, listed, middle, seconds
from stressor.report.verdict import Verdict, verdict_line, verdict_of

__all__ = ["TerminalReport"]

_MINUTE = 60.0
_MANY = 12
"""With more targets than this, findings are a line each, and what was done to each is a row of a table."""
_COLUMN = 17
_COLOURS: Final = {
    Verdict.INTERRUPTED: "33",
    Verdict.BROKEN: "31",
    Verdict.FINDINGS: "31",
    Verdict.NOTHING_RAN: "33",
    Verdict.TOO_LITTLE: "31",
    Verdict.CLEAN: "32",
}


class TerminalReport:
    """Writes events to a text stream.

    `live` shows progress in place, otherwise there is one plain line a minute. `operations` holds,
    by target, what names the steps of a trace, and `replay` gives the line that brings a finding
    back. `verbose` names everything that was not exercised instead of the first few, shows each
    finding whole also in a run over many targets, and the traceback of what broke.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool = False,
        live: bool = False,
        verbose: bool = False,
        operations: Mapping[str, Sequence[OperationType]] | None = None,
        replay: Callable[[Finding], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._colour = colour
        self._progress = LiveProgress(stream) if live else None
        self._verbose = verbose
        self._operations = operations or {}
        self._replay = replay
        self._clock = clock
        self._last_line = clock()
        self._targets: list[str] = []
        self._findings: list[Finding] = []
        self._summaries: list[str] = []
        self._outcomes: dict[str, Outcome] = {}
        self._many = False
        self._started: RunStarted | None = None

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._started = event
                self._many = len(event.targets) > _MANY
                self._write(self._header(event))
            case TargetStarted():
                self._targets.append(event.target)
            case RegressionsReplayed():
                self._write("\n" + "\n".join(_regressions(event)) + "\n")
            case Progress():
                self._show(event)
            case FindingFound():
                self._findings.append(event.finding)
                self._write(self._found(event.finding))
            case TargetSkipped():
                self._outcomes[event.target] = event
                if not self._many:
                    self._write(f"\nskipped: {clean(event.target)}: {clean(event.problem)}\n")
            case TargetBroke():
                self._outcomes[event.target] = event
                problem = clean(event.problem)
                trace = "".join(f"{clean(line)}\n" for line in event.trace.splitlines()) if self._verbose else ""
                self._write(f"\n{trace}{self._styled('broke', '31')}: {clean(event.target)}: {problem}\n")
            case TargetFinished():
                self._outcomes[event.target] = event
                if not self._many or self._verbose or event.uncovered:
                    self._summaries.append(self._summary(event))
            case RunFinished():
                self.close()
                self._write(self._closing(event))

    def close(self) -> None:
        """Take live progress off the screen. Nothing is lost when this is called early."""
        if self._progress is not None:
            self._progress.stop()

    def _header(self, event: RunStarted) -> str:
        rows = {
            "targets": listed(
                [clean(name) for name in event.targets], _COLUMN, 0 if self._verbose else 24
            ),
            "oracles": listed(event.oracles, _COLUMN),
            "reset modes": listed(event.reset_modes, _COLUMN),
            "seed": str(event.seed),
            "configuration": listed(clean(event.configuration).split(", "), _COLUMN),
        }
        lines = [f"stressor {event.version}"]
        lines += [f"{'  ' + name:<{_COLUMN}}{value}" for name, value in rows.items()]
        return "\n".join(lines) + "\n"

    def _found(self, finding: Finding) -> str:
        if not self._many or self._verbose:
            return "\n" + self._block(finding)
        start = f"{finding.id}  {finding.divergence.cause}  "
        target = finding.target.removeprefix(common_start(self._started.targets if self._started else ()))
        name = clean(f"{target or finding.target}  {finding.divergence.first.path}")
        return start + middle(name, WIDTH - len(start)) + "\n"

    def _block(self, finding: Finding) -> str:
        replay = self._replay(finding) if self._replay else None
        block = failure_block(finding, self._operations.get(finding.target, ()), replay=replay)
        rule, _, rest = block.partition("\n")
        return self._styled(rule, "31;1") + "\n" + rest

    def _show(self, event: Progress) -> None:
        if self._progress is not None:
            self._progress.show(event)
        elif self._clock() - self._last_line >= _MINUTE:
            self._last_line = self._clock()
            of = f" of {event.of:,}" if event.of else ""
            place = f" ({len(self._targets)} of {len(self._started.targets) if self._started else 0})" if self._many else ""
            self._write(
                f"{clean(event.target)}{place}: cycle {event.cycles:,}{of}, {counted(event.operations, 'operation')}, "
                f"{counted(event.findings, 'finding')}, {seconds(event.seconds)}\n"
            )

    def _summary(self, event: TargetFinished) -> str:
        stopped = "   (interrupted)" if event.interrupted else ""
        modes = self._started.reset_modes if self._started else ()
        oracles = self._started.oracles if self._started else ()
        required = self._started.required_coverage if self._started else None
        lines = [clean(event.target) + stopped]
        for note in event.notes:
            label = "  note".ljust(_COLUMN)
            lines += textwrap.wrap(clean(note), WIDTH, initial_indent=label, subsequent_indent=" " * _COLUMN)
        lines += statistics_lines(event.statistics, oracles, modes, limit=0 if self._verbose else 6, required=required)
        return "\n".join(lines) + "\n"

    def _closing(self, event: RunFinished) -> str:
        parts = ["", *self._summaries]
        if self._findings:
            parts.append("\n".join(_by_kind(self._findings)) + "\n")
        if self._many:
            counts = Counter(finding.target for finding in self._findings)
            parts.append("\n".join(table(self._outcomes, counts)) + "\n")
            parts += [f"{line}\n" for line in ("\n".join(left_out(self._outcomes, verbose=self._verbose)),) if line]
        required = self._started.required_coverage if self._started else None
        line = verdict_line(event, self._targets, [finding.target for finding in self._findings], required)
        return (
            "\n".join(parts) + "\n" + self._styled(line, _COLOURS[verdict_of(event)] + ";1") + "\n"
        )

    def _styled(self, text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._stream.write(text)
        self._stream.flush()


def _regressions(event: RegressionsReplayed) -> Iterator[str]:
    """Yield how many promoted findings were replayed, and the verdict of each."""
    count = len(event.fixed) + len(event.failed) + len(event.errors)
    yield f"{clean(event.target)}: {counted(count, 'promoted finding')} replayed"
    yield from (f"  FAILED  {identity}" for identity in event.failed)
    if event.fixed:
        yield f"{'  FIXED':<10}{listed(event.fixed, 10)}"
    for identity, problem in event.errors:
        text = f"  ERROR   {clean(identity)}: {clean(problem)}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False)


def _by_kind(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the overview of each kind of finding, under its name unless all are the usual one."""
    kinds = {finding.divergence.kind for finding in findings}
    blank = False
    for kind in Kind:
        of_kind = [finding for finding in findings if finding.divergence.kind is kind]
        if not of_kind:
            continue
        if kinds != {Kind.FOUND}:
            yield from ("", f"{kind} ({len(of_kind)})", "")[not blank :]
        blank = True
        yield from _overview(of_kind)


def _overview(findings: Sequence[Finding]) -> list[str]:
    """Return the findings by target, one line each: id, cause, field path."""
    lines: list[str] = []
    width = max(len(finding.divergence.cause) for finding in findings)
    for target in dict.fromkeys(finding.target for finding in findings):
        lines.append(middle(clean(target), WIDTH))
        for finding in findings:
            if finding.target == target:
                start = f"  {finding.id}  {finding.divergence.cause:<{width}}  "
                path = clean(finding.divergence.first.path)
                lines.append(start + middle(path, WIDTH - len(start)))
    return lines
