"""Serial lines.

Sources: ARM DDI 0183G, PrimeCell UART (PL011), chapter 3; National Semiconductor, PC16550D, section 8.
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["Pl011", "Uart16550"]

_DR, _FR, _IBRD, _FBRD, _LCR_H, _CR, _IFLS, _IMSC, _RIS, _ICR = (
    0x00, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x44,
)  # fmt: skip
_ENABLED = 0x301  # UART, transmitter and receiver
_LOOPBACK = 0x80
_TEXT = st.binary(min_size=1, max_size=20)


class Pl011(Driver):
    """The UART of Arm boards."""

    region = "pl011"
    names = {_DR: "data", _FR: "flags", _RIS: "raw interrupts", _LCR_H: "line control", _CR: "control"}

    @operation(divisor=st.integers(1, 0xFFFF), fraction=st.integers(0, 63), fifo=st.booleans())
    def set_up(self, divisor: int, fraction: int, fifo: bool) -> None:
        self.registers.write(_CR, 0)
        self.registers.write(_IBRD, divisor)
        self.registers.write(_FBRD, fraction)
        self.registers.write(_LCR_H, 0x60 | (0x10 if fifo else 0))
        self.registers.write(_CR, _ENABLED)

    @operation(mask=st.integers(0, 0x7FF), levels=st.integers(0, 0x3F))
    def enable_interrupts(self, mask: int, levels: int) -> None:
        self.registers.write(_IFLS, levels)
        self.registers.write(_IMSC, mask)
        self.registers.show(_RIS)

    @operation(data=_TEXT)
    def send(self, data: bytes) -> None:
        for byte in data:
            self.registers.write(_DR, byte)
        self.settle()
        self.registers.show(_FR)
        self.registers.show(_RIS)

    @operation(data=_TEXT)
    def loop_back(self, data: bytes) -> None:
        self.registers.write(_CR, _ENABLED | _LOOPBACK)
        for byte in data:
            self.registers.write(_DR, byte)
        self.settle()
        self.registers.show(_FR)
        self.registers.show(_RIS)

    @operation(count=st.integers(1, 17))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_FR)
            self.registers.show(_DR)
        self.registers.write(_ICR, 0x7FF)


class Uart16550(Driver):
    """The UART of the PC, at ports."""

    region = "serial"
    names = {0: "data", 1: "ier", 2: "iir", 5: "lsr", 6: "msr"}

    @operation(divisor=st.integers(1, 0xFFFF), format=st.integers(0, 0x3F), fifo=st.integers(0, 3))
    def set_up(self, divisor: int, format: int, fifo: int) -> None:
        self._write(3, 0x80 | format)
        self._write(0, divisor)
        self._write(1, divisor >> 8)
        self._write(3, format)
        self._write(2, fifo << 6 | 1)

    @operation(data=_TEXT, enabled=st.integers(0, 15))
    def loop_back(self, data: bytes, enabled: int) -> None:
        self._write(4, 0x1B)
        self._write(1, enabled)
        for byte in data:
            self._write(0, byte)
        self.settle()
        self.registers.show(2, 1)
        self.registers.show(5, 1)

    @operation(count=st.integers(1, 17))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(5, 1)
            self.registers.show(0, 1)

    @operation(lines=st.integers(0, 31))
    def set_lines(self, lines: int) -> None:
        self._write(4, lines)
        self.registers.show(6, 1)

    def _write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value, 1)
