"""The thorough engine: plans drawn by Hypothesis, for strategies that are more than a few values."""

from __future__ import annotations

from collections.abc import Sequence

from stressor.loop.operations import Kinds
from stressor.loop.target import TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.search.hypothesis_engine import drawn_traces
from stressor.search.plan import Plan
from stressor.search.seeds import derived

__all__ = ["HypothesisEngine"]

_CHUNK = 25  # traces drawn in one call


class HypothesisEngine:
    """Draws plans of one schedule each. Plan i depends on the seed, the target's name and i alone."""

    def __init__(self, target_type: TargetType, seed: int, reset_modes: Sequence[ResetMode]) -> None:
        self._type = target_type
        self._seed = seed
        self._modes = tuple(reset_modes)
        self._kinds = Kinds(target_type.operations)
        self._excluded: set[str] = set()
        self._chunk: tuple[int, list[Trace]] = (-1, [])

    def plan(self, index: int) -> Plan:
        """Return plan `index`. Raises UsageError for a strategy that gives no plain data."""
        number, at = divmod(index, _CHUNK)
        if self._chunk[0] != number:
            seed = derived(self._seed, self._type.name, "hypothesis", number)
            self._chunk = (number, drawn_traces(self._type, self._modes, _CHUNK, seed))
        traces = self._chunk[1]
        return self._plan(traces[at % len(traces)])

    def exclude(self, label: str) -> bool:
        """Leave the kind with this label out of further plans; return whether any other is left."""
        self._excluded.add(label)
        return not self._excluded.issuperset(kind.label for kind in self._type.operations)

    def _plan(self, trace: Trace) -> Plan:
        batches: list[list[Operation]] = [[]]
        cycles: list[Cycle] = []
        drawn = [0] * len(self._type.operations)
        for step in trace:
            if isinstance(step, Cycle):
                cycles.append(step)
                batches.append([])
                continue
            index = self._kinds.index(step)
            if index is not None and self._type.operations[index].label not in self._excluded:
                batches[-1].append(step)
                drawn[index] += 1
        return Plan(tuple(map(tuple, batches)), (tuple(cycles),), tuple(drawn))
