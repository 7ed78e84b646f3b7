"""The virtual clock, guest memory, and operations as an author declares them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from stressor.device import Clock, Memory, Region, operation


def recorder(clock: Clock, fired: list[tuple[str, int]], name: str) -> Callable[[], None]:
    return lambda: fired.append((name, clock.now))


def test_timers_fire_at_their_own_time_in_order() -> None:
    clock, fired = Clock(), []  # type: ignore[var-annotated]
    late, early = clock.timer(recorder(clock, fired, "late")), clock.timer(recorder(clock, fired, "early"))
    late.arm(30)
    early.arm_in(10)
    clock.advance(100)
    assert fired == [("early", 10), ("late", 30)]
    assert clock.now == 100


def test_timers_of_one_deadline_fire_in_the_order_in_which_they_were_made() -> None:
    clock, fired = Clock(), []  # type: ignore[var-annotated]
    first, second = clock.timer(recorder(clock, fired, "first")), clock.timer(recorder(clock, fired, "second"))
    second.arm(5)
    first.arm(5)
    clock.advance(5)
    assert fired == [("first", 5), ("second", 5)]


def test_a_timer_armed_again_by_its_callback_fires_again() -> None:
    clock = Clock()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(clock.now)
        timer.arm_in(10)

    timer = clock.timer(tick)
    timer.arm(10)
    clock.advance(35)
    assert ticks == [10, 20, 30]


def test_time_can_be_told_to_stop_after_so_many_timers() -> None:
    clock = Clock()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(clock.now)
        timer.arm_in(1)

    timer = clock.timer(tick)
    timer.arm(1)
    clock.advance(1_000_000_000, 3)
    assert (ticks, clock.now) == ([1, 2, 3], 3)


def test_a_cancelled_timer_does_not_fire() -> None:
    clock, fired = Clock(), []  # type: ignore[var-annotated]
    timer = clock.timer(recorder(clock, fired, "never"))
    timer.arm(5)
    timer.cancel()
    clock.advance(10)
    assert (fired, timer.armed) == ([], False)


def test_expire_goes_just_to_the_next_deadline() -> None:
    clock, fired = Clock(), []  # type: ignore[var-annotated]
    clock.timer(recorder(clock, fired, "a")).arm(7)
    clock.timer(recorder(clock, fired, "b")).arm(9)
    clock.expire()
    assert (fired, clock.now) == ([("a", 7)], 7)


def test_a_deadline_that_has_passed_fires_with_the_next_step() -> None:
    clock, fired = Clock(), []  # type: ignore[var-annotated]
    clock.advance(50)
    clock.timer(recorder(clock, fired, "late")).arm(10)
    clock.advance(0)
    assert fired == [("late", 50)]


def test_guest_memory_refuses_what_lies_outside() -> None:
    memory = Memory(16)
    with pytest.raises(IndexError, match="0x10 bytes, not 0xf"):
        memory.read(15, 2)


def test_an_operation_needs_a_strategy_for_each_argument() -> None:
    with pytest.raises(TypeError, match="give one strategy for each argument"):

        @operation(byte=st.integers(0, 255))
        def receive(self: object, byte: int, parity: bool) -> None: ...


def test_a_region_has_a_size_and_sensible_widths() -> None:
    with pytest.raises(ValueError, match="widths of 1, 2, 4 or 8"):
        Region(size=8, widths=(3,))
