"""The seeded search is steered to states that no save point has seen."""

from __future__ import annotations

from statistics import median

import pytest

import stressor.vmstate as vm
from stressor.device import Device, Region, operation
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.trace import Cycle, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.search.plan import Plan
from stressor.search.seeded import SeededEngine
from stressor.search.steering import SteeredEngine
from stressor.targets.model import Model, model_of
from tests.search.small_devices import Halved

MODES = tuple(ResetMode)


class Lock(Device):
    """Opens after seven turns of the key in a row; what is behind it is forgotten by every save, and undone by any reset."""

    state = vm.Description("lock", fields=[vm.u8("right"), vm.u8("tries")])
    io = Region(size=1, registers={0: "tries"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.tries = 0
        self.inside = False

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return self.tries

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        self.tries = value

    @operation
    def key(self) -> bool:
        self.right += self.right < 7
        self.inside |= self.right == 7
        return self.inside

    @operation
    def knock(self) -> int:
        self.right = 0
        return self.tries

    @operation
    def wait(self) -> None:
        """Nothing happens."""


class Trap(Lock):
    @operation
    def spring(self) -> None:
        if self.inside:
            raise RuntimeError("sprung")


class Ruled(Lock):
    """Breaks its rule by one write in eight, until the next one."""

    state = vm.Description(
        "ruled", fields=[vm.u8("right"), vm.u8("tries")],
        validate=[vm.Validate("the lowest bits of tries are never all set", "tries & 7 != 7")],
    )  # fmt: skip


def model(cls: type[Device] = Lock) -> Model:
    return model_of(cls, f"tests/search/test_steering.py::{cls.__name__}", cls.__name__.lower())


def engine(cls: type[Device] = Lock, seed: int = 1) -> SteeredEngine:
    return SteeredEngine(model(cls), seed, MODES, Watchdog(5.0))


def points(plan: Plan) -> list[int]:
    """Return after how many operations each save point lies."""
    return [sum(map(len, plan.batches[: at + 1])) for at in range(len(plan.schedules[0]))]


def inside(plan: Plan, point: int) -> bool:
    lock = model().open()
    lock.execute([operation for batch in plan.batches for operation in batch][:point])
    return bool(lock.value("inside"))


def first(seed: int, cls: type[Device] = Lock, *, steered: bool) -> Finding:
    campaign = Campaign(
        model(cls), seed=seed, oracles=list(Oracle), reset_modes=[ResetMode.IN_PLACE], watchdog=Watchdog(5.0), steered=steered
    )
    return next(found for found in campaign.run(20_000) if found is not None)


def test_a_forgotten_field_behind_a_lock_is_noticed_in_half_the_cycles() -> None:
    ours, others = ([first(seed, steered=steered).cycle for seed in range(12)] for steered in (True, False))

    assert {first(1, steered=True).divergence.first.path, first(1, steered=False).divergence.first.path} == {"lock/0.inside"}
    assert median(ours) <= median(others) / 2


@pytest.mark.parametrize("seed", range(5))
def test_the_first_save_points_have_seen_what_is_not_even_described(seed: int) -> None:
    steered = engine(seed=seed)
    plans = [steered.plan(index) for index in range(6)]

    assert any(inside(plan, point) for plan in plans for point in points(plan))


def test_the_first_plan_has_one_save_point_in_each_reset_mode() -> None:
    plan = engine().plan(0)

    assert [[cycle.mode for cycle in schedule] for schedule in plan.schedules] == [
        [ResetMode.POISON], [ResetMode.IN_PLACE], [ResetMode.FRESH], [ResetMode.DONOR],
    ]  # fmt: skip


def test_something_is_done_behind_the_last_save_point() -> None:
    assert engine().plan(0).batches[-1]


def test_a_save_point_behind_the_last_operation_is_run_too() -> None:
    steered = engine()
    plans = [steered.plan(index) for index in range(12)]

    steered_later = [plan for index, plan in enumerate(plans) if index >= 4 and index % 4 != 3]
    assert all(points(plan)[-1] == sum(plan.drawn) for plan in steered_later)
    assert all(len(plan.batches) == len(plan.schedules[0]) + 1 for plan in plans)


def test_the_same_seed_gives_the_same_plans() -> None:
    one, other = engine(), engine()

    assert [one.plan(index) for index in range(40)] == [other.plan(index) for index in range(40)]


def test_another_seed_gives_others() -> None:
    assert engine(seed=1).plan(0) != engine(seed=2).plan(0)


def test_a_save_point_lies_where_a_rule_does_not_hold() -> None:
    def share(cls: type[Device]) -> float:
        """Of the first plans that pass such a state, return how many have their save point in one."""
        passed = stopped = 0
        for seed in range(40):
            first, *others = engine(cls, seed).plan(0).batches
            target = model(cls).open()
            there = []
            for each in (*first, *(one for batch in others for one in batch)):
                target.execute([each])
                there.append(target.value("tries") in range(7, 256, 8))
            passed += any(there)
            stopped += there[len(first) - 1]
        return stopped / passed

    assert share(Ruled) > 0.9
    assert share(Lock) < 0.7


def test_every_fourth_plan_is_left_to_chance() -> None:
    steered, plain = engine(), SeededEngine(model(), 1, MODES)

    plans = [(steered.plan(index), plain.plan(index)) for index in range(8)]

    assert [ours == other for ours, other in plans][3::4] == [True, True]
    assert [ours == other for ours, other in plans][:3] == [False] * 3


def test_where_nothing_new_is_left_nearly_all_plans_are_left_to_chance() -> None:
    steered, plain = engine(), SeededEngine(model(), 1, MODES)

    alike = [steered.plan(index) == plain.plan(index) for index in range(600)]

    assert alike[:100].count(True) < alike[-100:].count(True)
    assert alike[-100:].count(True) >= 95


def test_what_the_scout_dies_of_is_found() -> None:
    campaign = Campaign(model(Trap), seed=1, oracles=list(Oracle), reset_modes=MODES, watchdog=Watchdog(5.0), shrinking=False)

    causes = [found.divergence.cause for found in campaign.run(500) if found is not None]

    assert Cause.CRASHED in causes


def test_an_excluded_operation_is_in_no_plan() -> None:
    steered = engine()
    for index in range(3):
        steered.plan(index)

    assert steered.exclude("key")

    plans = [steered.plan(index) for index in range(3, 20)]
    assert not any(operation.name == "key" for plan in plans for batch in plan.batches for operation in batch)
    assert any(operation.name == "knock" for plan in plans for batch in plan.batches for operation in batch)


def test_what_poison_shows_is_told_by_a_value_that_was_there() -> None:
    campaign = Campaign(
        model(Halved), seed=1, oracles=list(Oracle), reset_modes=[ResetMode.POISON], watchdog=Watchdog(5.0)
    )

    found = next(found for found in campaign.run(1_000) if found is not None)

    assert (found.divergence.first.before, found.divergence.first.after) == (1, 0)
    assert [*found.trace[1:]] == [Cycle(ResetMode.FRESH)]
