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

    @operation
    def look(self) -> None:
        for offset in (_FR, _IBRD, _FBRD, _LCR_H, _CR, _IFLS, _IMSC, _RIS):
            self.registers.show(offset)

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


_THR, _IER, _FCR, _LCR, _MCR, _LSR, _MSR, _SCR = range(8)
_REGISTERS = ("data", "ier", "iir", "lcr", "mcr", "lsr", "msr", "scr")
_LOOP = 0x10


class Uart16550(Driver):
    """The UART of the PC, at ports, and of boards, where its registers are four bytes apart."""

    region = "serial"

    def __init__(self) -> None:
        self.apart = 4 if self.registers.size > 8 else 1

    @operation(divisor=st.integers(1, 0xFFFF), format=st.integers(0, 0x7F), fifo=st.integers(0, 3))
    def set_up(self, divisor: int, format: int, fifo: int) -> None:
        self._write(_LCR, 0x80 | format)
        self._write(_THR, divisor)
        self._write(_IER, divisor >> 8)
        self._write(_LCR, format)
        self._write(_FCR, fifo << 6 | 1)

    @operation(divisor=st.integers(0, 0xFFFF), halves=st.integers(1, 2))
    def open_divisor(self, divisor: int, halves: int) -> None:
        """Make the divisor's bytes seen instead of data, and leave it so after the first or both."""
        self._write(_LCR, 0x83)
        self._write(_THR, divisor)
        if halves == 2:
            self._write(_IER, divisor >> 8)
        self._show(_THR, "divisor, low")
        self._show(_IER, "divisor, high")

    @operation
    def close_divisor(self) -> None:
        self._write(_LCR, 0x03)
        self._show(_IER)

    @operation(control=st.sampled_from([0x00, 0x01, 0x03, 0x05, 0x07, 0xC1, 0xC9]))
    def control_fifo(self, control: int) -> None:
        """Turn the FIFOs on or off, or clear them."""
        self._write(_FCR, control)
        self._show(_FCR)
        self._show(_LSR)

    @operation(data=_TEXT, enabled=st.integers(0, 15))
    def loop_back(self, data: bytes, enabled: int) -> None:
        """Receive what it sends; the FIFO holds 16 bytes."""
        self._write(_MCR, _LOOP | 0x0B)
        self._write(_IER, enabled)
        for byte in data:
            self._write(_THR, byte)
        self.settle()
        self._show(_FCR)
        self._show(_LSR)

    @operation(data=_TEXT, enabled=st.integers(0, 15))
    def send(self, data: bytes, enabled: int) -> None:
        self._write(_MCR, 0x0B)
        self._write(_IER, enabled)
        for byte in data:
            self._write(_THR, byte)
        self.settle()
        self._show(_FCR)
        self._show(_LSR)

    @operation(count=st.integers(1, 17))
    def receive(self, count: int) -> None:
        for _ in range(count):
            self._show(_LSR)
            self._show(_THR)

    @operation(lines=st.integers(0, 31))
    def set_lines(self, lines: int) -> None:
        """Set the modem control lines; looped back, they are the modem status, with what changed."""
        self._write(_MCR, lines)
        self._show(_MSR)

    @operation
    def look(self) -> None:
        for register in (_IER, _FCR, _LCR, _MCR, _SCR):
            self._show(register)

    def _write(self, register: int, value: int) -> None:
        self.registers.write(register * self.apart, value, 1)

    def _show(self, register: int, name: str = "") -> None:
        self.registers.show(register * self.apart, 1, name or _REGISTERS[register])
