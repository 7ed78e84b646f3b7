"""How everything here is measured: all sides in one process, in turns, judged by paired ratios."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter

__all__ = ["ROUNDS", "Row", "at_least", "at_most", "in_turns", "ratio", "seconds", "table", "timed"]

ROUNDS = 9

Side = Callable[[], float]
"""Does a fixed amount of work; returns the cost of one unit of it, in seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `reached` is None where nothing was promised."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    must_be: str = ""
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        """What the last column says."""
        return {True: "OK", False: "NOT REACHED", None: ""}[self.reached]


def in_turns(sides: Mapping[str, Side], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Run every side once a round, in an order that is reversed each round; return the costs."""
    costs: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for side in sides.values():  # warm up: compile, learn, fill caches
        side()
    for _ in range(rounds):
        for name in names:
            gc.collect()
            costs[name].append(sides[name]())
        names.reverse()
    return costs


def ratio(costs: Mapping[str, list[float]], ours: str, other: str) -> float:
    """Return how many times dearer `other` is: the median of the ratios of each round."""
    return median(theirs / mine for mine, theirs in zip(costs[ours], costs[other], strict=True))


def timed(work: Callable[[], object], times: int) -> float:
    """Return the seconds that one of `times` calls took."""
    calls = range(times)
    begin = perf_counter()
    for _ in calls:
        work()
    return (perf_counter() - begin) / times


def at_least(what: str, ours: str, peer: str, reached: float, bound: float) -> Row:
    """Return the row of something that must be at least `bound` times cheaper than the peer."""
    return Row(what, ours, peer, f"{reached:,.1f}x", f">= {bound:g}x", reached >= bound)


def at_most(what: str, ours: str, peer: str, reached: float, bound: float) -> Row:
    """Return the row of something that may cost at most `bound` times what the peer costs."""
    return Row(what, ours, peer, f"{reached:,.2f}x", f"<= {bound:g}x", reached <= bound)


def seconds(value: float) -> str:
    """Return a duration in the unit that it is read best in."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table(rows: list[Row]) -> str:
    """Return the rows as one table of plain text."""
    cells = [("what", "ours", "peer", "ratio", "must be", "verdict")]
    cells += [(row.what, row.ours, row.peer, row.ratio, row.must_be, row.verdict) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
