"""Which of the engines draws the plans of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

from stressor.errors import UnsuitableError
from stressor.loop.target import TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.drawn import HypothesisEngine
from stressor.search.plan import Engine, EngineName
from stressor.search.seeded import SeededEngine
from stressor.search.steering import SteeredEngine

__all__ = ["engine_for"]


def engine_for(
    target_type: TargetType,
    name: EngineName,
    seed: int,
    reset_modes: Sequence[ResetMode],
    watchdog: Watchdog,
    *,
    steered: bool = True,
) -> Engine:
    """Return an engine for one target; only of a device whose state can be looked at without a save it is steered.

    Raises UnsuitableError for a target without operations.
    """
    if not target_type.operations:
        raise UnsuitableError(
            "no operations",
            "nothing can be done to it; give it a Region with handlers, an input Line, a timer, or methods with @operation",
        )
    if name is EngineName.HYPOTHESIS:
        return HypothesisEngine(target_type, seed, reset_modes)
    if steered and target_type.walks:
        return SteeredEngine(target_type, seed, reset_modes, watchdog)
    return SeededEngine(target_type, seed, reset_modes)
