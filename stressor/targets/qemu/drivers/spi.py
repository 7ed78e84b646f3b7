"""SPI ports without anything at the other end: what they send comes back to them.

Source: ARM DDI 0194G, PrimeCell Synchronous Serial Port (PL022), chapter 3.
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["Pl022"]

_CR0, _CR1, _DR, _SR, _CPSR, _IMSC, _RIS, _MIS, _ICR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20
_LOOPBACK, _ENABLED = 0x1, 0x2


class Pl022(Driver):
    """A port with two FIFOs of eight words; while it is disabled the transmitter's fills."""

    region = "pl022"
    names = {_CR0: "control 0", _CR1: "control 1", _DR: "data", _SR: "status", _RIS: "raw interrupts"}

    @operation(bits=st.integers(4, 16), divisor=st.integers(1, 127), interrupts=st.integers(0, 15))
    def set_up(self, bits: int, divisor: int, interrupts: int) -> None:
        self.registers.write(_CR1, 0)
        self.registers.write(_CR0, bits - 1)
        self.registers.write(_CPSR, 2 * divisor)
        self.registers.write(_IMSC, interrupts)

    @operation(words=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=9))
    def fill(self, words: list[int]) -> None:
        """Put words into the transmitter's FIFO, and do not send them."""
        self.registers.write(_CR1, 0)
        for word in words:
            self.registers.write(_DR, word)
        self._show()

    @operation(loopback=st.booleans())
    def enable(self, loopback: bool) -> None:
        self.registers.write(_CR1, _ENABLED | (_LOOPBACK if loopback else 0))
        self._show()

    @operation(words=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=9))
    def loop_back(self, words: list[int]) -> None:
        self.registers.write(_CR1, _ENABLED | _LOOPBACK)
        for word in words:
            self.registers.write(_DR, word)
        self._show()

    @operation(count=st.integers(1, 9))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_DR)
        self._show()

    @operation(which=st.integers(0, 3))
    def clear_interrupts(self, which: int) -> None:
        self.registers.write(_ICR, which)
        self._show()

    def _show(self) -> None:
        for offset in (_SR, _RIS, _MIS):
            self.registers.show(offset)
