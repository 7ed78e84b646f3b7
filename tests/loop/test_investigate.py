"""What investigating a trace says where the target itself gives way."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import stressor.vmstate as vm
from stressor.device import Device
from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, FieldChange, Kind, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.target import DiedOfDamageError, DiedOfSavingError, Snapshot
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.in_process import InProcessTarget
from stressor.targets.model import model_of
from tests.museum.forgetful import ForgetsFifos
from tests.search.small_devices import Counter


class Counts(Device):
    """Counts its saves in a field that travels."""

    state = vm.Description("counts", fields=[vm.u8("saves")], pre_save=lambda counts: counts.saved())

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.saves = 0

    def saved(self) -> None:
        self.saves += 1


class Toggles(Counts):
    """Is after two saves what it was before."""

    def saved(self) -> None:
        self.saves ^= 1


class Spins(Counts):
    """Forgets its mode; saves for ever in one that it never has."""

    def reset(self) -> None:
        self.saves = self.mode = 0

    def saved(self) -> None:
        while self.mode:
            pass


def test_a_device_that_saves_for_ever_once_it_was_loaded_wrongly_is_ended() -> None:
    watchdog = Watchdog(0.1)
    with watchdog.watching():
        (found,) = investigate(
            model_of(Spins, "spins", "spins"), (Cycle(ResetMode.POISON),), Checks(list(Oracle)), watchdog
        )

    assert (found.cause, found.first.path, found.snapshot_after) == (Cause.NEVER_SAVED, "counts/0.mode", b"")


@pytest.mark.parametrize("kind", [Counts, Toggles])
@pytest.mark.parametrize("mode", ResetMode)
def test_what_a_save_changes_is_told_of_the_save_alone(kind: type[Device], mode: ResetMode) -> None:
    trace = (Cycle(mode), Cycle(mode))

    (found,) = investigate(model_of(kind, "counts", "counts"), trace, Checks(list(Oracle)), Watchdog(5.0))

    assert (found.oracle, found.cause, found.step) == (Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, 0)
    assert found.first == FieldChange("counts/0.saves", 0, 1, width=1)


def test_a_target_that_dies_of_being_saved_is_a_finding_also_when_it_is_only_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dying(target: InProcessTarget) -> bytes:
        raise DiedOfSavingError("gone in mid save")

    monkeypatch.setattr(InProcessTarget, "examine", dying)
    model = model_of(Counter, "tests/search/small_devices.py::Counter", "counter")

    found = investigate(model, (Cycle(ResetMode.IN_PLACE),), Checks(list(Oracle)), Watchdog(5.0))

    assert [(one.oracle, one.cause) for one in found] == [(Oracle.SAVE_IS_PURE, Cause.CRASHED)]
    assert found[0].first.after == "DiedOfSavingError: gone in mid save"


def test_a_lost_field_is_to_blame_though_nobody_asked_whether_it_came_back() -> None:
    model = model_of(ForgetsFifos, "forgetful", "forgetful")
    trace = (
        Operation("io.write", (2, 1, 0x01)),
        Operation("receive", (0,)),
        Cycle(ResetMode.FRESH),
    )

    found = investigate(model, trace, Checks([Oracle.RESUMES_ALIKE]), Watchdog(5.0))

    assert [(one.oracle, one.cause, one.first.path) for one in found] == [
        (Oracle.RESUMES_ALIKE, Cause.NEVER_SAVED, "serial/0.receive_fifo.count")
    ]


@pytest.mark.parametrize(("hung", "cause"), [(False, Cause.CRASHED), (True, Cause.HUNG)])
def test_another_device_that_dies_of_damaged_state_names_what_was_damaged(
    monkeypatch: pytest.MonkeyPatch, hung: bool, cause: Cause
) -> None:
    change = FieldChange("counter/0.total", 1, 65535)

    def dying(target: InProcessTarget, snapshot: Snapshot, damage: Sequence[str | int]) -> bool:
        raise DiedOfDamageError(change, f"when it was loaded: {damage}", hung=hung)

    monkeypatch.setattr(InProcessTarget, "sacrifice", dying)
    model = model_of(Counter, "tests/search/small_devices.py::Counter", "counter")
    trace = (Operation("io.read", (0, 1)), Cycle(ResetMode.IN_PLACE, (), ("set counter/0.total", 3)))

    (found,) = investigate(model, trace, Checks(list(Oracle)), Watchdog(5.0))

    assert (found.oracle, found.cause, found.kind) == (Oracle.REFUSES_DAMAGE, cause, Kind.DAMAGE_KILLS)
    assert (found.first, found.step) == (change, 1)
    assert found.detail == "when it was loaded: ('set counter/0.total', 3)"
    assert investigate(model, trace, Checks([Oracle.LOAD_RESTORES]), Watchdog(5.0)) == []
