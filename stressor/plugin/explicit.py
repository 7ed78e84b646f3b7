"""Traces given by hand: explicit examples, and those of the fixture."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stressor.errors import UsageError
from stressor.loop.cycle import Checks
from stressor.loop.finding import Finding, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.target import TargetType
from stressor.loop.trace import Cycle, Step
from stressor.loop.watchdog import Watchdog
from stressor.search.replay import unknown_operation

__all__ = ["findings_of"]


def findings_of(
    model: TargetType, trace: Sequence[Step], oracles: Collection[Oracle], watchdog: Watchdog
) -> list[Finding]:
    """Run one trace and return what diverges, the trace left as it is.

    Raises UsageError when the target has no such operation.
    """
    unknown = unknown_operation(trace, model.operations)
    if unknown is not None:
        names = ", ".join(dict.fromkeys(kind.name for kind in model.operations))
        raise UsageError(f"{model.name} takes no operation {unknown.name!r} with {unknown.arguments!r:.60}; it takes {names}")
    steps = tuple(trace)
    with watchdog.watching():
        divergences = investigate(model, steps, Checks(oracles), watchdog)
    cycles = [index for index, step in enumerate(steps) if isinstance(step, Cycle)]
    return [
        Finding(
            model.name, model.specification, 0, divergence, steps,
            cycle=sum(index <= divergence.step for index in cycles), found_in=len(steps),
        )
        for divergence in divergences
    ]  # fmt: skip
