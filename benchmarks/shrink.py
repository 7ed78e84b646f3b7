"""A failing trace of 500 operations made small: how long it takes, and that it stays the same bug."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks.measure import Row, seconds
from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, ResetMode, Trace
from stressor.loop.watchdog import Watchdog
from stressor.search.seeded import SeededEngine
from stressor.search.shrink import shrink
from stressor.targets.model import Model, model_of
from tests.museum.bug import PlantedBug
from tests.museum.planted import MUSEUM

__all__ = ["measure"]

_OPERATIONS = 500
_BOUND = 1.0
_UNFIT = {Cause.HUNG, Cause.NONDETERMINISTIC, Cause.CRASHED, Cause.ACCEPTED_DAMAGE}
"""Causes that need no trace, end it early, or wait for the watchdog."""


@dataclass(frozen=True, slots=True)
class _Shrunk:
    seconds: float
    steps: int
    same: bool


def measure() -> list[Row]:
    """Return two rows: the typical bug, and the slowest one."""
    shrunk = [one for bug in MUSEUM if bug.expected_cause not in _UNFIT for one in _bug(bug)]
    assert shrunk, "no bug of the museum shows in a trace of 500 operations"
    same = all(one.same for one in shrunk)
    slowest = max(one.seconds for one in shrunk)
    steps = f"{median(one.steps for one in shrunk):g} steps"
    return [
        Row(
            f"500 operations shrunk: median of {len(shrunk)} bugs, to {steps}",
            seconds(median(one.seconds for one in shrunk)),
            must_be="< 1 s",
            reached=median(one.seconds for one in shrunk) < _BOUND,
        ),
        Row(
            f"500 operations shrunk: the slowest, to {max(one.steps for one in shrunk)} steps at most",
            seconds(slowest),
            must_be="< 1 s",
            reached=slowest < _BOUND,
        ),
        Row(
            "500 operations shrunk: the fingerprint stays",
            f"{sum(one.same for one in shrunk)} of {len(shrunk)}",
            must_be="all",
            reached=same,
        ),
    ]


def _bug(bug: type[PlantedBug]) -> list[_Shrunk]:
    model = model_of(bug, f"tests/museum/planted.py::{bug.__name__}", bug.__name__)
    checks, watchdog = Checks(list(Oracle)), Watchdog(5.0)
    for seed in range(20):
        trace = _trace(model, seed)
        found = investigate(model, trace, checks, watchdog)
        if found:
            wanted = found[0].fingerprint(model.name)
            break
    else:
        return []

    def fails(candidate: Trace) -> bool:
        divergences = investigate(model, candidate, checks, watchdog, gate=False)
        return any(divergence.fingerprint(model.name) == wanted for divergence in divergences)

    begin = perf_counter()
    small = shrink(trace, fails)
    spent = perf_counter() - begin
    return [_Shrunk(spent, len(small), len(small) < len(trace) and fails(small))]


def _trace(model: Model, seed: int) -> Trace:
    """Return 500 operations as the fast engine draws them, with a cycle after every fifty."""
    engine = SeededEngine(model, seed, list(ResetMode))
    operations = [
        operation
        for index in range(200)
        for batch in engine.plan(index).batches
        for operation in batch
    ][:_OPERATIONS]
    assert len(operations) == _OPERATIONS
    modes = (ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.POISON)
    trace: Trace = ()
    for part in range(10):
        cycle = Cycle(modes[part % len(modes)])
        trace = (*trace, *operations[50 * part : 50 * part + 50], cycle)
    return trace
