"""What the static checker found, as text of 80 columns and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, Final

import msgspec

from stressor.report.text import WIDTH, clean, counted, middle
from stressor.vmstate.check import Comparison, Difference, Direction, Kind, Severity, Side
from stressor.vmstate.check.accepted import Accepted, Sorted
from stressor.vmstate.dump import Dump

__all__ = ["FORMAT", "Checked", "check_json", "check_text"]

FORMAT: Final = 1
"""The version of the JSON."""

_ARROWS: Final = {Direction.FORWARD: "->", Direction.BACKWARD: "<-"}
_REASON: Final = 6
"""Columns before a reason."""

_SECTIONS: Final = (Kind.MISSING_SECTION, Kind.NEW_SECTION)


@dataclass(frozen=True, slots=True)
class Checked:
    """A comparison of the files `old` and `new` in `directions`, what is accepted taken out."""

    comparison: Comparison
    sorted: Sorted
    old: str
    new: str
    directions: tuple[Direction, ...]

    def count(self, direction: Direction, severity: Severity) -> int:
        """Return how many differences that count have a severity in a direction."""
        return sum(each.verdict(direction).severity is severity for each in self.sorted.open)

    def worst(self, difference: Difference) -> Severity:
        """Return what a difference does at worst, in the directions asked for."""
        return max(difference.verdict(direction).severity for direction in self.directions)

    @property
    def breaks(self) -> bool:
        """Whether anything breaks, in the directions asked for."""
        return any(self.worst(each) is Severity.BREAKS for each in self.sorted.open)


def check_text(checked: Checked, *, whole: bool = False) -> str:
    """Return the report: verdicts first, then the differences by section, the worst first.

    Devices with the same differences stand together. With `whole`, differences that load in the
    directions asked for are listed too.
    """
    lines = [*_verdicts(checked), "", *_header(checked)]
    shown = [each for each in checked.sorted.open if whole or checked.worst(each)]
    if shown:
        arrows = "".join(f"{_ARROWS[direction]:<8}" for direction in checked.directions)
        lines += ["", f"  {arrows}difference".rstrip()]
    for names, differences in _groups(checked, shown):
        lines += ["", *_names(names)]
        lines += _lines(checked, differences)
    lines += _footer(checked, len(checked.sorted.open) - len(shown))
    return "\n".join(lines) + "\n"


def check_json(checked: Checked) -> bytes:
    """Return the whole result as JSON; docs/check.md describes it."""
    whole = {
        "format": FORMAT,
        "old": _dump(checked.old, checked.comparison.old),
        "new": _dump(checked.new, checked.comparison.new),
        "sections": checked.comparison.sections,
        "directions": {
            direction.name.lower(): {
                str(severity): checked.count(direction, severity) for severity in Severity
            }
            for direction in checked.directions
        },
        "differences": [_plain(each) for each in checked.sorted.open],
        "ignored": [
            {**_plain(each), "because": entry.reason} for each, entry in checked.sorted.ignored
        ],
        "stale": [_entry(entry) for entry in checked.sorted.stale],
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _verdicts(checked: Checked) -> Iterator[str]:
    for direction in checked.directions:
        breaks = checked.count(direction, Severity.BREAKS)
        maybe = checked.count(direction, Severity.MAYBE)
        yield f"{direction}: {counted(breaks, 'break')}, {maybe:,} maybe"


def _header(checked: Checked) -> Iterator[str]:
    old, new = checked.comparison.old, checked.comparison.new
    files = [middle(clean(file), 30) for file in (checked.old, checked.new)]
    column = max(map(len, files))
    for word, file, dump in zip(("old", "new"), files, (old, new), strict=True):
        machine = f"machine {clean(dump.machine)}" if dump.machine else "no machine named"
        text = f"  {word:<6}{file:<{column}}   {counted(len(dump.devices), 'device')}, {machine}"
        yield middle(text, WIDTH)
    yield f"  both  {counted(checked.comparison.sections, 'device')}"
    if old.machine != new.machine and old.machine and new.machine:
        yield from _wrapped("The machine types differ: a state loads on its own type only.", 2)
    if max(len(old.devices), len(new.devices)) > 1:
        yield "  A difference concerns machines that have its device: a dump lists them all."


def _groups(
    checked: Checked, shown: Sequence[Difference]
) -> list[tuple[list[str], list[Difference]]]:
    """Return sections with the same lines together, the worst first, then by name."""
    by_section: dict[str, list[Difference]] = {}
    for each in shown:
        by_section.setdefault(each.section, []).append(each)
    groups: dict[tuple[object, ...], tuple[list[str], list[Difference]]] = {}
    for section in sorted(by_section):
        key = tuple(_lines(checked, by_section[section]))
        groups.setdefault(key, ([], by_section[section]))[0].append(section)
    return sorted(groups.values(), key=lambda group: -max(checked.worst(each) for each in group[1]))


def _names(names: Sequence[str]) -> list[str]:
    return _wrapped(", ".join(clean(name) for name in names), 0)


def _lines(checked: Checked, differences: Sequence[Difference]) -> Iterator[str]:
    """Yield a line for each difference; what several in a row have for a reason stands once."""
    for reasons, same in groupby(differences, key=lambda each: _reasons(checked, each)):
        for each in same:
            yield from _difference(checked, each)
        yield from reasons


def _difference(checked: Checked, difference: Difference) -> Iterator[str]:
    severities = (difference.verdict(direction).severity for direction in checked.directions)
    marks = "".join(f"{severity!s:<8}" for severity in severities)
    text = f"{difference.kind}  {clean(difference.path)}".rstrip()
    what = clean(_what(difference))
    room = WIDTH - 2 - len(marks)
    if what and len(text) + 2 + len(what) <= room:
        text, what = f"{text}  {what}", ""
    yield f"  {marks}{middle(text, room)}"
    if what:
        yield from _wrapped(what, _REASON)


def _reasons(checked: Checked, difference: Difference) -> list[str]:
    verdicts = {direction: difference.verdict(direction) for direction in checked.directions}
    reasons = {
        _ARROWS[direction]: clean(verdict.reason)
        for direction, verdict in verdicts.items()
        if verdict.reason and (verdict.severity or not checked.worst(difference))
    }
    if len(set(reasons.values())) == 1 and len(reasons) == len(verdicts):
        return _wrapped(next(iter(reasons.values())), _REASON)
    return [
        line
        for arrow, reason in reasons.items()
        for line in _wrapped(f"{arrow} {reason}", _REASON, len(arrow) + 1)
    ]


def _what(difference: Difference) -> str:
    """Return what the sides are, and how they differ."""
    old, new = difference.old, difference.new
    if difference.kind in _SECTIONS:
        return ""
    if old is None or new is None:
        only = old or new
        return "" if only is None or only.minimum_version is not None else _shape(only)
    if difference.kind is Kind.VERSION:
        return f"{old.version} -> {new.version}"
    if difference.kind is Kind.MINIMUM_VERSION:
        return f"{old.minimum_version} -> {new.minimum_version}"
    if difference.kind is Kind.REVERSIONED:
        versions = [str(each.version) for each in (old, new)]
        return "since version " + " -> ".join(dict.fromkeys(versions))
    if difference.kind is Kind.CONDITIONAL:
        return f"{_when(old)} -> {_when(new)}"
    if difference.kind is Kind.RENAMED:
        return f"{old.name} -> {new.name}"
    shapes = dict.fromkeys(_shape(each) for each in (old, new))
    return "" if len(shapes) == 1 else " -> ".join(shapes)


def _when(side: Side) -> str:
    return "conditional" if side.conditional else f"since version {side.version}"


def _shape(side: Side) -> str:
    if side.size is None:
        shape = "struct" if side.count is None else f"{side.count} structs"
    elif side.size == 0:
        shape = "size not known"
    else:
        shape = counted(side.size, "byte")
        if side.count is not None:
            shape = f"{side.count:,} x {shape}"
    if side.name == "unused":
        shape = f"padding of {shape}"
    if side.conditional:
        return f"{shape}, conditional"
    return f"{shape}, since version {side.version}" if side.version else shape


def _footer(checked: Checked, hidden: int) -> Iterator[str]:
    if hidden:
        yield ""
        yield f"{hidden:,} more that load; -v shows all"
    if checked.sorted.ignored:
        yield ""
        yield f"{counted(len(checked.sorted.ignored), 'difference')} ignored"
    for entry in checked.sorted.stale:
        yield ""
        yield from _wrapped(f"stale: {_selector(entry)} matches nothing any more; remove it", 0)
        yield from _wrapped(f"({clean(entry.reason)})", 7)


def _selector(entry: Accepted) -> str:
    parts = [f"path {clean(entry.path)!r}"] if entry.path else []
    if entry.kind is not None:
        parts.append(f"kind {entry.kind}")
    return " and ".join(parts)


def _wrapped(text: str, indent: int, hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )


def _dump(file: str, dump: Dump) -> dict[str, Any]:
    return {"file": file, "machine": dump.machine, "devices": len(dump.devices)}


def _entry(entry: Accepted) -> dict[str, Any]:
    return {"path": entry.path, "kind": entry.kind, "reason": entry.reason}


def _plain(difference: Difference) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": difference.kind,
        "section": difference.section,
        "path": difference.path,
        "old": _side(difference.old),
        "new": _side(difference.new),
    }
    for direction in Direction:
        verdict = difference.verdict(direction)
        found[direction.name.lower()] = {
            "severity": str(verdict.severity),
            "reason": verdict.reason,
        }
    return found


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    values = {field.name: getattr(side, field.name) for field in fields(side)}
    return {name: value for name, value in values.items() if value is not None}
