"""Wall time until each planted bug of the museum is found, against the peer; nothing is shrunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks import peer
from benchmarks.measure import ROUNDS, Row, seconds
from stressor.loop.events import FindingFound
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.search.run import run
from stressor.targets.model import model_of
from tests.museum.bug import PlantedBug
from tests.museum.planted import MUSEUM

__all__ = ["measure"]

_PATIENCE = 0.25  # seconds until a device that does not return counts as hung
_OUR_LIMIT = 60.0
SHORT = 5
"""Bugs in the short selection, which is spread over the museum."""


@dataclass(frozen=True, slots=True)
class _Times:
    """Seconds of each seed; None where the limit was reached first."""

    ours: list[float | None]
    peer: list[float | None]
    limit: float

    @property
    def ratio(self) -> float:
        """How many times longer the peer took; a lower bound where it reached its limit."""
        pairs = zip(self.ours, self.peer, strict=True)
        return median(
            (self.limit if theirs is None else theirs) / (_OUR_LIMIT if mine is None else mine)
            for mine, theirs in pairs
        )


def measure(*, whole: bool) -> list[Row]:
    """Return a row for each bug, and one for the median bug.

    With `whole` each bug of the museum and nine seeds, the peer being given 20 s for each; else a
    few bugs, three seeds and 4 s.
    """
    step = max(1, len(MUSEUM) // SHORT)
    bugs = MUSEUM if whole else MUSEUM[::step]
    limit, seeds = (20.0, range(ROUNDS)) if whole else (4.0, range(3))
    rows, ratios = [], []
    for bug in bugs:
        times = _find(bug, seeds, limit)
        ratios.append(times.ratio)
        rows.append(_row(bug.__name__, times))
        print(f"  {rows[-1].what}: {rows[-1].ratio}", file=sys.stderr, flush=True)
    middle = median(ratios)
    rows.append(
        Row(
            f"find a planted bug: the median of {len(bugs)} bugs",
            "",
            "",
            f"{middle:,.0f}x",
            ">= 30x",
            middle >= 30,
        )
    )
    return rows


def _row(name: str, times: _Times) -> Row:
    bounded = any(value is None for value in times.peer)
    return Row(
        f"find {name}",
        _typical(times.ours, _OUR_LIMIT),
        _typical(times.peer, times.limit),
        f"{'>= ' if bounded else ''}{times.ratio:,.0f}x",
        ">= 10x",
        times.ratio >= 10 and None not in times.ours,
    )


def _typical(values: Sequence[float | None], limit: float) -> str:
    middle = median(limit if value is None else value for value in values)
    return f"> {limit:g} s" if middle >= limit else seconds(middle)


def _find(bug: type[PlantedBug], seeds: range, limit: float) -> _Times:
    """Time both sides with each seed, in turns, the order reversed each time."""
    ours: list[float | None] = []
    theirs: list[float | None] = []
    for seed in seeds:
        hopeless = len(theirs) - sum(value is not None for value in theirs) > len(seeds) // 2
        if seed % 2:
            ours.append(_ours(bug, seed))
        theirs.append(None if hopeless else peer.find(bug, seed, limit))
        if not seed % 2:
            ours.append(_ours(bug, seed))
    return _Times(ours, theirs, limit)


def _ours(bug: type[PlantedBug], seed: int) -> float | None:
    """Return the seconds until the first finding.

    That is what the peer's first failure is compared with; that the bug gets its right name as well
    is for tests/museum/ to show.
    """
    begin = perf_counter()
    events = run(
        [model_of(bug, f"tests/museum/planted.py::{bug.__name__}", bug.__name__)],
        seed=seed,
        cycles=None,
        seconds=_OUR_LIMIT,
        oracles=list(Oracle),
        reset_modes=list(ResetMode),
        configuration="benchmark",
        batch_timeout=_PATIENCE,
        stop=lambda: False,
        shrink=False,
    )
    for event in events:
        if isinstance(event, FindingFound):
            return perf_counter() - begin
    return None
