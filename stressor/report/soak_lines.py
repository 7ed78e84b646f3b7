"""A soak in plain lines: what is found as it happens, how it goes once a minute, and what it came to."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Final, TextIO

from stressor import __version__
from stressor.loop.finding import Finding
from stressor.report.soak_screen import SoakScreen
from stressor.report.text import WIDTH, clean, counted, listed, middle, seconds
from stressor.soak.events import (
    FindingReplayed,
    FindingReported,
    JobEnded,
    SoakEvent,
    SoakFinished,
    SoakStarted,
    TargetLeft,
)
from stressor.soak.history import FindingStatus, JobOutcome, SessionEnd
from stressor.soak.job import Verdict
from stressor.soak.progress import SoakProgress

__all__ = ["SoakLines"]

_COLUMN: Final = 17
_NAMED: Final = 24


class SoakLines:
    """Writes events to a text stream. `rows` are what the header says beside targets, workers and seed; `live`
    shows in place how it goes."""

    def __init__(self, stream: TextIO, rows: Sequence[tuple[str, str]] = (), *, live: bool = False) -> None:
        self._screen = SoakScreen(stream, live=live)
        self._rows = rows
        self._unsuitable: Counter[str] = Counter()

    def handle(self, event: SoakEvent) -> None:
        """Take one event."""
        match event:
            case SoakProgress():
                self._screen.show(event)
            case SoakStarted():
                self._screen.say(_header(event, self._rows))
            case FindingReported():
                self._screen.say(_found(event.finding, event.status))
            case FindingReplayed():
                self._screen.say(_replayed(event))
            case JobEnded():
                if event.outcome is not JobOutcome.DONE:
                    self._screen.say(_trouble(event))
            case TargetLeft():
                if event.unsuitable:
                    self._unsuitable[event.reason] += 1
                else:
                    self._screen.say(f"left alone: {clean(event.target)}: {clean(event.reason)}\n")
            case SoakFinished():
                self._screen.say(_closing(event, self._unsuitable))

    def say(self, text: str) -> None:
        """Write whole lines."""
        self._screen.say(text)

    def close(self) -> None:
        """Take what is shown in place off the screen."""
        self._screen.close()


def _header(event: SoakStarted, rows: Sequence[tuple[str, str]]) -> str:
    earlier = f", which goes on after {seconds(event.seconds)}" if event.seconds else ""
    named = [
        ("targets", listed([clean(name) for name in event.targets], _COLUMN, _NAMED)),
        ("workers", str(event.workers)),
        ("seed", str(event.seed)),
        ("session", f"{event.session}{earlier}"),
        *((name, listed(clean(text).split(", "), _COLUMN)) for name, text in rows),
    ]
    return "\n".join([f"stressor {__version__}", *(f"{'  ' + name:<{_COLUMN}}{text}" for name, text in named)]) + "\n\n"


def _found(finding: Finding, status: FindingStatus) -> str:
    start = f"{finding.id}  {status}  {finding.divergence.cause}  "
    name = clean(f"{finding.target}  {finding.divergence.first.path}")
    return start + middle(name, max(20, WIDTH - len(start))) + "\n"


def _replayed(event: FindingReplayed) -> str:
    identity, target = event.finding.id, clean(event.finding.target)
    if event.verdict is Verdict.ERROR:
        return f"{identity}  cannot be replayed  {target}: {clean(event.problem)}\n"
    if event.verdict is Verdict.FAILED:
        said = "it still fails"
    elif event.status is FindingStatus.GONE:
        said = "it no longer fails" + ("; take it out of known.toml" if event.accepted else "")
    else:
        said = "its trace alone does not bring it back"
    return f"{identity}  {event.status}  {target}: {said}\n"


def _trouble(event: JobEnded) -> str:
    again = f"stressor run {shlex.quote(event.specification)} --seed {event.seed}"
    return f"{event.outcome}: {clean(event.target)}: {clean(event.problem)}\n  {again}\n"


def _closing(event: SoakFinished, unsuitable: Counter[str]) -> str:
    ended = {SessionEnd.DONE: "ended", SessionEnd.INTERRUPTED: "interrupted", SessionEnd.BROKE: "broke"}
    lines = [
        "",
        f"{ended.get(event.end, 'ended')} after {seconds(event.seconds)}: {counted(event.jobs, 'job')}, "
        f"{counted(event.cycles, 'cycle')}, {counted(event.operations, 'operation')}",
        f"{event.inside:.0%} of the workers' time was spent in targets",
    ]
    for status in FindingStatus:
        if found := event.found(status):
            label = f"{counted(len(found), f'{status} finding')}: "
            lines.append(label + listed(list(found), len(label), _NAMED))
    if event.elsewhere:
        label = f"{counted(len(event.elsewhere), 'open finding')} of targets that are not in this soak: "
        lines.append(label + listed(list(event.elsewhere), len(label), _NAMED))
    if unsuitable:
        label = f"{counted(unsuitable.total(), 'target')} cannot be stressed: "
        lines.append(label + listed([f"{count} {clean(reason)}" for reason, count in unsuitable.most_common()], len(label)))
    if event.cut:
        lines.append(f"{counted(event.cut, 'job')} did not end in time, and {'counts' if event.cut == 1 else 'count'} as not run")
    if event.broken:
        lines.append(f"broken: {', '.join(map(clean, event.broken))}")
    if not event.failing and not event.found(FindingStatus.KNOWN):
        lines.append("nothing diverged" if event.cycles else "nothing ran: not one cycle, so nothing was shown")
    return "\n".join(lines) + "\n"
