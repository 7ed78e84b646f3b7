"""Every bug of the museum is found with the right field and the right cause, whatever the seed."""

from __future__ import annotations

import pytest

from devices.uart16550 import UART16550
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.targets.model import model_of
from tests.museum.planted import MUSEUM

SEEDS = range(10)
BOUND = 4_000  # cycles within which each bug has to be found


def campaign(cls: type[UART16550], seed: int) -> Campaign:
    return Campaign(
        model_of(cls, f"tests/museum/planted.py::{cls.__name__}", cls.__name__.lower()),
        seed=seed, oracles=list(Oracle), reset_modes=list(ResetMode), watchdog=Watchdog(0.3),
        shrinking=seed == SEEDS[0],  # with one seed: what is found and named does not depend on it
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("cls", MUSEUM, ids=lambda cls: cls.__name__)
def test_the_planted_bug_is_found_and_named(cls: type, seed: int) -> None:
    seen = []
    for finding in campaign(cls, seed).run(BOUND):
        if finding is None:
            continue
        divergence = finding.divergence
        seen.append((divergence.oracle.value, divergence.cause.value, finding.fingerprint.field))
        if (
            divergence.oracle in cls.expected_oracles  # type: ignore[attr-defined]
            and divergence.cause is cls.expected_cause  # type: ignore[attr-defined]
            and finding.fingerprint.field == cls.expected_field  # type: ignore[attr-defined]
        ):
            return
    pytest.fail(f"not among the findings: {seen}")


@pytest.mark.slow
def test_the_correct_uart_passes_100_000_cycles() -> None:
    found = [finding for finding in campaign(UART16550, 20260914).run(100_000) if finding is not None]
    assert found == []
