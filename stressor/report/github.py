"""What GitHub shows of a run: an annotation at each field's declaration, and the job's summary.

The form of annotations is that of GitHub's workflow commands, the summary is Markdown that is appended
to the file in `GITHUB_STEP_SUMMARY`. Whatever came from a target is escaped and bounded.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from stressor.loop.events import (
    Event,
    FindingFound,
    RunFinished,
    RunStarted,
    Statistics,
    TargetFinished,
)
from stressor.loop.finding import Finding
from stressor.report.markdown import bounded, fenced, plain
from stressor.report.text import clean, counted

__all__ = ["GitHub", "GitHubReport", "Place", "place_of", "summary"]

_BLOCKS: Final = 50
"""Findings that a summary shows whole."""

_ROWS: Final = 500


@dataclass(frozen=True)
class Place:
    """A line of a file; None for the file as such."""

    file: Path
    line: int | None


def place_of(declared: str | None, folder: Path, device: Path) -> Place | None:
    """Return the place that a divergence names; None when there is no such.

    That is `file:line` from `folder`, or what raised: `file.py:23 in _write`, where the file is named
    without its folder and taken to be the device's.
    """
    match = re.fullmatch(r"(.+):(\d{1,9})( in .*)?", declared or "")
    if match is None:
        return None
    file = device if match[3] and device.name == match[1] else folder / match[1]
    return Place(file, int(match[2])) if file.is_file() else None


@dataclass(frozen=True)
class GitHub:
    """A step of a job. `summary_file` is None where there is none to write."""

    workspace: Path
    summary_file: Path | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> GitHub | None:
        """Return the step that this is; None anywhere else."""
        if environment.get("GITHUB_ACTIONS") != "true":
            return None
        file = environment.get("GITHUB_STEP_SUMMARY")
        return cls(Path(environment.get("GITHUB_WORKSPACE") or "."), Path(file) if file else None)

    def annotation(self, finding: Finding, place: Place, seed: str) -> str:
        """Return the line that puts a finding beside the code at `place`."""
        properties = {"file": _within(place.file, self.workspace)}
        if place.line is not None:
            properties["line"] = str(place.line)
        divergence = finding.divergence
        properties["title"] = f"{finding.id} {divergence.oracle}: {divergence.cause}"
        given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        detail = f" ({divergence.detail})" if divergence.detail else ""
        said = f"{divergence.first.path}{detail}\nseed {seed}: stressor replay {finding.id}"
        return f"::error {given}::{_message(chr(10).join(clean(line[:500]) for line in said.split(chr(10))))}"

    def summarise(
        self,
        devices: Mapping[str, Statistics],
        found: Sequence[tuple[Finding, str]],
        seed: str,
        uncovered: Sequence[str] = (),
    ) -> None:
        """Append the job's summary. Raises OSError."""
        if self.summary_file is not None:
            with self.summary_file.open("a", encoding="utf-8") as stream:
                stream.write(summary(devices, found, seed, uncovered))


class GitHubReport:
    """Takes the events of a run; at its end writes the annotations to a stream, and the summary.

    `place` says where the device of a finding is declared, `block` is its block.
    """

    def __init__(
        self,
        github: GitHub,
        stream: TextIO,
        place: Callable[[Finding], Place],
        block: Callable[[Finding], str],
    ) -> None:
        self._github = github
        self._stream = stream
        self._place = place
        self._block = block
        self._seed = ""
        self._devices: dict[str, Statistics] = {}
        self._found: list[tuple[Finding, str]] = []

    def handle(self, event: Event) -> None:
        """Take one event. Raises OSError when the summary cannot be written."""
        match event:
            case RunStarted():
                self._seed = str(event.seed)
            case FindingFound():
                self._found.append((event.finding, self._block(event.finding)))
            case TargetFinished():
                self._devices[event.target] = event.statistics
            case RunFinished():
                for finding, _ in self._found:
                    self._stream.write(self._github.annotation(finding, self._place(finding), self._seed) + "\n")
                self._stream.flush()
                self._github.summarise(self._devices, self._found, self._seed, event.uncovered)


def summary(
    devices: Mapping[str, Statistics],
    found: Sequence[tuple[Finding, str]],
    seed: str,
    uncovered: Sequence[str] = (),
) -> str:
    """Return a run as Markdown: a table of devices, then findings with their blocks. Of `uncovered` devices
    fewer fields were exercised than are required."""
    return bounded(_parts(devices, found, seed, uncovered))


def _parts(
    devices: Mapping[str, Statistics],
    found: Sequence[tuple[Finding, str]],
    seed: str,
    uncovered: Sequence[str],
) -> Iterator[str]:
    counts = Counter(finding.target for finding, _ in found)
    verdict = f"{counted(len(found), 'finding')} in {counted(len(counts), 'device')}" if found else "nothing diverged"
    verdict += f"; too little of {counted(len(uncovered), 'device')} was exercised" if uncovered else ""
    yield f"## Stressor: {verdict}\n\nSeed {plain(seed)}\n\n"
    yield "| device | cycles | operations | fields exercised | findings |\n|---|---:|---:|---:|---:|\n"
    for name, ran in [*devices.items()][:_ROWS]:
        cells = (
            plain(name), f"{ran.total_cycles:,}", f"{ran.total_operations:,}",
            f"{ran.exercised} of {ran.fields}{', too few' if name in uncovered else ''}", str(counts[name]),
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |\n"
    if len(devices) > _ROWS:
        yield f"\n{counted(len(devices) - _ROWS, 'device')} more.\n"
    for finding, block in found[:_BLOCKS]:
        divergence = finding.divergence
        yield f"\n### {finding.id} {plain(divergence.first.path)}: {divergence.cause}\n\n{fenced(block)}"
    if len(found) > _BLOCKS:
        yield f"\n{counted(len(found) - _BLOCKS, 'finding')} more.\n"


def _within(file: Path, workspace: Path) -> str:
    path, root = os.path.abspath(file), os.path.abspath(workspace)
    inside = os.path.commonpath((path, root)) == root
    return Path(os.path.relpath(path, root)).as_posix() if inside else file.as_posix()


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
