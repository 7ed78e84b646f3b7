"""Where a finding diverged, the device stands still, with the two states that part."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.device import Device, Line, Region
from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, Divergence, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.standstill import Standstill, stand_still
from stressor.loop.trace import Cycle, Operation, ResetMode, Step, Trace
from stressor.loop.watchdog import Hung, Watchdog
from stressor.targets.model import Model, model_of

_IN_PLACE, _FRESH = Cycle(ResetMode.IN_PLACE), Cycle(ResetMode.FRESH)


class Plain(Device):
    """Saves both of its registers, and can be made to do wrong by deriving from it."""

    state = vm.Description("plain", fields=[vm.u8("first"), vm.u8("second")])
    io = Region(size=2, registers={0: "first", 1: "second"})
    irq = Line()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.first = self.second = 0

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        setattr(self, ("first", "second")[offset], value)


class Forgets(Plain):
    """Saves only its second register."""

    state = vm.Description("forgets", fields=[vm.u8("second")])


class Drains(Plain):
    """Loses its first register by saving."""

    def _drain(self) -> None:
        self.first = 0

    state = vm.Description("drains", fields=[vm.u8("second"), vm.u8("first")], pre_save=_drain)


class Keeps(Plain):
    """Forgets one register at reset."""

    state = vm.Description("keeps", fields=[vm.u8("first"), vm.u8("second")])

    def reset(self) -> None:
        self.first = 0
        self.second = getattr(self, "second", 0)


class Raises(Plain):
    """Raises when it is written 255."""

    state = vm.Description("raises", fields=[vm.u8("first"), vm.u8("second")])
    io = Region(size=2, registers={0: "first", 1: "second"})

    @io.on_write
    def _put(self, offset: int, width: int, value: int) -> None:
        self.first = value
        if value == 255:
            raise ValueError("too much")


class Hangs(Plain):
    """Never comes back when it is written 255."""

    state = vm.Description("hangs", fields=[vm.u8("first"), vm.u8("second")])
    io = Region(size=2, registers={0: "first", 1: "second"})

    @io.on_write
    def _put(self, offset: int, width: int, value: int) -> None:
        while value == 255:
            pass


def write(value: int, offset: int = 0) -> Operation:
    """Return a write to a register."""
    return Operation("io.write", (offset, 1, value))


def found(cls: type[Device], oracle: Oracle, trace: Trace, patience: float = 60.0) -> tuple[Model, Divergence]:
    """Return the model of a class, and the first divergence that an oracle sees in a trace."""
    model = model_of(cls, "here", cls.__name__.lower())
    watchdog = Watchdog(patience)
    with watchdog.watching():
        return model, investigate(model, trace, Checks([oracle]), watchdog)[0]


def standing(cls: type[Device], oracle: Oracle, *trace: Step, patience: float = 60.0) -> Standstill:
    """Return a device of a class where it diverges."""
    model, divergence = found(cls, oracle, trace, patience)
    still = stand_still(model, trace, divergence, Watchdog(patience))
    assert still is not None
    return still


def parted(still: Standstill) -> dict[str, tuple[object, object]]:
    """Return what differs between the two states."""
    return {
        name: (old, still.after.get(name)) for name, old in still.before.items() if old != still.after.get(name)
    }


@pytest.mark.parametrize(
    ("cls", "oracle", "trace", "expected"),
    [
        (Forgets, Oracle.LOAD_RESTORES, (write(5), _FRESH), {"first": (5, 0)}),
        (Forgets, Oracle.RESUMES_ALIKE, (write(5), _FRESH), {"first": (5, 0)}),
        (Drains, Oracle.SAVE_IS_PURE, (write(5), _FRESH), {"first": (5, 0)}),
        (Keeps, Oracle.RESET_IS_FRESH, (write(5, 1), _IN_PLACE), {"second": (0, 5)}),
    ],
)
def test_the_states_that_part_are_given(
    cls: type[Device], oracle: Oracle, trace: Trace, expected: dict[str, Any]
) -> None:
    assert parted(standing(cls, oracle, *trace)) == expected


def test_the_device_is_the_one_after_the_load() -> None:
    still = standing(Forgets, Oracle.LOAD_RESTORES, write(5), write(6, 1), _FRESH)

    device = still.target.device  # type: ignore[attr-defined]
    assert (device.first, device.second) == (0, 6)


def test_what_an_earlier_cycle_lost_is_put_right() -> None:
    trace = (write(5), _FRESH, write(7), _FRESH)
    model, divergence = found(Forgets, Oracle.LOAD_RESTORES, trace)

    still = stand_still(model, trace, dataclasses.replace(divergence, step=3), Watchdog(60.0))

    assert still is not None
    assert parted(still) == {"first": (7, 0)}


def test_what_a_device_raised_is_given() -> None:
    still = standing(Raises, Oracle.RUNS_ALONE, write(1), write(255))

    assert isinstance(still.error, ValueError)
    assert parted(still) == {"first": (1, 255)}


def test_a_device_that_hangs_is_ended() -> None:
    still = standing(Hangs, Oracle.RUNS_ALONE, write(255), patience=0.05)

    assert isinstance(still.error, Hung)


def test_a_device_that_raises_earlier_than_it_was_found_does_not_stand() -> None:
    model, divergence = found(Raises, Oracle.RUNS_ALONE, (write(255),))
    later = dataclasses.replace(divergence, step=1)

    assert divergence.cause is Cause.CRASHED
    assert stand_still(model, (write(255), write(1)), later, Watchdog(60.0)) is None
