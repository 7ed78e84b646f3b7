"""Shrinking: small, and still failing for the same reason."""

from __future__ import annotations

from collections.abc import Callable

from stressor.loop.trace import Cycle, Operation, ResetMode, Step, Trace
from stressor.search.hypothesis_engine import polish
from stressor.search.shrink import shrink, shrink_by_tries, simpler

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


class Counted:
    """A predicate over traces that counts how often it is asked."""

    def __init__(self, holds: Callable[[Trace], bool]) -> None:
        self._holds = holds
        self.asked = 0

    def __call__(self, trace: Trace) -> bool:
        self.asked += 1
        return self._holds(trace)


LONG: Trace = (*(push(value) for value in range(100)), FRESH)


def needs(*steps: Step) -> Counted:
    return Counted(lambda trace: set(steps) <= set(trace))


def test_tries_that_are_right_are_confirmed_once() -> None:
    tries, fails = needs(push(41), FRESH), needs(push(41), FRESH)

    assert shrink_by_tries(LONG, tries, fails) == (push(41), FRESH)
    assert fails.asked == 1
    assert tries.asked > 10


def test_tries_that_see_too_much_do_not_change_the_result() -> None:
    tries, fails = needs(FRESH), needs(push(41), FRESH)

    assert shrink_by_tries(LONG, tries, fails) == (push(41), FRESH)


def test_tries_that_see_too_little_leave_more_than_is_needed() -> None:
    tries, fails = needs(push(41), push(7), FRESH), needs(push(41), FRESH)

    assert shrink_by_tries(LONG, tries, fails) == (push(7), push(41), FRESH)


def test_tries_that_see_nothing_are_done_without() -> None:
    tries, fails = needs(push(1000)), needs(push(41), FRESH)

    assert shrink_by_tries(LONG, tries, fails) == (push(41), FRESH)
    assert tries.asked == 1


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


def test_what_does_as_well_behind_a_cycle_takes_the_place_of_what_is_there() -> None:
    def fails(trace: Trace) -> bool:
        cycle = trace.index(FRESH) if FRESH in trace else len(trace)
        return push(1) in trace[:cycle] and push(2) in trace and len(trace) > cycle + 1

    assert shrink((push(1), push(2), FRESH, push(3)), fails) == (push(1), FRESH, push(2))


def test_who_asks_to_stop_is_not_kept_waiting_where_tries_see_nothing() -> None:
    tries, fails = needs(push(1000)), needs(push(41), FRESH)

    assert shrink_by_tries(LONG, tries, fails, stop=lambda: fails.asked >= 3) != (push(41), FRESH)
    assert fails.asked == 3
