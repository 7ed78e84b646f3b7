"""Digital's Tulip.

Source: Digital EC-QC0CC-TE, 21143 PCI/CardBus 10/100-Mb/s Ethernet LAN Controller Hardware Reference
Manual, sections 3.2 (registers), 4.2 (descriptors), 4.2.3 (setup frame) and 7.3 (MII).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import BUFFER, RING, Card, SerialEeprom
from stressor.targets.qemu.drivers.network.frames import ADDRESS, FRAMES, PARTS, pieces

__all__ = ["Tulip"]

_BUS, _SEND_NOW, _RECEIVE_NOW, _RECEIVING, _SENDING, _STATUS, _MODE, _MASK, _MISSED, _SERIAL = (
    0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48,
)  # fmt: skip
_TIMER, _LINK = 0x58, 0x60
_OWN, _LAST, _FIRST, _SETUP, _END_OF_RING = 1 << 31, 1 << 30, 1 << 29, 1 << 27, 1 << 25
_RUNS = 0x2002  # transmitter and receiver
_LOOPED = 0x0400
_MDC, _MDO, _MDI_READS = 1 << 16, 1 << 17, 1 << 18


class Tulip(Card, SerialEeprom):
    """Two rings of descriptors; the EEPROM and the MII are lines of one register."""

    region = "tulip-mem"
    names = {
        _BUS: "csr0 bus mode", _RECEIVING: "csr3 receive list", _SENDING: "csr4 transmit list",
        _STATUS: "csr5 status", _MODE: "csr6 operation mode", _MASK: "csr7 interrupt enable",
        _MISSED: "csr8 missed frames", _SERIAL: "csr9 eeprom and mii", _TIMER: "csr11 timer",
        _LINK: "csr12 sia status",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.position = 0

    @operation(mode=st.sampled_from([0, 0x40, 0x80, 0x200]), looped=st.booleans(), reset=st.booleans())
    def set_up(self, mode: int, looped: bool, reset: bool) -> None:
        if reset:
            self.registers.write(_BUS, 1)
        self.memory.fill(self.sending, 16 * RING)
        for number in range(RING):
            size = BUFFER - 4 | (_END_OF_RING if number == RING - 1 else 0)
            self.memory.write(
                self.receiving + 16 * number, struct.pack("<IIII", _OWN, size, self._received(number), 0)
            )
        self.position = 0
        self.registers.write(_RECEIVING, self.receiving)
        self.registers.write(_SENDING, self.sending)
        self.registers.write(_MODE, _RUNS | mode | (_LOOPED if looped else 0))

    @operation(frame=FRAMES, count=st.integers(1, 2), part=PARTS)
    def send(self, frame: bytes, count: int, part: str) -> None:
        self._ready()
        for data, first, last in pieces(frame, count, part):
            self._describe(data, (_FIRST if first else 0) | (_LAST if last else 0))
        self._go()

    @operation(addresses=st.lists(st.binary(min_size=6, max_size=6), max_size=15))
    def set_filter(self, addresses: list[bytes]) -> None:
        """A setup frame with 16 addresses: three words of two bytes, each in four bytes."""
        self._ready()
        filled = [ADDRESS, *addresses, *[bytes([255] * 6)] * (15 - len(addresses))]
        frame = b"".join(address[n : n + 2] + b"\0\0" for address in filled for n in (0, 2, 4))
        self._describe(frame, _SETUP)
        self._go()

    @operation(which=st.sampled_from([_SEND_NOW, _RECEIVE_NOW]))
    def demand(self, which: int) -> None:
        self.registers.write(which, 1)
        self.settle()
        self._show_state()

    @operation(bits=st.integers(0, 0x1FFFF), mask=st.integers(0, 0x1FFFF))
    def take_interrupts(self, bits: int, mask: int) -> None:
        self.registers.write(_STATUS, bits)
        self.registers.write(_MASK, mask)
        self._show_state()

    @operation(mode=st.integers(0, 0xFFFF_FFFF))
    def set_mode(self, mode: int) -> None:
        self.registers.write(_MODE, mode)
        self._show_state()

    @operation(ticks=st.integers(0, 0x1FFFF))
    def set_timer(self, ticks: int) -> None:
        self.registers.write(_TIMER, ticks)
        self.registers.show(_TIMER)
        self.registers.show(_LINK)

    @operation(address=st.integers(0, 31), clocks=st.sampled_from([4, 14, 32, 48]))
    def read_phy(self, address: int, clocks: int) -> None:
        """A management frame, of which only the first `clocks` bits are sent; 32 of preamble."""
        self._clock_phy("1" * 32 + f"0110{1:05b}{address:05b}", 64 - clocks)
        for _ in range(min(18, clocks)):
            for clock in (0, _MDC):
                self.registers.write(_SERIAL, _MDI_READS | clock)
            self.registers.show(_SERIAL)

    @operation(address=st.integers(0, 31), value=st.integers(0, 0xFFFF), clocks=st.sampled_from([40, 50, 64]))
    def write_phy(self, address: int, value: int, clocks: int) -> None:
        self._clock_phy("1" * 32 + f"0101{1:05b}{address:05b}10{value:016b}", clocks)

    def _clock_phy(self, bits: str, most: int) -> None:
        for bit in bits[:most]:
            data = _MDO if bit == "1" else 0
            for clock in (0, _MDC):
                self.registers.write(_SERIAL, data | clock)

    def _ready(self) -> None:
        if self.registers.read(_MODE) & _RUNS != _RUNS:
            self.set_up(0x40, True, False)  # all addresses

    def _describe(self, data: bytes, flags: int) -> None:
        number = self.position % RING
        self.position += 1
        flags |= _END_OF_RING if number == RING - 1 else 0
        self.memory.write(self._sent(number), data)
        self.memory.write(
            self.sending + 16 * number,
            struct.pack("<IIII", _OWN, flags | len(data), self._sent(number), 0),
        )

    def _go(self) -> None:
        self.registers.write(_SEND_NOW, 1)
        self.settle()
        self._show_state()
        self._show_rings()

    def _show_state(self) -> None:
        for at in (_STATUS, _MODE, _RECEIVING, _SENDING, _MISSED):
            self.registers.show(at)

    def _eeprom_lines(self, select: bool, clock: bool, data: bool) -> None:
        self.registers.write(_SERIAL, 0x4800 | select | clock << 1 | data << 2)

    def _show_eeprom(self) -> None:
        self.registers.show(_SERIAL)
