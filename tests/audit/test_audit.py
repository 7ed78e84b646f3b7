"""Every loss of a small device is noticed and named; what cannot be noticed is explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stressor.audit.audit import Audit, Outcome, audit, canary
from stressor.audit.equivalent import Equivalent
from stressor.audit.hunt import Hunter
from stressor.audit.mutant import Loss, Mutant
from stressor.errors import UnsuitableError
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.targets.loader import find_models
from stressor.targets.model import Model, model_of
from tests.audit.desk import hunter, model
from tests.search.small_devices import Halved


def outcomes(target: Model, **options: object) -> dict[str, Outcome]:
    found = [event for event in audit(target, hunter(), **options) if isinstance(event, Outcome)]  # type: ignore[arg-type]
    return {str(outcome.mutant): outcome for outcome in found}


def test_every_kind_of_loss_is_made_of_a_device() -> None:
    begun = next(audit(model(), hunter()))

    assert isinstance(begun, Audit)
    assert {mutant.loss for mutant in begun.mutants} == set(Loss)
    assert not begun.findings


@pytest.mark.parametrize("loss", list(Loss))
def test_what_moves_is_noticed_and_named(loss: Loss) -> None:
    found = outcomes(model(), losses=[loss], chosen=lambda mutant: "serial_number" not in mutant.field)

    assert found
    assert [name for name, outcome in found.items() if not (outcome.finding and outcome.named)] == []


def test_a_field_that_never_moves_survives_and_the_reason_says_so() -> None:
    found = outcomes(model(), losses=[Loss.AT_RESET])["at reset lamp/0.serial_number"]

    assert found.finding is None
    assert found.reason == "never left its reset value at a save point"


def test_even_a_field_that_never_moves_is_missed_when_it_is_not_saved() -> None:
    found = outcomes(model(), losses=[Loss.DROPPED])["dropped lamp/0.serial_number"]

    assert found.finding is not None  # poison gave it another value
    assert found.named


def test_what_is_declared_equivalent_keeps_its_reason() -> None:
    entry = Equivalent("lamp", "* lamp/0.serial_number", "stamped in the factory")
    found = outcomes(model(), losses=[Loss.AT_RESET], equivalents=[entry])

    assert found["at reset lamp/0.serial_number"].equivalent == "stamped in the factory"
    assert found["at reset lamp/0.level"].equivalent == ""


def test_an_oracle_that_cannot_see_a_loss_lets_it_survive() -> None:
    blind = replace(hunter(), oracles=(Oracle.SAVE_IS_PURE,))
    found = [event for event in audit(model(), blind, losses=[Loss.AT_RESET]) if isinstance(event, Outcome)]

    assert [outcome for outcome in found if outcome.finding] == []
    moving = next(outcome for outcome in found if outcome.mutant.field == "lamp/0.level")
    assert "nothing depends on it" in moving.reason


def test_the_same_seed_gives_the_same_outcomes() -> None:
    def cycles() -> Sequence[int]:
        return [outcome.cycles for outcome in outcomes(model()).values()]

    assert cycles() == cycles()


def test_a_canary_is_noticed() -> None:
    assert canary(model(), hunter()).finding is not None


def test_a_canary_survives_a_harness_that_is_blind() -> None:
    assert canary(model(), replace(hunter(), oracles=(Oracle.SAVE_IS_PURE,))).finding is None


class NearSighted(Hunter):
    """Finds nothing as long as nothing is lost, as a short first run on a target with rare bugs does."""

    def all(self, target_type: TargetType) -> list[Finding]:
        super().all(target_type)
        return []


def test_what_the_target_has_anyway_is_no_answer_to_a_loss() -> None:
    halved = model_of(Halved, "tests/search/small_devices.py::Halved", "halved")

    begun, *others = audit(halved, NearSighted(seed=1, cycles=200), losses=[Loss.TRUNCATED, Loss.NOT_CLEARED])

    assert isinstance(begun, Audit)
    assert {finding.divergence.first.path for finding in begun.findings} == {"halved/0.lost"}
    found = {str(outcome.mutant): outcome for outcome in others if isinstance(outcome, Outcome)}
    assert {name for name, outcome in found.items() if outcome.named} == {
        "truncated halved/0.kept", "not cleared halved/0.kept",
    }  # fmt: skip
    assert all(outcome.finding is None or outcome.named for outcome in found.values())


def test_nothing_can_be_lost_of_a_target_of_another_sort() -> None:
    class Other:
        name = "other"

    with pytest.raises(UnsuitableError, match="nothing can be lost"):
        list(audit(Other(), hunter()))  # type: ignore[arg-type]


def test_parts_of_a_machine_lose_their_fields() -> None:
    (pair,) = find_models(["devices/i8259.py::I8259Pair"])
    assert isinstance(pair, Model)
    chosen = [Mutant(Loss.DROPPED, "i8259/1.imr"), Mutant(Loss.AT_RESET, "i8259/1.imr"), Mutant(Loss.NOT_CLEARED, "i8259/1.imr")]
    found = outcomes(pair, chosen=lambda mutant: mutant in chosen)

    assert [outcome.named for outcome in found.values()] == [True] * 3
