"""Runs a finding's trace again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stressor.errors import TargetError
from stressor.loop.cycle import Checks
from stressor.loop.finding import Divergence, Finding, Fingerprint, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.operations import Kinds, OperationType
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.loop.trace import Operation, Step
from stressor.loop.watchdog import Watchdog
from stressor.loop.written import last_written

__all__ = ["check_operations", "replay", "unknown_operation"]


def replay(
    finding: Finding, target: TargetType | RunsItself, batch_timeout: float = 5.0
) -> Divergence | None:
    """Run the trace; return the divergence of the same fingerprint, else the first one, else None.

    What diverges before it, and may hide it, is passed over from then on, as in the search that found it.
    Raises TargetError when the target no longer takes an operation of the trace.
    """
    if isinstance(target, RunsItself):
        return target.replay(finding)
    check_operations(finding, target)
    watchdog = Watchdog(batch_timeout)
    with watchdog.watching():
        checks, among = Checks(list(Oracle)), target
        seen: dict[Fingerprint, Divergence] = {}
        while finding.fingerprint not in seen:
            found = investigate(among, finding.trace, checks, watchdog)
            new = [other for other in found if other.fingerprint(target.name) not in seen]
            if not new:
                break
            for other in new:
                seen.setdefault(other.fingerprint(target.name), other)
                among = checks.pass_over(other, among)
        divergence = seen.get(finding.fingerprint) or next(iter(seen.values()), None)
        if divergence is None:
            return None
        written = last_written(target, finding.trace, divergence.attribute, divergence.step, watchdog)
    return replace(divergence, last_written=written)


def check_operations(finding: Finding, target: TargetType | RunsItself) -> None:
    """Raise TargetError when a target no longer takes an operation of the trace."""
    operation = unknown_operation(finding.trace, target.operations)
    if operation is not None:
        raise TargetError(
            f"{finding.id}: {target.name} no longer takes the operation {operation.name!r}; "
            "replay it on the version that it was found on"
        )


def unknown_operation(
    trace: Sequence[Step], operations: Sequence[OperationType]
) -> Operation | None:
    """Return the first operation of a trace that is of none of the kinds, None when all are."""
    kinds = Kinds(operations)
    return next((step for step in _operations(trace) if kinds.of(step) is None), None)


def _operations(steps: Sequence[Step]) -> Iterator[Operation]:
    for step in steps:
        if isinstance(step, Operation):
            yield step
        else:
            yield from step.operations
