"""Devices side by side: they tell what each of them alone would tell."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.device import Device
from stressor.loop.finding import Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.targets.lockstep import InProcessLockstep
from stressor.targets.model import Model, model_of
from tests.museum.planted import MUSEUM
from tests.search.small_devices import Counter, Overflowing

WRITE = Operation("io.write", (0, 1, 9))
OPERATIONS = (
    WRITE,
    Operation("ram.store", (0, b"stressor")),
    Operation("clock.advance", (5,)),
    Operation("clock.expire"),
    Operation("io.read", (1, 1)),
    Operation("enable.set", (0,)),
)


class Loud(Device):
    """Planted: sends a byte when it is loaded."""

    state = vm.Description("loud", fields=[vm.u8("level")], post_load=lambda device, version: device.send(1))

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.level = 0


class Alone(Model):
    """Devices of which each is driven alone."""

    def lockstep(self, count: int) -> None:
        return None


def model(cls: type[Device], kind: type[Model] = Model) -> Model:
    made = model_of(cls, f"planted.py::{cls.__name__}", cls.__name__.lower())
    return kind(made.name, made.specification, made.operations, made.binding)


def lockstep(count: int = 3) -> InProcessLockstep:
    found = model(Counter).lockstep(count)
    assert found is not None
    return found


def campaign(made: Model) -> tuple[object, ...]:
    """Return all that comes of a campaign, but for the time that it took."""
    campaign = Campaign(
        made, seed=3, oracles=list(Oracle), reset_modes=list(ResetMode), watchdog=Watchdog(1), shrinking=False
    )
    found = [finding for finding in campaign.run(3_000) if finding is not None]
    done = campaign.statistics
    return (
        [(finding.id, finding.divergence, finding.trace, finding.cycle) for finding in found],
        done.cycles, done.operations, done.oracles, done.covered, done.save_points,
    )  # fmt: skip


@pytest.mark.parametrize("cls", [Counter, Overflowing, *MUSEUM[:3], *MUSEUM[9:12]])
def test_side_by_side_and_one_by_one_come_to_the_same(cls: type[Device]) -> None:
    assert campaign(model(cls)) == campaign(model(cls, Alone))


def test_what_each_answers_is_compared() -> None:
    assert lockstep().execute(OPERATIONS)


@pytest.mark.parametrize("which", [0, 2])
def test_one_that_answers_otherwise_is_noticed(which: int) -> None:
    several = lockstep()
    several.subjects[which].execute([WRITE])
    assert not several.execute(OPERATIONS)


@pytest.mark.parametrize("which", [0, 2])
def test_one_that_saves_otherwise_is_noticed(which: int) -> None:
    several = lockstep()
    data = several.subjects[1].save().data
    assert several.saves(data)
    several.subjects[which].execute([WRITE])
    assert several.save() is None
    assert not several.saves(data)


@pytest.mark.parametrize("which", [0, 2])
def test_one_in_another_state_is_noticed(which: int) -> None:
    several = lockstep()
    digest = several.subjects[1].examine()
    assert several.are(digest)
    several.subjects[which].execute([WRITE])
    assert not several.are(digest)


@pytest.mark.parametrize("mode", list(ResetMode))
def test_every_one_gets_its_state_and_its_board_back(mode: ResetMode) -> None:
    several = lockstep()
    several.execute(OPERATIONS)
    digest, attributes = several.subjects[0].examine(), several.subjects[0].attributes()
    snapshot = several.save()
    assert snapshot is not None
    for subject in several.subjects:
        subject.reset(Cycle(mode, (WRITE,)), snapshot)

    assert several.load(snapshot)
    assert several.are(digest)
    assert [subject.attributes() for subject in several.subjects] == [attributes] * 3


def test_what_comes_out_of_a_load_is_noticed() -> None:
    several = model(Loud).lockstep(2)
    assert several is not None
    snapshot = several.save()
    assert snapshot is not None
    assert not several.load(snapshot)
