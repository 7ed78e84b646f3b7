"""A plan: what a campaign runs next; and the two engines that draw plans."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from stressor.loop.trace import Cycle, Operation

__all__ = ["Engine", "EngineName", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One trace of operations, cut into batches at its save points, and the schedules to run on it.

    Schedule i has one cycle for each save point; there is a batch more than cycles. `drawn` counts
    the operations by kind, in the order of the target's kinds.
    """

    batches: tuple[tuple[Operation, ...], ...]
    schedules: tuple[tuple[Cycle, ...], ...]
    drawn: tuple[int, ...]


class EngineName(StrEnum):
    """Where plans come from."""

    SEEDED = "seeded"
    """A seeded generator compiled from the operations: a microsecond an operation."""
    HYPOTHESIS = "hypothesis"
    """Hypothesis itself: hundreds of times slower, and draws what an author's strategies favour."""


class Engine(Protocol):
    """Draws plans for one target."""

    def plan(self, index: int) -> Plan:
        """Return plan `index`, which depends on the seed, the target's name and `index` alone."""

    def exclude(self, label: str) -> bool:
        """Draw no more operations of the kind with this label; return whether any other is left."""
