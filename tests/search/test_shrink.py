"""Shrinking: small, and still failing for the same reason."""

from __future__ import annotations

from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.search.hypothesis_engine import polish
from stressor.search.shrink import shrink, simpler

FRESH = Cycle(ResetMode.FRESH)


def push(value: int) -> Operation:
    return Operation("push", (value,))


def test_only_what_is_needed_is_left() -> None:
    trace: Trace = (*(push(value) for value in range(100)), FRESH)
    small = shrink(trace, lambda steps: push(41) in steps and FRESH in steps)
    assert small == (push(41), FRESH)


def test_arguments_become_simple() -> None:
    marked = {push(value) for value in range(256) if value & 0x40}
    small = shrink((push(200), FRESH), lambda steps: FRESH in steps and not marked.isdisjoint(steps))
    assert small == (push(0x40), FRESH)


def test_a_pair_that_has_to_go_together_goes_together() -> None:
    def balanced(trace: Trace) -> bool:
        return trace.count(push(1)) == trace.count(push(2)) and FRESH in trace

    noise = (push(1), push(2))
    small = shrink((*noise, FRESH, *noise), balanced)
    assert small == (FRESH,)


def test_the_budget_bounds_the_tries() -> None:
    tried: list[Trace] = []

    def never(trace: Trace) -> bool:
        tried.append(trace)
        return False

    shrink(tuple(push(value) for value in range(50)), never, budget=7)
    assert len(tried) == 7


def test_hypothesis_finishes_what_greed_leaves() -> None:
    # two steps that can only be dropped together: no single removal fails, Hypothesis finds the pair
    pair = (push(1), push(2))
    trace = (*pair, FRESH)
    small = polish(trace, simpler, lambda steps: FRESH in steps and (push(1) in steps) == (push(2) in steps))
    assert small == (FRESH,)


def test_a_donor_gets_by_with_less() -> None:
    donor = Cycle(ResetMode.DONOR, tuple(push(value) for value in range(6)))
    small = shrink((donor,), lambda steps: any(isinstance(step, Cycle) and push(3) in step.operations for step in steps))
    assert small == (Cycle(ResetMode.DONOR, (push(3),)),)
