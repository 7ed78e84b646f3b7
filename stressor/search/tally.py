"""What a campaign has done so far, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Final

from stressor.loop.coverage import CoveredField
from stressor.loop.cycle import Checks
from stressor.loop.events import Statistics
from stressor.loop.finding import Oracle
from stressor.loop.operations import Kinds, OperationType
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.search.plan import Plan

__all__ = ["Tally"]

_MODE: Final = attrgetter("mode")
_DAMAGE: Final = attrgetter("damage")
_RAISED: Final = 8
"""Different things that devices raised that are kept."""


class Tally:
    """Counts plans, cycles by their reset mode, and operations by their kind."""

    def __init__(self, kinds: Sequence[OperationType]) -> None:
        self.plans = 0
        self.cycles = 0
        self.operations = 0
        self._types: Final = kinds
        self._kinds: Final = Kinds(kinds)
        self._drawn = [0] * len(kinds)
        self._modes: Final[Counter[ResetMode]] = Counter()
        self._damaged = 0
        self._raised: Final[dict[str, list[int]]] = {}

    def add_raised(self, raised: list[str]) -> None:
        """Take what devices raised up to this cycle."""
        for said in raised:
            if said in self._raised or len(self._raised) < _RAISED:
                self._raised.setdefault(said, []).append(self.cycles)
        raised.clear()

    def unexplained(self, known: Collection[object], seed: int) -> Iterator[str]:
        """Yield what devices raised and no finding tells, how often, and by which cycle first."""
        for said, cycles in self._raised.items():
            if said not in known:
                times = "once" if len(cycles) == 1 else f"{len(cycles)} times, first"
                yield f"{times} by cycle {cycles[0]} of seed {seed}, and no finding, as it did not come back: {said}"

    def add_cycles(self, schedule: Sequence[Cycle]) -> None:
        self.cycles += len(schedule)
        self._modes.update(map(_MODE, schedule))
        self._damaged += sum(map(bool, map(_DAMAGE, schedule)))

    def add_whole(self, plan: Plan, times: int) -> None:
        """Count all operations of a plan so many times."""
        self.operations += times * sum(plan.drawn)
        self._drawn = [total + times * count for total, count in zip(self._drawn, plan.drawn, strict=True)]

    def add_operations(self, batches: Sequence[Sequence[Operation]]) -> None:
        """Count the operations of a plan that was cut short."""
        for operation in (operation for batch in batches for operation in batch):
            self.operations += 1
            index = self._kinds.index(operation)
            if index is not None:
                self._drawn[index] += 1

    def statistics(
        self, checks: Checks, invariants: bool, fields: Sequence[CoveredField], save_points: int, seconds: float
    ) -> Statistics:
        """Return what was done in so many seconds, and what save points saw of the `fields`."""
        return Statistics(
            cycles={mode.value: count for mode, count in sorted(self._modes.items())},
            operations={kind.label: count for kind, count in zip(self._types, self._drawn, strict=True)},
            oracles=self._by_oracle(checks, invariants),
            fields=len(fields),
            exercised=sum(field.points > 0 for field in fields),
            unexercised=tuple(field.path for field in fields if not field.points),
            covered=tuple(fields),
            save_points=save_points,
            seconds=seconds,
        )

    def _by_oracle(self, checks: Checks, invariants: bool) -> dict[str, int]:
        """Return how often each oracle that is on had something to look at."""
        counts = {
            Oracle.RESET_IS_FRESH: self._modes[ResetMode.IN_PLACE],
            Oracle.REFUSES_DAMAGE: self._damaged,
            Oracle.SAVE_IS_PURE: self._modes[checks.looking_in] if checks.looking_in else 0,
            Oracle.INVARIANTS_HOLD: self.cycles if invariants else 0,
            Oracle.RUNS_ALONE: self.plans,
        }
        return {oracle.value: counts.get(oracle, self.cycles) for oracle in Oracle if oracle in checks.oracles}
