"""Of the reference devices nearly every loss is noticed, and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stressor.audit.audit import Outcome, audit
from stressor.audit.equivalent import read_equivalents
from stressor.audit.hunt import Hunter
from stressor.loop.runs_itself import RunsItself
from stressor.report.audit import counts
from stressor.targets.loader import find_models

CYCLES = 2_000
EQUIVALENTS = read_equivalents(Path("devices/audit.toml"))


def outcomes(file: str) -> list[Outcome]:
    found: list[Outcome] = []
    for model in find_models([file]):
        assert not isinstance(model, RunsItself)
        events = audit(model, Hunter(1, CYCLES), equivalents=EQUIVALENTS)
        found += [event for event in events if isinstance(event, Outcome)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("devices", "losses"),
    [(("uart16550", "i8254", "i8259", "i8257", "i8042", "ps2", "mc146818", "hpet"), 1_000), (("e1000",), 200)],
    ids=["small", "e1000"],
)
def test_98_of_100_losses_are_noticed_and_95_named(devices: Sequence[str], losses: int) -> None:
    found = [outcome for device in devices for outcome in outcomes(f"devices/{device}.py")]

    lost, noticed, named = counts(found)
    assert lost > losses
    assert noticed >= 0.98 * lost
    assert named >= 0.95 * lost
    assert [str(outcome.mutant) for outcome in found if outcome.equivalent and outcome.finding] == []


def test_no_loss_that_is_declared_equivalent_is_noticed() -> None:
    found = [outcome for outcome in outcomes("devices/i8257.py::I8257") if outcome.equivalent]

    assert found
    assert [str(outcome.mutant) for outcome in found if outcome.finding] == []
