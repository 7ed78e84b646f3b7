"""Old parts of the PC, whose registers are given byte by byte: a save may lie between two of them.

Sources: Intel 231164, 8254 Programmable Interval Timer, pages 6 to 9; Intel 231468, 8259A Programmable
Interrupt Controller, pages 9 to 15; Intel 231466, 8237A High Performance Programmable DMA Controller,
pages 7 to 9; IBM PS/2 Hardware Interface Technical Reference, keyboard and auxiliary device controller.
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["I8042", "I8237", "PicPair", "Pit", "Pl050"]

_BYTE = st.integers(0, 255)
_STEPS = st.integers(1, 4)


class _ByteByByte(Driver):
    """A transaction is a list of writes; what is left of it after the first `steps` waits for `go_on`."""

    def __init__(self) -> None:
        self.rest: list[tuple[int, int]] = []

    def _send(self, writes: list[tuple[int, int]], steps: int) -> None:
        for offset, value in writes[:steps]:
            self.registers.write(offset, value, 1)
        self.rest = writes[steps:]

    @operation
    def go_on(self) -> None:
        self._send(self.rest, len(self.rest))


class Pit(_ByteByByte):
    """The 8254: three counters and a control word."""

    region = "pit"
    names = {0: "counter 0", 1: "counter 1", 2: "counter 2"}

    @operation(
        counter=st.integers(0, 2), access=st.integers(1, 3), mode=st.integers(0, 5), value=st.integers(0, 0xFFFF),
        steps=_STEPS,
    )  # fmt: skip
    def program(self, counter: int, access: int, mode: int, value: int, steps: int) -> None:
        bytes_ = {1: [value], 2: [value >> 8], 3: [value, value >> 8]}[access]
        writes = [(3, counter << 6 | access << 4 | mode << 1)] + [(counter, byte) for byte in bytes_]
        self._send(writes, steps)

    @operation(counter=st.integers(0, 2))
    def latch(self, counter: int) -> None:
        self.registers.write(3, counter << 6, 1)

    @operation(counters=st.integers(1, 7), status=st.booleans(), count=st.booleans())
    def read_back(self, counters: int, status: bool, count: bool) -> None:
        self.registers.write(3, 0xC0 | (not count) << 5 | (not status) << 4 | counters << 1, 1)

    @operation(counter=st.integers(0, 2), count=st.integers(1, 3))
    def read_bytes(self, counter: int, count: int) -> None:
        for _ in range(count):
            self.registers.show(counter, 1)


class PicPair(_ByteByByte):
    """One of the two 8259s: four words initialize it, and three more operate it."""

    region = "pic"

    @operation(first=st.sampled_from([0x10, 0x11, 0x13, 0x19]), base=_BYTE, fourth=st.integers(0, 31), steps=_STEPS)
    def initialize(self, first: int, base: int, fourth: int, steps: int) -> None:
        writes = [(0, first), (1, base)]
        if not first & 2:
            writes.append((1, 4))
        if first & 1:
            writes.append((1, fourth))
        self._send(writes, steps)

    @operation(mask=_BYTE)
    def mask(self, mask: int) -> None:
        self.registers.write(1, mask, 1)
        self.registers.show(1, 1)

    @operation(word=st.integers(0, 31))
    def operate(self, word: int) -> None:
        self.registers.write(0, word & 7 | (word & 0x18) << 2 | (word << 3 & 0x80), 1)
        self._show()

    @operation(word=st.sampled_from([0x08, 0x0A, 0x0B, 0x0C, 0x48, 0x68]))
    def select(self, word: int) -> None:
        self.registers.write(0, word, 1)
        self._show()

    def _show(self) -> None:
        self.registers.show(0, 1)
        self.registers.show(1, 1)


class I8237(Driver):
    """A DMA controller: addresses and counts go through one byte, the low half first."""

    region = "dma-chan"
    others = {"control": "dma-cont"}

    @operation
    def clear_flip_flop(self) -> None:
        self.other["control"].write(self._at(4), 0, 1)

    def _at(self, register: int) -> int:
        """The second controller's registers lie two bytes apart."""
        return register * (self.registers.size // 8)

    @operation(register=st.integers(0, 7), byte=_BYTE)
    def write_half(self, register: int, byte: int) -> None:
        self.registers.write(self._at(register), byte, 1)

    @operation(register=st.integers(0, 7), halves=st.integers(1, 3))
    def read_halves(self, register: int, halves: int) -> None:
        for _ in range(halves):
            self.registers.show(self._at(register), 1)

    @operation(channel=st.integers(0, 3), mode=st.integers(0, 63), masked=st.booleans(), requested=st.booleans())
    def set_up(self, channel: int, mode: int, masked: bool, requested: bool) -> None:
        control = self.other["control"]
        control.write(self._at(3), mode << 2 | channel, 1)
        control.write(self._at(2), masked << 2 | channel, 1)
        control.write(self._at(1), requested << 2 | channel, 1)
        control.show(self._at(0), 1)
        control.show(self._at(7), 1)


_KEYBOARD = (0xED, 0xEE, 0xF0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xFF)
_MOUSE = (0xE6, 0xE7, 0xE8, 0xE9, 0xEB, 0xEC, 0xEE, 0xF0, 0xF2, 0xF3, 0xF4, 0xF5, 0xFF)
_ARGUMENT = st.sampled_from([0, 1, 2, 3, 7, 10, 40, 80, 100, 200])


class I8042(Driver):
    """The keyboard controller; keyboard and mouse answer through one data register."""

    region = "i8042-cmd"
    others = {"data": "i8042-data"}
    names = {0: "status"}

    @operation(command=st.sampled_from([0x20, 0x60, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAD, 0xAE, 0xC0, 0xD0, 0xD2, 0xD3]))
    def command(self, command: int) -> None:
        self.registers.write(0, command, 1)
        self.registers.show(0, 1)

    @operation(byte=st.sampled_from([0x00, 0x01, 0x03, 0x43, 0x47, 0x55]))
    def give_data(self, byte: int) -> None:
        """What a command of the controller waits for; without one it goes to the keyboard."""
        self.other["data"].write(0, byte, 1)
        self.registers.show(0, 1)

    @operation(command=st.sampled_from(_KEYBOARD))
    def keyboard(self, command: int) -> None:
        self.other["data"].write(0, command, 1)
        self.registers.show(0, 1)

    @operation(argument=_ARGUMENT)
    def keyboard_argument(self, argument: int) -> None:
        self.other["data"].write(0, argument, 1)
        self.registers.show(0, 1)

    @operation(command=st.sampled_from(_MOUSE) | _ARGUMENT)
    def mouse(self, command: int) -> None:
        self.registers.write(0, 0xD4, 1)
        self.other["data"].write(0, command, 1)
        self.registers.show(0, 1)

    @operation(count=st.integers(1, 5))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(0, 1)
            self.other["data"].show(0, 1)


class Pl050(Driver):
    """A keyboard or a mouse of Arm boards. Source: ARM DDI 0143C, PrimeCell PS2 Interface, chapter 3."""

    region = "pl050"
    names = {0x00: "control", 0x04: "status", 0x08: "data", 0x10: "interrupts"}

    @operation(control=st.integers(0, 63))
    def set_up(self, control: int) -> None:
        self.registers.write(0x00, control | 4)
        self.registers.write(0x0C, 7)
        self._show()

    @operation(command=st.sampled_from(_KEYBOARD + _MOUSE) | _ARGUMENT)
    def send(self, command: int) -> None:
        self.registers.write(0x08, command)
        self._show()

    @operation(count=st.integers(1, 5))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(0x08)
            self._show()

    def _show(self) -> None:
        self.registers.show(0x04)
        self.registers.show(0x10)
