"""SMSC's LAN91C111, with packet memory behind banks of registers.

Source: SMSC LAN91C111 datasheet, sections 7.2 (packet format), 8 (registers by bank) and 8.24 (MII).
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.frames import FRAMES

__all__ = ["Smc91c111"]

_BANK = 0xE
_TCR, _RCR = 0x0, 0x4  # bank 0
_MMU, _PACKET, _ALLOCATED, _FIFO, _POINTER, _DATA, _INTERRUPT, _MASK = (
    0x0, 0x2, 0x3, 0x4, 0x6, 0x8, 0xC, 0xD,
)  # fmt: skip
_MANAGEMENT = 0x8  # bank 3
_ALLOCATE, _RESET, _REMOVE, _REMOVE_AND_RELEASE, _RELEASE, _ENQUEUE = 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0
_COMMANDS = st.sampled_from([_ALLOCATE, _RESET, _REMOVE, _REMOVE_AND_RELEASE, _RELEASE, _ENQUEUE, 0xE0])
_AUTO, _READ, _RECEIVE = 0x4000, 0x2000, 0x8000


class Smc91c111(Driver):
    """Packets are allocated, filled through a data port, and put into a queue."""

    region = "smc91c111-mmio"
    names = {_BANK: "bank"}

    @operation(transmit=st.integers(0, 0xFFFF), receive=st.integers(0, 0x7FFF))
    def set_up(self, transmit: int, receive: int) -> None:
        self._write(0, _TCR, transmit | 0x0001, 2)
        self._write(0, _RCR, receive & ~0x8000 | 0x0102, 2)
        self._show(0, _TCR, _RCR)

    @operation(frame=FRAMES, left=st.sampled_from([0, 0, 0, 5]), enqueue=st.sampled_from([True, True, False]))
    def send(self, frame: bytes, left: int, enqueue: bool) -> None:
        """Allocate, fill but for the last `left` bytes, and with `enqueue` send."""
        self._write(0, _TCR, 0x0081, 2)
        self._write(2, _MMU, _ALLOCATE, 2)
        number = self.registers.read(_ALLOCATED, 1)
        self._write(2, _PACKET, number, 1)
        self._write(2, _POINTER, _AUTO, 2)
        even = len(frame) & ~1
        length = even + 6
        control = frame[-1:] + b"\x20" if len(frame) % 2 else b"\0\0"
        data = bytes([0, 0, length & 0xFF, length >> 8]) + frame[:even] + control
        for byte in data[: len(data) - left]:
            self.registers.write(_DATA, byte, 1)
        if enqueue:
            self._write(2, _MMU, _ENQUEUE, 2)
            self.settle()
        self._show_packets()

    @operation(count=st.integers(1, 40), start=st.integers(0, 64))
    def receive(self, count: int, start: int) -> None:
        self._write(2, _POINTER, _RECEIVE | _AUTO | _READ | start, 2)
        self.go_on_reading(count)

    @operation(number=st.integers(0, 3), start=st.integers(0, 64), count=st.integers(1, 16))
    def read_packet(self, number: int, start: int, count: int) -> None:
        self._write(2, _PACKET, number, 1)
        self._write(2, _POINTER, _AUTO | _READ | start, 2)
        self.go_on_reading(count)

    @operation(count=st.integers(1, 16))
    def go_on_reading(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_DATA, 1)

    @operation(data=st.binary(min_size=1, max_size=16))
    def go_on_writing(self, data: bytes) -> None:
        for byte in data:
            self.registers.write(_DATA, byte, 1)

    @operation(command=_COMMANDS, number=st.integers(0, 3))
    def manage_memory(self, command: int, number: int) -> None:
        self._write(2, _PACKET, number, 1)
        self._write(2, _MMU, command, 2)
        self._show_packets()

    @operation(mask=st.integers(0, 255), acknowledged=st.integers(0, 255))
    def use_interrupts(self, mask: int, acknowledged: int) -> None:
        self._write(2, _MASK, mask, 1)
        self._write(2, _INTERRUPT, acknowledged, 1)
        self._show_packets()

    @operation(bank=st.integers(0, 3))
    def select_bank(self, bank: int) -> None:
        self.registers.write(_BANK, bank, 2)

    @operation(bank=st.sampled_from([0, 1, 3]))
    def show_bank(self, bank: int) -> None:
        self._show(bank, 0, 2, 4, 6, 8, 10, 12)

    @operation(offset=st.sampled_from([0, 4, 6, 8, 10, 12]), value=st.integers(0, 0xFFFF))
    def configure(self, offset: int, value: int) -> None:
        """Bank 1: configuration, station address, general purpose and control."""
        self._write(1, offset, value, 2)
        self._show(1, offset)

    @operation(words=st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4))
    def set_filter(self, words: list[int]) -> None:
        for number, word in enumerate(words):
            self._write(3, 2 * number, word, 2)
        self._show(3, 0, 2, 4, 6)

    @operation(bits=st.lists(st.booleans(), min_size=1, max_size=32), driven=st.booleans())
    def clock_phy(self, bits: list[bool], driven: bool) -> None:
        """Some bits of a management frame."""
        for bit in bits:
            for clock in (0, 4):
                self._write(3, _MANAGEMENT, 0x3330 | clock | bit | driven << 3, 2)
        self._show(3, _MANAGEMENT)

    def _show_packets(self) -> None:
        self._show(2, _PACKET, _FIFO, _POINTER, _INTERRUPT)
        self._show(0, 0x2, 0x8)

    def _write(self, bank: int, offset: int, value: int, width: int) -> None:
        self.registers.write(_BANK, bank, 2)
        self.registers.write(offset, value, width)

    def _show(self, bank: int, *offsets: int) -> None:
        self.registers.write(_BANK, bank, 2)
        for offset in offsets:
            self.registers.show(offset, 2)
