"""AMD's PCnet card.

Source: AMD 19436, Am79C970A PCnet-PCI II, sections 'Control and Status Registers', 'Bus
Configuration Registers', 'Initialization Block' and 'Descriptors' (software style 2).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import BUFFER, RING, Card
from stressor.targets.qemu.drivers.network.frames import ADDRESS, FRAMES, PARTS, pieces

__all__ = ["Pcnet"]

_RDP, _RAP, _RESET, _BDP = 0x10, 0x12, 0x14, 0x16
_OWN, _START, _END = 1 << 31, 1 << 25, 1 << 24
_LOOP, _INTERNAL, _PROMISCUOUS = 0x0004, 0x0040, 0x8000
_DEMAND, _RUN, _INIT, _STOP, _INTERRUPTS = 0x0008, 0x0002, 0x0001, 0x0004, 0x0040


class Pcnet(Card):
    """Registers behind an address port, 16 bits wide; descriptors of 32 bits."""

    region = "pcnet-io"
    names = {_RDP: "control and status", _RAP: "address", _BDP: "bus configuration"}

    def __init__(self) -> None:
        super().__init__()
        self.block = self.allocate(64, 64)
        self.position = 0

    @operation(mode=st.sampled_from([0, _PROMISCUOUS]), looped=st.booleans(), start=st.booleans())
    def set_up(self, mode: int, looped: bool, start: bool) -> None:
        """The initialization block; with `start` the card is started as well."""
        self._set(0, _STOP)
        self._configure(20, 2)
        mode |= _LOOP | _INTERNAL if looped else 0
        self.memory.write(self.block, struct.pack(
            "<HBB6sH8sII", mode, 3 << 4, 3 << 4, ADDRESS, 0, bytes([255] * 8), self.receiving, self.sending
        ))  # fmt: skip
        for number in range(RING):
            self.memory.write(self.receiving + 16 * number, struct.pack(
                "<IIII", self._received(number), _OWN | -BUFFER & 0xFFFF, 0, 0
            ))  # fmt: skip
        self.memory.fill(self.sending, 16 * RING)
        self.position = 0
        self._set(1, self.block & 0xFFFF)
        self._set(2, self.block >> 16)
        self._set(0, _INIT)
        self._show(0)
        if start:
            self._set(0, _RUN | _INTERRUPTS)
            self._show(0)

    @operation(frame=FRAMES, count=st.integers(1, 3), part=PARTS)
    def send(self, frame: bytes, count: int, part: str) -> None:
        self.registers.write(_RAP, 0, 2)
        if self.registers.read(_RDP, 2) & 0x30 != 0x30:  # transmitter and receiver on
            self.set_up(0, True, True)
        for data, first, last in pieces(frame, count, part):
            number = self.position % RING
            flags = _OWN | (_START if first else 0) | (_END if last else 0)
            self.memory.write(self._sent(number), data)
            self.memory.write(self.sending + 16 * number, struct.pack(
                "<IIII", self._sent(number), flags | -len(data) & 0xFFFF, 0, 0
            ))  # fmt: skip
            self.position += 1
        self.demand()

    @operation
    def demand(self) -> None:
        """Have the card look at its transmit ring."""
        self._set(0, _DEMAND | _INTERRUPTS)
        self.settle()
        self._show(0)
        self._show_rings()

    @operation
    def return_buffers(self) -> None:
        for number in range(RING):
            self.memory.write(self.receiving + 16 * number, struct.pack(
                "<IIII", self._received(number), _OWN | -BUFFER & 0xFFFF, 0, 0
            ))  # fmt: skip

    @operation(bits=st.integers(0, 0xFFFF))
    def acknowledge_interrupts(self, bits: int) -> None:
        self._set(0, bits & 0xFF40)
        self._show(0)

    @operation(bits=st.sampled_from([_STOP, _RUN, _INIT, _RUN | _INTERRUPTS, _INIT | _RUN]))
    def control(self, bits: int) -> None:
        self._set(0, bits)
        self._show(0)

    @operation(
        number=st.sampled_from([3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 46, 47, 49, 58, 76, 78, 112]),
        value=st.integers(0, 0xFFFF),
    )  # fmt: skip
    def write_register(self, number: int, value: int) -> None:
        self._set(number, value)
        self._show(number)

    @operation(number=st.sampled_from([2, 4, 5, 6, 7, 9, 16, 17, 18, 19, 20, 22, 32, 33, 34]), value=st.integers(0, 0xFFFF))
    def write_bus_register(self, number: int, value: int) -> None:
        self._configure(number, value)
        self.registers.show(_BDP, 2)

    @operation(first=st.integers(0, 110))
    def show_registers(self, first: int) -> None:
        for number in range(first, first + 12):
            self._show(number)

    @operation(address=st.integers(0, 127))
    def select_register(self, address: int) -> None:
        self.registers.write(_RAP, address, 2)

    @operation
    def show_selected(self) -> None:
        self.registers.show(_RAP, 2)
        self.registers.show(_RDP, 2)

    @operation
    def reset(self) -> None:
        self.registers.show(_RESET, 2)
        self._show(0)

    def _set(self, number: int, value: int) -> None:
        self.registers.write(_RAP, number, 2)
        self.registers.write(_RDP, value, 2)

    def _show(self, number: int) -> None:
        self.registers.write(_RAP, number, 2)
        self.registers.show(_RDP, 2)

    def _configure(self, number: int, value: int) -> None:
        self.registers.write(_RAP, number, 2)
        self.registers.write(_BDP, value, 2)
