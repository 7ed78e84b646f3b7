"""A machine of three devices, two of them of one class; planted bugs are subclasses."""

from __future__ import annotations

import stressor.vmstate as vm
from stressor.device import Device, Line, Memory, Region
from stressor.machine import Machine, part

__all__ = ["Bell", "Controller", "Desk", "ForgetfulBell", "ForgetfulDesk", "ForgetfulOffice", "Office"]


class Controller(Device):
    """Collects what its two lines ask for."""

    state = vm.Description("controller", fields=[vm.u8("pending"), vm.u8("mask")])
    io = Region(size=2, registers={0: "pending", 1: "mask"})
    first = Line(input=True)
    second = Line(input=True)
    interrupt = Line()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.pending = self.mask = 0
        self._update()

    @first.on_change
    def _first(self, level: int) -> None:
        self.pending |= level
        self._update()

    @second.on_change
    def _second(self, level: int) -> None:
        self.pending |= level << 1
        self._update()

    def _update(self) -> None:
        self.interrupt.set(self.pending & ~self.mask)

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return (self.pending, self.mask)[offset]

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self.mask = value
        else:
            self.pending &= ~value
        self._update()


class Bell(Device):
    """Rings after a while, and notes it in memory."""

    state = vm.Description(
        "bell",
        fields=[vm.u8("delay"), vm.u8("rung"), vm.timer("timer")],
        unsaved={"address": "what the machine made it with"},
    )
    io = Region(size=2, registers={0: "delay", 1: "rung"})
    irq = Line()
    ram = Memory(64)

    def __init__(self, address: int = 0) -> None:
        self.address = address
        self.timer = self.clock.timer(self._ring)
        self.reset()

    def reset(self) -> None:
        self.delay = self.rung = 0
        self.timer.cancel()
        self.irq.set(0)

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return (self.delay, self.rung)[offset]

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if offset == 0:
            self.delay = value
            self.timer.arm_in(1000 * (value + 1))
        self.irq.set(0)

    def _ring(self) -> None:
        self.rung = (self.rung + 1) & 0xFF
        self.ram.write(self.address, bytes([self.rung]))
        self.irq.set(1)


class ForgetfulBell(Bell):
    state = vm.Description(
        "bell",
        fields=[vm.u8("delay"), vm.unused(1), vm.timer("timer")],
        unsaved={"address": "what the machine made it with"},
    )


class Desk(Machine):
    ram = Memory(64)
    near = part(Bell)
    far = part(Bell, address=32)
    controller = part(Controller)

    def wire(self) -> None:
        self.connect(self.near.irq, self.controller.first)


class ForgetfulDesk(Desk):
    far = part(ForgetfulBell, address=32)


class Office(Machine):
    """A machine within a machine."""

    ram = Memory(64)
    desk = part(Desk)
    door = part(Bell, address=48)

    def wire(self) -> None:
        self.connect(self.door.irq, self.desk.controller.second)


class ForgetfulOffice(Office):
    desk = part(ForgetfulDesk)
