"""What a campaign did and, more to the point, what it did not."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from stressor.loop.events import Statistics
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.report.coverage import barely, coverage_table
from stressor.report.text import WIDTH, clean, counted, listed, seconds

__all__ = ["statistics_lines", "unexercised"]

_COLUMN = 17
_INNER = 30
_WEAKEST = 3


def unexercised(
    statistics: Statistics, oracles: Sequence[Oracle], modes: Sequence[ResetMode]
) -> dict[str, list[str]]:
    """Return what a campaign was asked for and did not do, by kind; empty kinds are left out."""
    missing = {
        "fields": _folded([clean(name) for name in statistics.unexercised]),
        "operations": [clean(name) for name, drawn in statistics.operations.items() if not drawn],
        "oracles": [str(oracle) for oracle in oracles if not statistics.oracles.get(oracle)],
        "reset modes": [str(mode) for mode in modes if not statistics.cycles.get(mode)],
    }
    return {kind: names for kind, names in missing.items() if names}


def statistics_lines(
    statistics: Statistics,
    oracles: Sequence[Oracle],
    modes: Sequence[ResetMode],
    limit: int = 0,
    required: float | None = None,
) -> Iterator[str]:
    """Yield the lines under a target's name; of each kind at most `limit` names (0: all, and a table of the
    fields). Where less than `required` percent of the fields were exercised, all others are named.
    """
    ran = f"{counted(statistics.total_cycles, 'cycle')}, {counted(statistics.total_operations, 'operation')}"
    yield f"{'  ran':<{_COLUMN}}{ran} in {seconds(statistics.seconds)}"
    by_mode = [f"{count:,} {mode}" for mode, count in statistics.cycles.items() if count]
    if by_mode:
        yield f"{'  cycles':<{_COLUMN}}{listed(by_mode, _COLUMN)}"
    for word, text in statistics.notes:
        yield f"{'  ' + clean(word):<{_COLUMN}}{_wrapped(text)}"
    lacking = not statistics.covers(required)
    if statistics.fields:
        share = f" ({1000 * statistics.exercised // statistics.fields / 10:g} %, {required:g} % required)" if lacking else ""
        yield f"{'  exercised':<{_COLUMN}}{statistics.exercised} of {counted(statistics.fields, 'field')}{share}"
    elif statistics.total_cycles:
        yield f"{'  exercised':<{_COLUMN}}unknown: no saved field has a name"
    label = "  not exercised"
    missing = unexercised(statistics, oracles, modes)
    for kind, names in missing.items():
        yield f"{label:<{_COLUMN}}{kind:<{_INNER - _COLUMN}}{listed(names, _INNER, 0 if lacking and kind == 'fields' else limit)}"
        label = ""
    if not missing:
        yield f"{label:<{_COLUMN}}nothing"
    if not limit:
        yield from coverage_table(statistics)
        return
    label = "  barely"
    for line in barely(statistics, _WEAKEST, WIDTH - _COLUMN):
        yield f"{label:<{_COLUMN}}{line}"
        label = ""


def _wrapped(text: str) -> str:
    return f"\n{'':<{_COLUMN}}".join(textwrap.wrap(clean(text), WIDTH - _COLUMN))


def _folded(paths: Sequence[str]) -> list[str]:
    """Return the paths with neighbours in one array as one: `data[0..8]`."""
    found: list[tuple[str, int, int, str]] = []
    for path in paths:
        match = re.fullmatch(r"(.*)\[(\d{1,9})\]([^\[\]]*)", path)
        head, index, tail = (match[1], int(match[2]), match[3]) if match else (path, -1, "")
        if found and index >= 0:
            last = found[-1]
            if (last[0], last[2], last[3]) == (head, index - 1, tail):
                found[-1] = (head, last[1], index, tail)
                continue
        found.append((head, index, index, tail))
    return [
        head if first < 0 else f"{head}[{first}{'' if first == last else f'..{last}'}]{tail}"
        for head, first, last, tail in found
    ]
