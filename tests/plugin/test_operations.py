"""A device's operations in tests of the user's own."""

from __future__ import annotations

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from devices.uart16550 import UART16550
from stressor import operations, stress_rules
from stressor.errors import UsageError
from stressor.loop.trace import Operation
from tests.museum.forgetful import ForgetsFifos

MANY = settings(max_examples=2_000, database=None, deadline=None)
FEW = settings(max_examples=20, stateful_step_count=20, database=None, deadline=None)


@given(st.lists(operations(UART16550), max_size=30))
def test_drawn_operations_drive_a_device_as_the_loop_does(steps: list[object]) -> None:
    uart = UART16550()

    for step in steps:
        assert callable(step)
        step(uart)

    assert uart.receive_fifo.count <= 16


def test_an_operation_is_printed_as_reports_do_and_answers() -> None:
    read = find(operations(UART16550), lambda step: repr(step) == "<read scr>", settings=MANY)
    write = find(operations(UART16550), lambda step: repr(step).startswith("<write scr "), settings=MANY)
    uart = UART16550()

    write(uart)

    assert repr(write) == "<write scr 0x00>"  # the simplest
    assert write.operation == Operation("io.write", (7, 1, 0))
    assert read(uart) == 0


def test_every_kind_of_operation_is_drawn() -> None:
    def draws(start: str) -> object:
        return find(operations(UART16550), lambda step: repr(step).startswith(start), settings=MANY)

    assert all(map(draws, ("<write", "<read", "<receive", "<set", "<advance", "<expire")))


def test_a_sound_device_comes_through_its_rules() -> None:
    run_state_machine_as_test(stress_rules(UART16550), settings=FEW)


def test_a_lost_field_fails_the_machine_with_its_block_and_steps() -> None:
    unshrunk = settings(FEW, max_examples=400, phases=[Phase.generate])

    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(stress_rules(ForgetsFifos), settings=unshrunk)

    assert "first divergence   serial/0." in str(caught.value)
    notes = "\n".join(caught.value.__notes__)
    assert "state.cycle(" in notes


def test_rules_of_the_user_use_the_same_device() -> None:
    class Uart(stress_rules(UART16550)):  # type: ignore[misc]
        def check_invariants(self, *arguments: object, **named: object) -> None:
            assert not self.device.scratch, "seen"

    with pytest.raises(AssertionError, match="seen"):
        run_state_machine_as_test(Uart, settings=settings(FEW, max_examples=500))


@pytest.mark.parametrize("helper", [operations, stress_rules])
def test_what_is_no_device_is_refused(helper: object) -> None:
    assert callable(helper)
    with pytest.raises(UsageError, match="is no device; give a class"):
        helper(5)
