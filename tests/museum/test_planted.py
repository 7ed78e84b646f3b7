"""The museum is whole: every cause has a bug, and every bug says how it must be named."""

from __future__ import annotations

import pytest

from devices.uart16550 import UART16550
from stressor.loop.finding import Cause
from tests.museum.bug import PlantedBug
from tests.museum.planted import MUSEUM


def test_every_cause_class_is_represented() -> None:
    assert {bug.expected_cause for bug in MUSEUM} == set(Cause)


def test_every_bug_stands_once_in_the_museum() -> None:
    assert len(set(MUSEUM)) == len(MUSEUM)
    assert set(PlantedBug.__subclasses__()) == set(MUSEUM)


@pytest.mark.parametrize("bug", MUSEUM, ids=lambda bug: bug.__name__)
def test_every_bug_says_how_it_is_named_and_where_it_comes_from(bug: type[PlantedBug]) -> None:
    assert bug.expected_oracles
    assert bug.expected_field.startswith("serial/0")
    assert bug.__doc__


@pytest.mark.parametrize("bug", MUSEUM, ids=lambda bug: bug.__name__)
def test_every_bug_is_a_uart_that_can_be_made_and_saved(bug: type[PlantedBug]) -> None:
    uart = bug()

    bug.state.bind(uart)

    assert bug.state.fields_of(bug.state.save(uart))[0].path == UART16550.state.fields[0].name
