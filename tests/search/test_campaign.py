"""Campaigns: what they find, how they name it, and that one seed gives one result."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence
from os import urandom
from random import Random
from typing import ClassVar, cast

import pytest

from stressor import adapt
from stressor import vmstate as vm
from stressor.device import Device
from stressor.errors import UnsuitableError
from stressor.loop.events import (
    Event,
    FindingFound,
    RunFinished,
    Statistics,
    TargetBroke,
    TargetFinished,
    TargetSkipped,
)
from stressor.loop.finding import Cause, Finding, Kind, Oracle
from stressor.loop.target import DiedOfSavingError, StillbornError, Target, TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.search.plan import EngineName
from stressor.search.replay import replay
from stressor.search.run import run
from stressor.targets.in_process import InProcessTarget
from stressor.targets.model import Model, model_of
from tests.search.small_devices import (
    Counter,
    Endless,
    Forgetful,
    Fragile,
    Halved,
    Overflowing,
    Shared,
    Unreachable,
)


class Moody(Halved):
    """One in four of all its instances answers otherwise than the others: two that run side by side mostly agree."""

    state = vm.Description("moody", fields=[vm.u8("kept"), vm.u8("lost")])
    luck = Random(1)
    wrong: ClassVar[dict[int, bool]] = {}  # by instance, and in none of its attributes

    def __init__(self) -> None:
        super().__init__()
        Moody.wrong[id(self)] = Moody.luck.random() < 0.25

    def read(self, offset: int, width: int) -> int:
        return super().read(offset, width) ^ Moody.wrong[id(self)]


class Noisy(Halved):
    """Forgets a register, and has noise in another one."""

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.kept = urandom(1)[0]


class Once(Halved):
    """Dies of its hundredth write, whatever it is, and never again."""

    state = vm.Description("once", fields=[vm.u8("kept"), vm.u8("lost")])
    writes = 0

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        Once.writes += 1
        if Once.writes == 100:
            raise RuntimeError("a cosmic ray")


class Unset(Halved):
    """Powers up with anything in an attribute that is called otherwise than its field."""

    state = vm.Description("unset", fields=[vm.u8("kept"), vm.u8("lost"), vm.u64("salt", attribute="grain")])

    def reset(self) -> None:
        super().reset()
        self.grain = int.from_bytes(urandom(8))

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.grain = value


def model(cls: type[Device]) -> Model:
    return model_of(cls, f"tests/search/small_devices.py::{cls.__name__}", cls.__name__.lower())


def events(
    *classes: type[Device],
    seed: int = 1,
    cycles: int = 2_000,
    oracles: Collection[Oracle] = tuple(Oracle),
    reset_modes: Sequence[ResetMode] = tuple(ResetMode),
    batch_timeout: float = 5.0,
) -> list[Event]:
    return list(
        run(
            [model(cls) for cls in classes], seed=seed, cycles=cycles, seconds=None, oracles=oracles,
            reset_modes=reset_modes, configuration="", batch_timeout=batch_timeout, stop=lambda: False,
        )
    )  # fmt: skip


def findings(happened: Sequence[Event], target: str | None = None) -> list[Finding]:
    found = [event.finding for event in happened if isinstance(event, FindingFound)]
    return [finding for finding in found if target in (None, finding.target)]


def statistics(happened: Sequence[Event]) -> Statistics:
    return next(event.statistics for event in happened if isinstance(event, TargetFinished))


def summary(found: Sequence[Finding]) -> set[tuple[str, str, str]]:
    return {(f.divergence.oracle.value, f.divergence.cause.value, f.divergence.first.path) for f in found}


def essence(found: Sequence[Finding]) -> list[object]:
    return [(f.id, f.divergence, f.trace, f.cycle) for f in found]


def test_a_correct_device_passes() -> None:
    assert findings(events(Counter, cycles=4_000)) == []


def test_two_lost_fields_are_two_findings_with_their_causes() -> None:
    assert {
        ("load-restores", "never saved", "counter/0.total"),
        ("load-restores", "saved but not loaded", "counter/0.address"),
    } <= summary(findings(events(Forgetful)))


def test_a_finding_is_shrunk_to_what_it_needs() -> None:
    lost = [f for f in findings(events(Forgetful)) if f.divergence.first.path == "counter/0.address"]
    assert [len(f.trace) <= 2 for f in lost] == [True]


def test_one_seed_gives_one_result() -> None:
    assert essence(findings(events(Forgetful))) == essence(findings(events(Forgetful)))


def test_another_device_in_the_run_changes_nothing() -> None:
    alone = essence(findings(events(Forgetful)))
    assert essence(findings(events(Counter, Fragile, Forgetful), "forgetful")) == alone


def test_the_bound_on_cycles_is_exact() -> None:
    happened = events(Counter, cycles=777)
    assert statistics(happened).total_cycles == 777
    assert [event.cycles for event in happened if isinstance(event, RunFinished)] == [777]


def test_every_reset_mode_has_its_share() -> None:
    counts = statistics(events(Counter, cycles=2_000)).cycles
    assert set(counts) == {mode.value for mode in ResetMode}
    assert min(counts.values()) >= 400


def test_a_crash_from_operations_alone_is_told_apart() -> None:
    found = findings(events(Fragile))
    assert summary(found) == {("runs-alone", "crashed", f"counter/0.write {name}") for name in ("count", "total")}
    assert [len(f.trace) for f in found] == [1, 1]


def test_a_device_that_never_returns_is_a_finding() -> None:
    found = findings(events(Endless, cycles=400, batch_timeout=0.1))
    assert {(oracle, cause) for oracle, cause, _ in summary(found)} == {("runs-alone", "hung")}


def test_state_shared_between_devices_is_nondeterminism_and_nothing_else() -> None:
    found = findings(events(Shared, cycles=500))
    assert {f.divergence.cause for f in found} == {Cause.NONDETERMINISTIC}


def test_what_new_devices_differ_in_is_told_before_anything_is_done_and_nothing_else_is() -> None:
    (found,) = findings(events(Unset, cycles=500))
    assert (found.divergence.first.path, found.divergence.cause) == ("unset/0.salt", Cause.NONDETERMINISTIC)
    assert (found.trace, found.cycle) == ((), 0)


def test_only_the_chosen_oracles_speak() -> None:
    found = findings(events(Forgetful, oracles=[Oracle.SAVE_IS_PURE]))
    assert found == []


def test_a_field_never_moved_is_named() -> None:
    class Stuck(Counter):
        def write(self, offset: int, width: int, value: int) -> None:
            """Never takes anything."""

    assert statistics(events(Stuck, cycles=200)).unexercised == ("count", "total", "ringing", "quiet")
    assert statistics(events(Counter, cycles=2_000)).unexercised == ()


def test_a_replayed_finding_diverges_again_and_a_fixed_one_does_not() -> None:
    finding = next(f for f in findings(events(Forgetful)) if f.divergence.first.path == "counter/0.total")
    again = replay(finding, model(Forgetful))
    assert again is not None
    assert again.fingerprint("forgetful") == finding.fingerprint
    assert replay(finding, model(Counter)) is None


@pytest.mark.parametrize("mode", list(ResetMode))
def test_a_single_reset_mode_is_enough_to_run(mode: ResetMode) -> None:
    happened = events(Counter, cycles=100, reset_modes=[mode])
    assert statistics(happened).cycles == {mode.value: 100}


def test_a_target_that_breaks_ends_alone() -> None:
    broken = model(Counter)
    object.__setattr__(broken, "operations", ("nonsense",))
    happened = list(
        run(
            [broken, model(Forgetful)], seed=1, cycles=200, seconds=None, oracles=list(Oracle),
            reset_modes=list(ResetMode), configuration="", batch_timeout=5, stop=lambda: False,
        )
    )  # fmt: skip
    assert [event.target for event in happened if isinstance(event, TargetBroke)] == ["counter"]
    assert [event.target for event in happened if isinstance(event, TargetFinished)] == ["forgetful"]


class Process(Model):
    """A model whose device is a process that would have to be started anew."""

    @property
    def walks(self) -> bool:
        return False


@pytest.mark.parametrize(("kind", "goes_on"), [(Model, True), (Process, False)])
def test_an_operation_that_keeps_ending_a_process_is_left_out(kind: type[Model], goes_on: bool) -> None:
    plain = model(Fragile)
    campaign = Campaign(
        kind(plain.name, plain.specification, plain.operations, plain.binding), seed=1, oracles=list(Oracle),
        reset_modes=list(ResetMode), watchdog=Watchdog(5), shrinking=False,
    )  # fmt: skip
    written = []
    for finding in campaign.run(6000):
        if finding is None:
            written.append(campaign.statistics.operations["write count"])

    assert (written[-1] > written[len(written) // 2]) == goes_on


def process_events(cls: type[Device], seed: int) -> list[Event]:
    plain = model(cls)
    process = Process(plain.name, plain.specification, plain.operations, plain.binding)
    return list(
        run(
            [process], seed=seed, cycles=300, seconds=None, oracles=list(Oracle), reset_modes=list(ResetMode),
            configuration="", batch_timeout=5, stop=lambda: False,
        )
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(1, 9))
def test_what_a_device_does_by_luck_is_blamed_on_no_cycle(seed: int) -> None:
    Moody.luck = Random(seed)
    found = findings(process_events(Moody, seed))

    assert {(f.divergence.oracle, f.divergence.cause) for f in found} == {(Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC)}


def test_a_finding_behind_another_one_is_replayed_as_itself() -> None:
    found = findings(events(Noisy))
    noise, lost = (next(f for f in found if f.divergence.cause is cause) for cause in (Cause.NONDETERMINISTIC, Cause.NEVER_SAVED))
    both = dataclasses.replace(lost, trace=(*noise.trace, *lost.trace))

    again = replay(both, model(Noisy))

    assert again is not None
    assert again.fingerprint("noisy") == lost.fingerprint


def test_what_a_process_dies_of_once_is_noted() -> None:
    Once.writes = 0
    happened = process_events(Once, seed=7)
    (finished,) = (event for event in happened if isinstance(event, TargetFinished))

    assert findings(happened) == []
    (note,) = finished.notes
    assert re.fullmatch(r"once by cycle \d+ of seed 7, and no finding, .* come back: RuntimeError: a cosmic ray", note)


def test_a_target_that_cannot_be_stressed_is_skipped() -> None:
    class Unfit:
        def __getattr__(self, name: str) -> object:
            return getattr(model(Counter), name)

        def open(self) -> Target:
            raise UnsuitableError("not migratable", "it says so itself")

    happened = list(
        run(
            [cast("TargetType", Unfit()), model(Forgetful)], seed=1, cycles=20, seconds=None, oracles=list(Oracle),
            reset_modes=list(ResetMode), configuration="", batch_timeout=5, stop=lambda: False,
        )
    )  # fmt: skip
    (skipped,) = (event for event in happened if isinstance(event, TargetSkipped))
    assert (skipped.target, skipped.reason) == ("counter", "not migratable")
    assert [event.target for event in happened if isinstance(event, TargetFinished)] == ["forgetful"]


def test_a_device_that_dies_of_its_first_save_is_one_finding_that_replays() -> None:
    class Stillborn:
        def __getattr__(self, name: str) -> object:
            return getattr(model(Counter), name)

        def open(self) -> Target:
            raise StillbornError("it ended") from RuntimeError("it ended")

    target = cast("TargetType", Stillborn())
    happened = list(
        run(
            [target], seed=1, cycles=20, seconds=None, oracles=list(Oracle), reset_modes=list(ResetMode),
            configuration="", batch_timeout=5, stop=lambda: False,
        )
    )  # fmt: skip

    (found,) = findings(happened)
    assert (found.divergence.cause, found.divergence.kind) == (Cause.CRASHED, Kind.CYCLE_KILLS)
    assert statistics(happened).total_cycles == 1
    again = replay(found, target)
    assert again is not None
    assert again.fingerprint("counter") == found.fingerprint
    assert replay(found, model(Counter)) is None


class Hopeless:
    def work(self) -> None:
        raise RuntimeError("out of order")

    def save(self) -> bytes:
        return b""

    def load(self, data: bytes) -> None: ...

    def reset(self) -> None: ...


def test_a_device_on_which_nothing_works_ends_the_campaign() -> None:
    adapter = adapt(Hopeless, save="save", load="load", reset="reset", operations={"work": {}})
    campaign = Campaign(
        adapter.model("", "hopeless"), seed=1, oracles=list(Oracle), reset_modes=list(ResetMode), watchdog=Watchdog(5)
    )
    found = [finding for finding in campaign.run(500) if finding is not None]
    assert {f.divergence.cause for f in found} == {Cause.CRASHED}


def test_a_target_that_dies_of_being_looked_at_is_a_finding_of_its_save(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_at = InProcessTarget.examine

    def dying(target: InProcessTarget) -> bytes:
        if target.value("address"):
            raise DiedOfSavingError("gone in mid save")
        return looks_at(target)

    monkeypatch.setattr(InProcessTarget, "examine", dying)
    found = findings(events(Counter, cycles=200))

    assert summary(found) == {("save-is-pure", "crashed", "counter/0.save")}
    assert [len(finding.trace) for finding in found] == [2]  # what leads there, and a cycle


def test_a_value_that_does_not_fit_its_field_is_named_with_the_section() -> None:
    found = findings(events(Overflowing))
    assert ("save-is-pure", "truncated", "counter/0.count") in summary(found)


def test_hypothesis_itself_can_draw_the_plans() -> None:
    campaign = Campaign(
        model(Forgetful), seed=1, oracles=list(Oracle), reset_modes=list(ResetMode), watchdog=Watchdog(5),
        engine=EngineName.HYPOTHESIS,
    )  # fmt: skip
    found = [finding for finding in campaign.run(300) if finding is not None]
    assert {"counter/0.total", "counter/0.address"} <= {f.divergence.first.path for f in found}


def test_a_target_that_breaks_ends_its_campaign_and_loses_no_finding() -> None:
    Unreachable.writes = 0
    happened = events(Unreachable, Counter, cycles=10_000)
    found = [finding.id for finding in findings(happened, "unreachable")]
    finished = happened[-1]

    assert [event for event in happened if isinstance(event, TargetBroke)] == [
        TargetBroke("unreachable", "the cable is unplugged")
    ]
    assert found
    assert {finding.divergence.cause for finding in findings(happened, "unreachable")} == {Cause.NEVER_SAVED}
    assert isinstance(finished, RunFinished)
    assert set(found) <= set(finished.findings)
