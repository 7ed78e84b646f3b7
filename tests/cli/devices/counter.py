"""Two counters: one whose description forgets a field, and one that is whole."""

from __future__ import annotations

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Region, operation

__all__ = ["Counter", "Whole"]


class Counter(Device):
    """Forgets `step`."""

    state = vm.Description("counter", fields=[vm.u8("count")])
    io = Region(size=2, registers={0: "count", 1: "step"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count = 0
        self.step = 1

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        return self.step if offset else self.count

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self.step = value
        else:
            self.count = value

    @operation(times=st.integers(1, 9))
    def tick(self, times: int) -> None:
        self.count = (self.count + self.step * times) & 0xFF


class Whole(Counter):
    """Forgets nothing."""

    state = vm.Description("whole", fields=[vm.u8("count"), vm.u8("step")])
