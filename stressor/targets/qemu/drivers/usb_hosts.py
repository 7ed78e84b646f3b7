"""USB host controllers that walk lists in guest memory: EHCI, OHCI, UHCI.

Sources: Intel, Enhanced Host Controller Interface 1.0, sections 2.3 and 3; Compaq, Open Host Controller
Interface 1.0a, sections 4 and 7; Intel, Universal Host Controller Interface 1.1, sections 2 and 3.
"""

from __future__ import annotations

import struct
from typing import Final

from stressor.targets.qemu.drivers.usb import IN, OUT, SETUP, Stage, UsbHost
from stressor.targets.qemu.regions import Region

__all__ = ["Ehci", "Ohci", "Uhci"]

_TICK: Final = 20_000_000
"""Nanoseconds; a port's reset takes 10 ms, USB 2.0, section 7.1.7.5."""
_END: Final = 1


class Ehci(UsbHost):
    """One queue head on the asynchronous list, with a chain of transfer descriptors."""

    region = "operational"
    others = {"ports": "ports"}
    names = {0x00: "USBCMD", 0x04: "USBSTS", 0x0C: "FRINDEX", 0x14: "PERIODICLISTBASE", 0x18: "ASYNCLISTADDR"}
    packet, bulk_packet = 64, 512

    @classmethod
    def fits(cls, region: Region) -> bool:
        return region.size == 0x44

    def start(self) -> None:
        registers, ports = self.registers, self.other["ports"]
        registers.write(0x00, 2)
        registers.wait(0x00, 2, 0)
        registers.write(0x08, 0x3F)
        registers.write(0x40, 1)
        self._head(self.lists, 0, 0x8000)
        registers.write(0x18, self.lists)
        ports.write(0, 0x1100)
        self.step(_TICK)
        ports.write(0, 0x1000)
        registers.write(0x00, 0x8_0021)

    def _head(self, first: int, endpoint: int, more: int, length: int = 64) -> None:
        characteristics = length << 16 | 1 << 14 | 2 << 12 | endpoint << 8 | self.address | more
        head = (self.lists | 2, characteristics, 1 << 30, 0, first if first != self.lists else _END, _END)
        self.memory.write(self.lists, struct.pack("<12I", *head, *[0] * 6))

    def queue(self, stages: list[Stage]) -> None:
        first = self.lists + 0x400
        for index, stage in enumerate(stages):
            at = first + 0x40 * index
            following = _END if index == len(stages) - 1 else at + 0x40
            token = {OUT: 0, IN: 1, SETUP: 2}[stage.token]
            word = stage.toggle << 31 | stage.length << 16 | 1 << 15 | 3 << 10 | token << 8 | 0x80
            pages = [stage.buffer, *((stage.buffer & ~0xFFF) + 0x1000 * page for page in range(1, 5))]
            self.memory.write(at, struct.pack("<8I", following, _END, word, *pages))
        endpoint = stages[0].endpoint
        self.registers.write(0x00, 0x8_0001)
        self.settle()
        self.registers.write(0x04, 0x3F)  # until the last doorbell's is acknowledged the list rests
        self._head(first, endpoint, 0x8000, self.bulk_packet if endpoint else self.packet)
        self.registers.write(0x18, self.lists)
        self.registers.write(0x00, 0x8_0021)
        self.registers.write(0x00, 0x8_0061)  # the doorbell, which has the list looked at

    def show(self) -> None:
        for offset in (0x00, 0x04, 0x14, 0x18):
            self.registers.show(offset)
        self.other["ports"].show(0)
        self.memory.show(self.lists, 0x30, "queue head")
        self.memory.show(self.lists + 0x400, 0xC0, "transfer descriptors")


class Ohci(UsbHost):
    """A control and a bulk list of one endpoint descriptor each; interrupts are polled from the latter."""

    region = "ohci"
    names = {0x04: "HcControl", 0x08: "HcCommandStatus", 0x0C: "HcInterruptStatus", 0x54: "HcRhPortStatus"}

    def start(self) -> None:
        registers = self.registers
        registers.write(0x08, 1)
        registers.write(0x18, self.lists)
        registers.write(0x10, 0x8000_007F)
        registers.write(0x34, 0x2EDF | 0x2778 << 16)
        registers.write(0x54, 0x100)
        registers.write(0x54, 0x10)
        self.step(_TICK)
        registers.write(0x54, 0x1F_0000)
        registers.write(0x04, 0xBC)

    def queue(self, stages: list[Stage]) -> None:
        first = self.lists + 0x400
        for index, stage in enumerate(stages):
            token = {SETUP: 0, OUT: 1, IN: 2}[stage.token]
            word = 0xF << 28 | (2 | stage.toggle) << 24 | token << 19 | 1 << 18
            end = stage.buffer + stage.length - 1 if stage.length else 0
            start = stage.buffer if stage.length else 0
            at = first + 0x10 * index
            self.memory.write(at, struct.pack("<4I", word, start, at + 0x10, end))
        endpoint = stages[0].endpoint
        packet = self.bulk_packet if endpoint else self.packet
        bulk = bool(endpoint)
        descriptor = self.lists + (0x280 if bulk else 0x200)
        word = packet << 16 | endpoint << 7 | self.address
        tail = first + 0x10 * len(stages)
        self.memory.write(descriptor, struct.pack("<4I", word, tail, first, 0))
        self.registers.write(0x28 if bulk else 0x20, descriptor)
        self.registers.write(0x08, 4 if bulk else 2)

    def show(self) -> None:
        for offset in (0x04, 0x08, 0x0C, 0x1C, 0x20, 0x24, 0x28, 0x2C, 0x30, 0x54):
            self.registers.show(offset)
        self.memory.show(self.lists + 0x200, 0xA0, "endpoint descriptors")
        self.memory.show(self.lists + 0x400, 0x30, "transfer descriptors")


class Uhci(UsbHost):
    """Every frame leads to one queue head with a chain of transfer descriptors, one a packet."""

    region = "uhci"
    names = {0x00: "USBCMD", 0x02: "USBSTS", 0x06: "FRNUM", 0x08: "FRBASEADD", 0x10: "PORTSC1"}

    def start(self) -> None:
        registers = self.registers
        registers.write(0x00, 2, 2)
        self.memory.write(self.lists, struct.pack("<I", self.lists + 0x1000 | 2) * 1024)
        self.memory.write(self.lists + 0x1000, struct.pack("<II", _END, _END))
        registers.write(0x04, 0xF, 2)
        registers.write(0x08, self.lists)
        registers.write(0x06, 0, 2)
        registers.write(0x10, 0x200, 2)
        self.step(_TICK)
        registers.write(0x10, 0x00E, 2)
        registers.write(0x00, 0xC1, 2)

    def queue(self, stages: list[Stage]) -> None:
        first = self.lists + 0x2000
        packets = [packet for stage in stages for packet in self._packets(stage)]
        for index, (stage, token) in enumerate(packets):
            at = first + 0x20 * index
            following = _END if index == len(packets) - 1 else at + 0x20 | 4
            status = 3 << 27 | 1 << 24 | 1 << 23 | (1 << 29 if stage.token == IN else 0)
            self.memory.write(at, struct.pack("<4I", following, status, token, stage.buffer))
        self.memory.write(self.lists + 0x1000, struct.pack("<II", _END, first))

    def _packets(self, stage: Stage) -> list[tuple[Stage, int]]:
        size = self.bulk_packet if stage.endpoint else self.packet
        found = []
        for index, start in enumerate(range(0, max(1, stage.length), size)):
            length = min(size, stage.length - start)
            token = (length - 1 & 0x7FF) << 21 | (stage.toggle + index & 1) << 19
            token |= stage.endpoint << 15 | self.address << 8 | stage.token
            found.append((stage._replace(buffer=stage.buffer + start, length=length), token))
        return found

    def show(self) -> None:
        for offset in (0x00, 0x02, 0x04, 0x06, 0x10):
            self.registers.show(offset, 2)
        self.memory.show(self.lists + 0x1000, 8, "queue head")
        self.memory.show(self.lists + 0x2000, 0x100, "transfer descriptors")
