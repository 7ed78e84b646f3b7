"""A small device that every kind of loss can be made of."""

from __future__ import annotations

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.audit.hunt import Hunter
from stressor.device import Device, operation
from stressor.targets.model import Model, model_of

__all__ = ["CYCLES", "Lamp", "hunter", "model"]

CYCLES = 200


class Lamp(Device):
    """Is dimmed in steps, remembers a few, and shines as a table says."""

    state = vm.Description(
        "lamp",
        fields=[
            vm.u8("level"),
            vm.u8("former"),
            vm.array("steps", vm.u16, 4),
            vm.u8("serial_number"),
        ],
        subsections=[
            vm.Description("lamp/blinking", needed="period != 0", fields=[vm.u32("period")])
        ],
        post_load=lambda lamp, version: lamp.shine(),
        unsaved={"brightness": "worked out from the level in post_load"},
    )

    def __init__(self) -> None:
        self.serial_number = 7
        self.reset()

    def reset(self) -> None:
        self.level = self.former = self.period = 0
        self.steps = [0] * 4
        self.shine()

    def shine(self) -> None:
        self.brightness = self.level * self.level

    @operation(level=st.integers(0, 255))
    def dim(self, level: int) -> int:
        self.steps = [*self.steps[1:], level << 8]
        self.former, self.level = self.level, level
        before = self.brightness
        self.shine()
        return before

    @operation(period=st.integers(0, 1000))
    def blink(self, period: int) -> None:
        self.period = period


def model() -> Model:
    """Return the lamp as something that can be stressed."""
    return model_of(Lamp, "tests/audit/desk.py::Lamp", "lamp")


def hunter(cycles: int = CYCLES) -> Hunter:
    """Return campaigns of a few cycles."""
    return Hunter(seed=1, cycles=cycles)
