"""The outcomes of a session: by device, each finding once, stored here wherever it was found."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest

from stressor.errors import RecordError, StressorError
from stressor.findings.store import Store
from stressor.loop.coverage import CoveredField
from stressor.loop.events import Statistics
from stressor.loop.finding import Finding
from stressor.plugin.outcome import Shown, read
from stressor.plugin.settings import configuration, header, seed_of
from stressor.report.github import GitHub, Place, place_of
from stressor.report.text import WIDTH, clean, counted, listed, middle
from stressor.report.verdict import too_little

__all__ = ["Gathering"]

_NAMES: Final = 28
"""Columns that the names of devices have at most."""
_MISSING: Final = "  not exercised  "


class Gathering:
    """Takes outcomes in, in any order, and says what they come to."""

    def __init__(self, config: pytest.Config) -> None:
        self._config: Final = config
        self._store = Store(configuration(config).findings)
        self._devices: dict[str, Statistics] = {}
        self._found: dict[str, Shown] = {}
        self._places: dict[str, Place] = {}
        self._problems: list[str] = []

    def add(self, told: str, report: pytest.TestReport) -> None:
        """Take in what came with a test's report. What cannot be read or stored is a line at the end."""
        try:
            outcome = read(told)
        except RecordError as error:
            self._problems.append(f"{report.nodeid}: {error}")
            return
        before = self._devices.get(outcome.target)
        ran = outcome.statistics
        self._devices[outcome.target] = ran if before is None else _together(before, ran)
        for shown in outcome.found:
            here = Shown(_at_home(shown.finding, report, self._config.invocation_params.dir), shown.block)
            self._keep(here, report)
        if outcome.kept_back:
            large = counted(outcome.kept_back, "finding")
            self._problems.append(f"{report.nodeid}: {large} too large to be sent; see the worker's own folder")

    def _keep(self, shown: Shown, report: pytest.TestReport) -> None:
        finding = shown.finding
        known = self._found.get(finding.id)
        if known is None or len(finding.trace) < len(known.finding.trace):
            self._found[finding.id] = shown
            self._places[finding.id] = _place(finding, report, self._config)
        try:
            self._store.write(finding)
        except StressorError as error:
            self._problems.append(str(error))

    @property
    def uncovered(self) -> list[str]:
        """The devices of which fewer fields were exercised, by all their tests together, than the settings require."""
        required = configuration(self._config).required_coverage
        return [name for name, statistics in sorted(self._devices.items()) if not statistics.covers(required)]

    def gate(self) -> str:
        """Return the line that says why the session fails though every test passed; empty when it does not."""
        if not self.uncovered:
            return ""
        line = too_little(self.uncovered, configuration(self._config).required_coverage)
        return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the terminal's section: devices, findings with what replays them, problems."""
        counts = Counter(shown.finding.target for shown in self._found.values())
        width = min(_NAMES, max(map(len, self._devices), default=0))
        for name, statistics in sorted(self._devices.items()):
            parts = [
                counted(statistics.total_cycles, "cycle"), counted(statistics.total_operations, "operation"),
                f"{statistics.exercised} of {counted(statistics.fields, 'field')} exercised",
                counted(counts[name], "finding"),
            ]  # fmt: skip
            yield f"{middle(clean(name), width):<{width}}  {', '.join(parts)}"
            if name in self.uncovered:
                yield _MISSING + listed(list(map(clean, statistics.unexercised)), len(_MISSING))
        said = header(self._config)
        if said is not None:
            yield said
        for identity, shown in sorted(self._found.items()):
            divergence = shown.finding.divergence
            start = f"{identity}  {divergence.cause}  "
            yield from ("", start + middle(clean(divergence.first.path), WIDTH - len(start)), f"    stressor replay {identity}")
        if self._problems:
            yield ""
            yield from (f"problem: {clean(problem)}" for problem in self._problems)

    def for_github(self) -> Iterator[str]:
        """Yield the annotations when this runs on GitHub, where the job's summary is written too."""
        github = GitHub.of(os.environ)
        if github is None:
            return
        found = sorted(self._found.items())
        given = seed_of(self._config)
        seed = "that of Hypothesis" if given is None else str(given)
        for identity, shown in found:
            yield github.annotation(shown.finding, self._places[identity], seed)
        try:
            github.summarise(
                dict(sorted(self._devices.items())),
                [(shown.finding, shown.block) for _, shown in found],
                seed,
            )
        except OSError as error:
            yield f"problem: the job's summary cannot be written: {error.strerror or error}"


def _together(one: Statistics, other: Statistics) -> Statistics:
    """Return what two tests of one device come to."""
    if not one.fields or not other.fields:  # one of them did not get so far
        fields, missed = max((one, other), key=lambda ran: ran.fields).fields, one.unexercised or other.unexercised
    else:
        fields, missed = one.fields, tuple(name for name in one.unexercised if name in set(other.unexercised))
    return replace(
        one,
        cycles=dict(Counter(one.cycles) + Counter(other.cycles)),
        operations=dict(Counter(one.operations) + Counter(other.operations)),
        oracles=dict(Counter(one.oracles) + Counter(other.oracles)),
        fields=fields,
        exercised=fields - len(missed),
        unexercised=missed,
        covered=tuple(_most(one.covered, other.covered)),
        save_points=one.save_points + other.save_points,
        seconds=one.seconds + other.seconds,
    )


def _most(*tests: Sequence[CoveredField]) -> Iterator[CoveredField]:
    """Yield what several tests saw of each field, at least: which values and bits they share is not known."""
    seen: dict[str, list[CoveredField]] = {}
    for field in (field for test in tests for field in test):
        seen.setdefault(field.path, []).append(field)
    for path, of_it in seen.items():
        points = sum(field.points for field in of_it)
        yield CoveredField(path, points, *(max(map(attrgetter(key), of_it)) for key in ("values", "toggled", "width")))


def _at_home(finding: Finding, report: Any, folder: Path) -> Finding:
    """Return a finding with its device's path as it is here: a worker elsewhere has a copy of a folder
    under the folder's bare name."""
    roots = getattr(getattr(getattr(report, "node", None), "nodemanager", None), "roots", ())
    name, colons, rest = finding.specification.partition("::")
    path = Path(name)
    if not colons or path.is_absolute() or (folder / path).exists():
        return finding
    for root in map(Path, roots):
        if path.parts[:1] == (root.name,) and (root.parent / path).exists():
            here = Path(os.path.relpath(root.parent / path, folder)).as_posix()
            return replace(finding, specification=here + colons + rest)
    return finding


def _place(finding: Finding, report: pytest.TestReport, config: pytest.Config) -> Place:
    """Return where the field is declared, else where its device is."""
    folder = config.invocation_params.dir
    located, index, _ = report.location
    device = config.rootpath / located
    if not device.is_file():  # a worker's, whose folders are others
        device = folder / finding.specification.partition("::")[0]
    declared = place_of(finding.divergence.declared, folder, device)
    return declared or Place(device, None if index is None else index + 1)
