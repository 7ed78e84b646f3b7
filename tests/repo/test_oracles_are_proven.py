"""Every oracle has a planted bug that shows it, and every cause a bug that has it.

That the bugs are found, and that the correct devices pass, is for tests/museum/ to show.
"""

from __future__ import annotations

from collections.abc import Iterable

from stressor.loop.finding import Cause, Oracle
from tests.museum.bug import PlantedBug
from tests.museum.planted import MUSEUM


def unproven(oracles: Iterable[Oracle], museum: Iterable[type[PlantedBug]]) -> set[Oracle]:
    """Return the oracles that no planted bug claims to be found by."""
    return set(oracles).difference(*(bug.expected_oracles for bug in museum))


def test_every_oracle_has_a_planted_bug() -> None:
    assert unproven(Oracle, MUSEUM) == set()


def test_an_oracle_without_a_bug_is_seen() -> None:
    museum = [bug for bug in MUSEUM if Oracle.SAVE_IS_PURE not in bug.expected_oracles]

    assert Oracle.SAVE_IS_PURE in unproven(Oracle, museum)


def test_every_cause_has_a_planted_bug() -> None:
    assert {bug.expected_cause for bug in MUSEUM} == set(Cause)
