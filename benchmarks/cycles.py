"""Whole cycles of ten operations a second, with every oracle on."""

from __future__ import annotations

from random import Random
from statistics import median
from time import perf_counter

from benchmarks import peer, rival
from benchmarks.measure import Row, at_least, in_turns, ratio
from devices.uart16550 import UART16550
from stressor.loop.finding import Oracle
from stressor.loop.trace import Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.search.seeded import SeededEngine
from stressor.targets.model import Model, model_of
from tests.museum.planted import MUSEUM

__all__ = ["measure"]

_TEN = 10


class InTens(SeededEngine):
    """The fast engine with a save point after each ten operations."""

    @staticmethod
    def cut(random: Random, operations: list[Operation]) -> tuple[tuple[Operation, ...], ...]:
        starts = range(0, len(operations) + 1, _TEN)  # what is left over follows the last cycle
        return tuple(tuple(operations[start : start + _TEN]) for start in starts)


def campaign(model: Model, seed: int) -> Campaign:
    """Return a campaign of cycles of ten operations, all oracles and reset modes on."""
    made = Campaign(
        model,
        seed=seed,
        oracles=list(Oracle),
        reset_modes=list(ResetMode),
        watchdog=Watchdog(5.0),
        shrinking=False,
    )
    made._engine = InTens(model, seed, list(ResetMode))
    return made


class _Ours:
    def __init__(self, cycles: int) -> None:
        self._model = model_of(UART16550, "devices/uart16550.py::UART16550", "uart16550")
        self._cycles = cycles
        self._seed = 0

    def __call__(self) -> float:
        self._seed += 1
        running = campaign(self._model, self._seed)
        begin = perf_counter()
        found = [finding for finding in running.run(self._cycles) if finding is not None]
        spent = perf_counter() - begin
        assert not found, f"ours sees a bug in the correct UART: {found[0].divergence}"
        assert running.operations >= (_TEN - 1) * running.cycles, "cycles of less than ten operations"
        return spent / min(running.cycles, running.operations / _TEN)


class _Peer:
    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._seed = 0

    def __call__(self) -> float:
        self._seed += 1
        count = peer.PeerCount()
        begin = perf_counter()
        peer.run_cycles(UART16550, self._seed, self._examples, count)
        return (perf_counter() - begin) / max(count.operations / _TEN, 1)


class _Rival:
    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        self._seed = 0

    def __call__(self) -> float:
        self._seed += 1
        begin = perf_counter()
        assert rival.run_cycles(self._seed, self._cycles), "the rival sees a bug in the correct UART"
        return (perf_counter() - begin) / self._cycles


def measure() -> list[Row]:
    """Return the rows. Raises AssertionError when a side misses a bug that it claims to see."""
    _detect()
    costs = in_turns({"ours": _Ours(8000), "peer": _Peer(20), "rival": _Rival(4000)})
    rate = {name: f"{1 / median(values):,.0f}/s" for name, values in costs.items()}
    what = "cycles of ten operations, against"
    return [
        at_least(f"{what} Hypothesis and DeepDiff", rate["ours"], rate["peer"], ratio(costs, "ours", "peer"), 100),
        at_least(f"{what} a seeded loop with pickle", rate["ours"], rate["rival"], ratio(costs, "ours", "rival"), 2),
    ]


def _detect() -> None:
    """Each side finds what was planted for it: lost FIFOs, and a lost pending interrupt."""
    forgetful = MUSEUM[0]
    model = model_of(forgetful, "planted", "planted")
    running = campaign(model, 1).run(5000)
    assert any(finding is not None for finding in running), "ours misses the planted bug"
    assert peer.find(forgetful, 1, 60.0) is not None, "the peer misses the planted bug"
    for lost in ("receive_fifo", "transmitter_empty_pending", "transmit_timer"):
        assert not rival.run_cycles(1, 5000, {lost}), f"the rival misses the lost {lost}"
