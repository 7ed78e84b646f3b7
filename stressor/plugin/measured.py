"""What was run of the code of devices: plain data, that a worker sends and the controller unites."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage

from stressor.targets.involved import Involved

__all__ = ["Gaps", "Measured", "gaps"]


@dataclass
class Measured:
    """What a process saw of one device.

    `functions` are those that save, load or reset; `arcs` are the jumps from line to line that were run,
    by file, or `lines` where branches were not looked at. `fields` were never exercised and `operations`
    never drawn; None before any item said so. `unmeasured` are files that were left out.
    """

    functions: list[Involved] = field(default_factory=list)
    arcs: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    lines: dict[str, set[int]] = field(default_factory=dict)
    unmeasured: set[str] = field(default_factory=set)
    fields: list[str] | None = None
    operations: list[str] | None = None

    def unused(self, fields: Iterable[str], operations: Iterable[str]) -> None:
        """Take in what one item did not use: what remains is what no item used."""
        self.fields = _in_both(self.fields, fields)
        self.operations = _in_both(self.operations, operations)

    def unite(self, other: Measured) -> None:
        """Take in what another process saw."""
        self.functions = self.functions or other.functions
        for file, arcs in other.arcs.items():
            self.arcs.setdefault(file, set()).update(arcs)
        for file, lines in other.lines.items():
            self.lines.setdefault(file, set()).update(lines)
        self.unmeasured |= other.unmeasured
        if other.fields is not None and other.operations is not None:
            self.unused(other.fields, other.operations)

    def as_plain(self, root: Path) -> dict[str, Any]:
        """Return it as plain data, with files relative to `root` where they lie in it."""
        return {
            "functions": [[_below(one.file, root), one.name, sorted(one.lines)] for one in self.functions],
            "arcs": {_below(file, root): sorted(map(list, arcs)) for file, arcs in self.arcs.items()},
            "lines": {_below(file, root): sorted(lines) for file, lines in self.lines.items()},
            "unmeasured": sorted(_below(file, root) for file in self.unmeasured),
            "fields": self.fields,
            "operations": self.operations,
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], root: Path) -> Measured:
        """Return what `as_plain` was made of, in another folder maybe."""
        return cls(
            [Involved(str(root / file), name, frozenset(lines)) for file, name, lines in data["functions"]],
            {str(root / file): {(a, b) for a, b in arcs} for file, arcs in data["arcs"].items()},
            {str(root / file): set(lines) for file, lines in data["lines"].items()},
            {str(root / file) for file in data["unmeasured"]},
            data["fields"],
            data["operations"],
        )


@dataclass
class Gaps:
    """What was never run of some functions: lines, and branches from a line to another (below 0: out of
    the function), each with its function's name; and how many there are of both. Of lines that were never
    run no branch is named, but they do not count as `taken`."""

    lines: list[tuple[str, int, str]] = field(default_factory=list)
    branches: list[tuple[str, int, int, str]] = field(default_factory=list)
    of_lines: int = 0
    of_branches: int = 0
    taken: int = 0
    measures_branches: bool = True


def gaps(measured: Measured) -> Gaps:
    """Return what of a device's functions was never run.

    What counts as a statement, and what is excluded, is coverage's business and that of its settings.
    """
    found = Gaps(measures_branches=not measured.lines)
    files = dict.fromkeys(one.file for one in measured.functions if one.file not in measured.unmeasured)
    for file in files:
        report = _report(file, measured)
        statements = {*report["missing_lines"], *report["executed_lines"]}
        missing = {*report["missing_lines"]}
        branches = [(*pair, True) for pair in report.get("missing_branches", ())]
        branches += [(*pair, False) for pair in report.get("executed_branches", ())]
        counted: set[int] = set()
        for one in (one for one in measured.functions if one.file == file):
            own = (one.lines & statements) - counted
            counted |= own
            found.of_lines += len(own)
            found.lines += [(file, line, one.name) for line in sorted(own & missing)]
            for start, end, lacks in branches:
                if start in own:
                    found.of_branches += 1
                    found.taken += not lacks
                    if lacks and start not in missing:
                        found.branches.append((file, start, end, one.name))
    return found


def _report(file: str, measured: Measured) -> dict[str, Any]:
    branch = not measured.lines
    analysis = coverage.Coverage(data_file=None, branch=branch, messages=False)
    analysis.set_option("run:relative_files", False)
    # coverage reports nothing on a file of which no line was run; no line has the number 0
    if branch:
        analysis.get_data().add_arcs({file: measured.arcs.get(file) or {(-1, -1)}})
    else:
        analysis.get_data().add_lines({file: measured.lines.get(file) or {0}})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        analysis.json_report(outfile=str(out), include=[file], omit=[], ignore_errors=False)
        report: dict[str, Any] = next(iter(json.loads(out.read_text(encoding="utf-8"))["files"].values()))
    return report


def _in_both(known: list[str] | None, names: Iterable[str]) -> list[str]:
    if known is None:
        return list(names)
    others = set(names)
    return [name for name in known if name in others]


def _below(file: str, root: Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file
