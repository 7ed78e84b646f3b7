"""Makes a failing trace small, and keeps the fingerprint, so that no other bug takes its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from stressor.loop.target import TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Step, Trace

__all__ = ["shrink", "shrink_by_tries", "shrink_on", "simpler"]

_SHORT = 12  # steps that Hypothesis can finish; chunk removal does the rest in a hundredth of the time
_ROUNDS = 4


def shrink(
    trace: Trace,
    fails: Callable[[Trace], bool],
    budget: int = 2_000,
    parts: Callable[[Operation], Sequence[Operation]] = lambda operation: (),
) -> Trace:
    """Return a part of `trace`, with simpler arguments, for which `fails` still holds.

    `parts` gives for an operation that consists of others what one of them may stand for it.
    `fails(trace)` has to hold. Chunk removal (ddmin) first, then simpler steps one by one, then
    Hypothesis on what is left. After `budget` tries it stops where it is.
    """
    attempt = _Attempts(fails, budget)
    trace = _plainer_cycles(trace, attempt)
    for _ in range(_ROUNDS):
        before = trace
        trace = _without_chunks(trace, attempt)
        trace = _parts_alone(trace, parts, attempt)
        trace = _behind_cycles(trace, attempt)
        trace = _simpler_steps(trace, attempt)
        if trace == before:
            break
    if len(trace) <= _SHORT and attempt.left > 0:
        from stressor.search.hypothesis_engine import polish

        trace = polish(trace, simpler, attempt)
    return trace


def shrink_on(
    target: TargetType, trace: Trace, matching: Callable[[Trace, TargetType], object], budget: int,
    stop: Callable[[], bool] = lambda: False,
) -> Trace:  # fmt: skip
    """Shrink a trace for which `matching` gives something on a target, and None for what is not the same.

    Where a new device is dear, by tries on such as are used again. Once `stop` says so it comes back as small as it is
    by then.
    """

    def fails(candidate: Trace, among: TargetType = target) -> bool:
        return matching(candidate, among) is not None

    def tries(candidate: Trace, among: TargetType = target) -> bool:
        return not stop() and fails(candidate, among)

    used = target.reusing()
    if used is None:
        return shrink(trace, tries, budget, target.parts)
    with closing(used):
        return shrink_by_tries(trace, partial(tries, among=used), fails, budget, target.parts, stop)


def shrink_by_tries(
    trace: Trace,
    tries: Callable[[Trace], bool],
    fails: Callable[[Trace], bool],
    budget: int = 2_000,
    parts: Callable[[Operation], Sequence[Operation]] = lambda operation: (),
    stop: Callable[[], bool] = lambda: False,
) -> Trace:
    """Shrink as `shrink` does, where `tries` is a cheaper `fails` that can be wrong, both ways.

    What comes back fails for certain: it is looked at once, at the end, and if that was for
    nothing, each step on the way. Where `tries` says no and is wrong, it is less than minimal.
    """
    if not tries(trace):
        return shrink(trace, lambda candidate: not stop() and fails(candidate), budget, parts)
    smaller = shrink(trace, tries, budget, parts)
    if smaller == trace or fails(smaller):
        return smaller
    return shrink(trace, lambda candidate: tries(candidate) and fails(candidate), budget, parts)


def _plainer_cycles(trace: Trace, fails: Callable[[Trace], bool]) -> Trace:
    """Prefer a new instance to poison and donors while there are still operations to show the loss:
    a value that was written and is gone says more than one that was scribbled over."""
    fresh = tuple(
        Cycle(ResetMode.FRESH, (), step.damage) if isinstance(step, Cycle) else step for step in trace
    )
    return fresh if fresh != trace and fails(fresh) else trace


class _Attempts:
    """Counts tries, and remembers those that did not fail."""

    def __init__(self, fails: Callable[[Trace], bool], budget: int) -> None:
        self._fails = fails
        self._known: dict[Trace, bool] = {}
        self.left = budget

    def __call__(self, trace: Trace) -> bool:
        known = self._known.get(trace)
        if known is None:
            if self.left <= 0:
                return False
            self.left -= 1
            known = self._known[trace] = self._fails(trace)
        return known


def _without_chunks(trace: Trace, fails: Callable[[Trace], bool]) -> Trace:
    """Remove ever smaller chunks while the rest still fails; from the end, where most is idle."""
    size = max(1, len(trace) // 2)
    while True:
        end = len(trace)
        while end > 0:
            start = max(0, end - size)
            candidate = trace[:start] + trace[end:]
            if candidate and fails(candidate):
                trace = candidate
            end = start
        if size == 1:
            return trace
        size //= 2


def _parts_alone(
    trace: Trace, parts: Callable[[Operation], Sequence[Operation]], fails: Callable[[Trace], bool]
) -> Trace:
    """Put one part in the place of each operation that consists of several, where that will do."""
    for index, step in enumerate(trace):
        for part in parts(step) if isinstance(step, Operation) else ():
            candidate = (*trace[:index], part, *trace[index + 1 :])
            if fails(candidate):
                trace = candidate
                break
    return trace


def _behind_cycles(trace: Trace, attempt: _Attempts) -> Trace:
    """Move an operation behind the next cycle where something there is not needed any more then."""
    if len(trace) > _SHORT:
        return trace
    for index in range(len(trace) - 2, -1, -1):
        cycle = next((at for at in range(index, len(trace)) if isinstance(trace[at], Cycle)), index)
        moved = (*trace[:index], *trace[index + 1 : cycle + 1], trace[index], *trace[cycle + 1 :])
        if cycle > index and attempt(moved):
            smaller = _without_chunks(moved, attempt)
            if len(smaller) < len(trace):
                return smaller
    return trace


def _simpler_steps(trace: Trace, fails: Callable[[Trace], bool]) -> Trace:
    for index in range(len(trace)):
        for step in simpler(trace[index]):
            candidate = (*trace[:index], step, *trace[index + 1 :])
            if fails(candidate):
                trace = candidate
                break
    return trace


def simpler(step: Step) -> Sequence[Step]:
    """Return steps that could stand for `step`, simplest first."""
    if isinstance(step, Cycle):
        return [cycle for cycle in _simpler_cycles(step) if cycle != step]
    steps: list[Step] = []
    for position, argument in enumerate(step.arguments[_naming(step) :], _naming(step)):
        for value in _simpler_values(argument):
            steps.append(Operation(step.name, (*step.arguments[:position], value, *step.arguments[position + 1 :])))
    return steps


def _naming(step: Operation) -> int:
    """Return how many arguments say what an access is, and have no simpler ones: a register's offset
    and width, and the region in front of them where there are several."""
    if "." not in step.name or step.name.startswith("clock") or not step.arguments:
        return 0
    if isinstance(step.arguments[0], str):
        return 3
    return 2 if len(step.arguments) >= 2 else 0


def _simpler_cycles(cycle: Cycle) -> list[Cycle]:
    cycles = [Cycle(ResetMode.FRESH), Cycle(ResetMode.IN_PLACE), Cycle(ResetMode.POISON)]
    if cycle.damage:
        kind, where = cycle.damage
        smaller = [(kind, int(where) >> shift) for shift in (20, 16, 12, 8, 4)]
        cycles = [*cycles, *(Cycle(ResetMode.FRESH, (), damage) for damage in smaller), Cycle(ResetMode.FRESH, (), cycle.damage)]
    if cycle.mode is not ResetMode.DONOR:
        return cycles[: cycles.index(Cycle(cycle.mode)) + 1] if not cycle.damage else cycles
    half = len(cycle.operations) // 2
    return [
        *cycles,
        *(Cycle(cycle.mode, part) for part in (cycle.operations[:half], cycle.operations[half:]) if half),
        *(
            Cycle(cycle.mode, cycle.operations[:at] + cycle.operations[at + 1 :])
            for at in range(len(cycle.operations))
        ),
    ]


def _simpler_values(value: object) -> list[int | bytes | str | bool]:
    if isinstance(value, bool):
        return [False] if value else []
    if isinstance(value, int):
        candidates = [0, 1, *(1 << bit for bit in range(value.bit_length()) if value >> bit & 1), value >> 1]
        return [other for other in dict.fromkeys(candidates) if abs(other) < abs(value)]
    if isinstance(value, bytes) and value:
        return [b"", value[: len(value) // 2], bytes(len(value))] if any(value) else [b"", value[: len(value) // 2]]
    if isinstance(value, str) and value:
        return ["", value[: len(value) // 2]]
    return []
