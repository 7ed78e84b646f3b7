"""The core of a PC: the devices beside this file, wired as on its board.

Source: IBM, "Personal Computer AT Technical Reference", March 1986, section 1, "System Interrupts" and the table
of I/O addresses; for port 0x61 Intel's 82371FB (PIIX, order number 290550), 2.5.5.1; for the way of the timer's and
the clock's interrupt Intel's HPET specification 1.0a, 2.4.2.1, and QEMU's PC.

Left out is the I/O APIC, to which `hpet.irq2` would lead.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from devices.hpet import HPET
from devices.i8042 import PS2Machine
from devices.i8254 import I8254
from devices.i8257 import MEMORY, I8257Pair
from devices.i8259 import I8259Pair
from devices.mc146818 import MC146818
from devices.uart16550 import UART16550
from stressor.device import Device, Line, Memory, Region, operation
from stressor.machine import Machine, part, part_at

__all__ = ["PC", "Gate", "SystemControl"]

TIMER_GATE, SPEAKER, REFRESH, TIMER_OUT = 0x01, 0x02, 0x10, 0x20  # port 0x61


class Gate(Device):
    """Lets an interrupt through while something else is high. It has no state."""

    interrupt = Line(input=True)
    enable = Line(input=True)
    output = Line()

    def reset(self) -> None:
        self._update()

    @interrupt.on_change
    def _interrupt(self, level: int) -> None:
        self._update()

    @enable.on_change
    def _enable(self, level: int) -> None:
        self._update()

    def _update(self) -> None:
        self.output.set(self.interrupt.level & self.enable.level)


class SystemControl(Device):
    """Port 0x61: the gate of the third counter, and the speaker. The state is QEMU's `pcspk` section."""

    state = vm.Description(
        "pcspk",
        fields=[vm.u8("data_on", attribute="speaker"), vm.u8("dummy_refresh_clock", attribute="refresh")],
        post_load=lambda port, version: port._update(),
    )

    io = Region(size=1, ports=True, registers={0: "system control"})

    timer_out = Line(input=True)
    gate = Line()
    speaker_data = Line()

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.speaker = 0
        self.refresh = 0
        self.gate.set(0)
        self._update()

    @timer_out.on_change
    def _timer_out(self, level: int) -> None:
        self._update()

    def _update(self) -> None:
        self.speaker_data.set(self.speaker and self.timer_out.level)

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        """Bit 4 is another one in each read: what waits for the refresh of the memory only wants to see it change."""
        self.refresh ^= 1
        value = self.gate.level * TIMER_GATE | self.speaker * SPEAKER
        return value | self.refresh * REFRESH | self.timer_out.level * TIMER_OUT

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        self.speaker = value >> 1 & 1
        self.gate.set(value & TIMER_GATE)
        self._update()


PORTS: Final = {
    **{0x00 + port: ("dma.narrow", "io", port) for port in range(16)},
    **{0x20 + port: ("interrupts.first", "io", port) for port in range(2)},
    **{0x40 + port: ("timer", "io", port) for port in range(4)},
    0x60: ("ps2.controller", "io", 0),
    0x61: ("control", "io", 0),
    0x64: ("ps2.controller", "io", 1),
    **{0x70 + port: ("rtc", "io", port) for port in range(2)},
    **{0x80 + port: ("dma.narrow", "pages", port) for port in range(8)},
    **{0x88 + port: ("dma.wide", "pages", port) for port in range(8)},
    **{0xA0 + port: ("interrupts.second", "io", port) for port in range(2)},
    **{0xC0 + 2 * port: ("dma.wide", "io", port) for port in range(16)},
    **{0x3F8 + port: ("serial", "io", port) for port in range(8)},
    0x4D0: ("interrupts.first", "elcr", 0),
    0x4D1: ("interrupts.second", "elcr", 0),
}
"""The part, region and offset behind each port."""


class PC(Machine):
    """Interrupt controllers, DMA, three timers, serial port, keyboard and mouse.

    Timer and clock ask through the HPET, which in legacy mode asks in their place, and stops the timer.
    """

    ram = Memory(MEMORY)
    interrupts = part(I8259Pair)
    dma = part(I8257Pair)
    timer = part(I8254)
    rtc = part(MC146818)
    hpet = part(HPET)
    control = part(SystemControl)
    serial = part(UART16550)
    serial_gate = part(Gate)
    ps2 = part(PS2Machine)

    def wire(self) -> None:
        first, second = self.interrupts.first, self.interrupts.second
        self.connect(self.timer.out0, self.hpet.pit)
        self.connect(self.rtc.irq, self.hpet.rtc)
        self.hpet.reset()  # so that it passes on the levels which it has from there
        self.connect(self.hpet.pit_enabled, self.timer.enable)
        self.connect(self.hpet.irq0, first.ir0)
        self.connect(self.hpet.irq8, second.ir0)
        self.connect(self.ps2.controller.keyboard_interrupt, first.ir1)
        self.connect(self.ps2.controller.mouse_interrupt, second.ir4)
        self.connect(self.serial.irq, self.serial_gate.interrupt)
        self.connect(self.serial.out2, self.serial_gate.enable)
        self.connect(self.serial_gate.output, first.ir4)
        self.connect(self.timer.out2, self.control.timer_out)
        self.connect(self.control.gate, self.timer.gate2)

    @operation(port=st.sampled_from(sorted(PORTS)))
    def read(self, port: int) -> int:
        """The processor reads a byte from a port."""
        path, region, offset = PORTS[port]
        device = part_at(self, path)
        return int(getattr(device, getattr(type(device), region).reader)(offset, 1))

    @operation(port=st.sampled_from(sorted(PORTS)), value=st.integers(0, 0xFF))
    def write(self, port: int, value: int) -> None:
        """The processor writes a byte to a port."""
        path, region, offset = PORTS[port]
        device = part_at(self, path)
        getattr(device, getattr(type(device), region).writer)(offset, 1, value)
