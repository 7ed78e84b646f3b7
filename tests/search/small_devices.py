"""Devices small enough to be read at a glance: one correct, the others each with planted bugs."""

from __future__ import annotations

from hypothesis import strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, Memory, Region, operation
from stressor.errors import TargetError


class Halved(Device):
    """Forgets one of two registers."""

    state = vm.Description("halved", fields=[vm.u8("kept")])
    io = Region(size=2, registers={0: "kept", 1: "lost"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.kept = self.lost = 0

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return (self.kept, self.lost)[offset]

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        setattr(self, ("kept", "lost")[offset], value)


class Unreachable(Halved):
    """After many writes it can no longer be driven, for a reason that is not its own."""

    writes = 0  # of all its instances

    def write(self, offset: int, width: int, value: int) -> None:
        Unreachable.writes += 1
        if Unreachable.writes > 20_000:
            raise TargetError("the cable is unplugged")
        super().write(offset, width, value)


class Counter(Device):
    """Counts writes, rings a line at 200 and after a while: every part of the device interface."""

    state = vm.Description(
        "counter",
        fields=[vm.u8("count"), vm.u16("total"), vm.boolean("ringing"), vm.timer("quiet"), vm.u32("address")],
        validate=[vm.Validate("the total is at least the count", lambda device: device.total >= device.count)],
    )
    io = Region(size=2, registers={0: "count", 1: "total"})
    bell = Line()
    enable = Line(input=True, level=1)
    ram = Memory(0x1000)

    def __init__(self) -> None:
        self.quiet = self.clock.timer(self.hush)
        self.reset()

    def reset(self) -> None:
        self.count = self.total = self.address = 0
        self.ringing = False
        self.quiet.cancel()
        self.bell.set(0)

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return (self.count, self.total & 0xFF)[offset]

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if self.enable.level:
            self.count, self.total = value, max(value, (self.total + value) & 0xFFFF)
            if value >= 200:
                self.ringing = True
                self.bell.set(1)
                self.quiet.arm_in(1_000_000)

    def hush(self) -> None:
        self.ringing = False
        self.bell.set(0)
        self.send(self.count)

    @operation(step=st.integers(1, 16))
    def copy(self, step: int) -> None:
        self.address = (self.address + step) % 0xFF0
        self.ram.write(self.address, self.ram.read(self.address + 1, step))


class Forgetful(Counter):
    """Two independent fields are lost: `total` by the description, `address` by its accessor."""

    state = vm.Description(
        "counter",
        fields=[
            vm.u8("count"), vm.boolean("ringing"), vm.timer("quiet"),
            vm.u32("address", read=lambda device: device.address, write=lambda device, value: None),
        ],
    )  # fmt: skip


class Shared(Counter):
    """Keeps a part of its state in the class, where no two devices are independent."""

    writes = 0

    def read(self, offset: int, width: int) -> int:
        type(self).writes += 1
        return type(self).writes & 0x3F


class Fragile(Counter):
    """Raises when the count is exactly one bit."""

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        if value == 0x40:
            raise RuntimeError("one bit too many")


class Endless(Counter):
    """Never returns from one write."""

    def write(self, offset: int, width: int, value: int) -> None:
        while value == 0xFF:
            pass
        super().write(offset, width, value)


class Overflowing(Counter):
    """Counts past what its field can hold."""

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.count += 100
        self.total += 100
