"""How far each field was exercised: what hardly moved, and a table of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from stressor.loop.columns import MOST_VALUES
from stressor.loop.events import Statistics
from stressor.report.text import WIDTH, clean, counted, middle

__all__ = ["barely", "coverage_table"]

_BARELY: Final = 100
"""A field that left its reset value at no more than one save point in so many hardly moved."""
_COLUMNS: Final = (21, 9, 16)
_SECTION: Final = re.compile(r".*?/\d+(#\d+)?\.")
_NAME: Final = WIDTH - sum(_COLUMNS) - 2


def barely(statistics: Statistics, limit: int, width: int) -> Iterator[str]:
    """Yield the fields that hardly moved, the weakest first, in at most `limit` lines of `width` columns
    (and one that says how many more there are)."""
    found = [
        field for field in statistics.covered if field.points > 0 and field.points * _BARELY <= statistics.save_points
    ]
    found.sort(key=lambda field: (field.points, field.values))
    for field in found[:limit]:
        others = "one value" if field.values <= 2 else f"{_values(field.values - 1)} values"
        at = f": {others} at {field.points:,} of {counted(statistics.save_points, 'save point')}"
        yield middle(clean(field.path), width - len(at)) + at
    if len(found) > limit:
        yield f"and {len(found) - limit} more"


def coverage_table(statistics: Statistics) -> Iterator[str]:
    """Yield a line for each field, those that moved least first: at how many save points it was not at its
    reset value, how many values it had, how many of its bits toggled."""
    if not statistics.covered:
        return
    start = _section([field.path for field in statistics.covered])
    yield _row(middle(clean(start[:-1]), _NAME - 1) if start else "field", f"of {counted(statistics.save_points, 'save point')}", "values", "bits toggled")
    for field in sorted(statistics.covered, key=lambda field: field.points):
        bits = f"{field.toggled:,} of {field.width:,}" if field.width else "-"
        yield _row(middle(clean(field.path.removeprefix(start)), _NAME - 1), f"{field.points:,}", _values(field.values), bits)


def _section(paths: Sequence[str]) -> str:
    """Return the section and instance that all fields have in front: `serial/0.`."""
    sections = {match[0] if match else "" for match in map(_SECTION.match, paths)}
    return sections.pop() if len(sections) == 1 else ""


def _row(name: str, *cells: str) -> str:
    return f"  {name:<{_NAME}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS, strict=True))


def _values(number: int) -> str:
    return f"{MOST_VALUES}+" if number > MOST_VALUES else str(number)
