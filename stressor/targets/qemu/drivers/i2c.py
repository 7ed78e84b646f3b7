"""I2C, driven as a master through the controllers of boards.

Sources: NXP UM10204, I2C-bus specification, section 3.1; ARM DUI 0224I, Versatile Application Baseboard
for ARM926EJ-S, section 4.17 (serial bus interface); Freescale IMX6DQRM, chapter 35.
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["I2cMaster", "ImxI2c", "VersatileI2c"]

_SLAVE = st.integers(0, 7)
_DATA = st.binary(min_size=1, max_size=4)
_COUNT = st.integers(1, 4)
_REGISTER = st.integers(0, 15)
_ABSENT = 0x23
_ADDRESSES = range(0x08, 0x78)


class I2cMaster(Driver):
    """A bus with one master. `slaves` are the addresses that were acknowledged.

    Start, bytes and stop are operations of their own, so that a save may lie within a transfer.
    """

    def __init__(self) -> None:
        self.slaves: list[int] = []

    def learn(self) -> bool:
        self.set_up()
        for address in _ADDRESSES:
            self.start(address, False)
            if self.acknowledged():
                self.slaves.append(address)
            self.stop()
        return bool(self.slaves)

    def set_up(self) -> None:
        """Make the controller a master, whatever it was before."""

    def start(self, address: int, reading: bool) -> None:
        """Send a start condition, or a repeated one, and the address."""
        raise NotImplementedError

    def acknowledged(self) -> bool:
        """Return whether the last byte was, and show it."""
        raise NotImplementedError

    def put(self, byte: int) -> None:
        """Send a byte."""
        raise NotImplementedError

    def take(self, last: bool) -> None:
        """Show a byte that the slave sends; the last one is not acknowledged."""
        raise NotImplementedError

    def stop(self) -> None:
        """Send a stop condition."""
        raise NotImplementedError

    def _address(self, slave: int) -> int:
        return self.slaves[slave % len(self.slaves)] if self.slaves else _ABSENT

    @operation(slave=_SLAVE, reading=st.booleans())
    def begin(self, slave: int, reading: bool) -> bool:
        self.set_up()
        self.start(self._address(slave), reading)
        return self.acknowledged()

    @operation(data=_DATA)
    def send(self, data: bytes) -> bool:
        for byte in data:
            self.put(byte)
        return self.acknowledged()

    @operation(count=_COUNT)
    def receive(self, count: int) -> None:
        for _ in range(count):
            self.take(last=False)

    @operation
    def end(self) -> None:
        self.stop()

    @operation(slave=_SLAVE, register=_REGISTER, data=_DATA)
    def write_register(self, slave: int, register: int, data: bytes) -> bool:
        self.begin(slave, False)
        acknowledged = self.send(bytes([register]) + data)
        self.stop()
        return acknowledged

    @operation(slave=_SLAVE, register=_REGISTER, count=_COUNT)
    def read_register(self, slave: int, register: int, count: int) -> None:
        self.begin(slave, False)
        self.put(register)
        self.start(self._address(slave), True)
        if self.acknowledged():
            for index in range(count):
                self.take(last=index == count - 1)
        self.stop()


class VersatileI2c(I2cMaster):
    """Two lines that software pulls: bit 0 is the clock, bit 1 the data."""

    region = "arm_sbcon_i2c"
    names = {0: "lines"}

    def __init__(self) -> None:
        super().__init__()
        self.answered = False

    def _lines(self, clock: bool | None = None, data: bool | None = None) -> None:
        for bit, level in ((2, data), (1, clock)):
            if level is not None:
                self.registers.write(0 if level else 4, bit)

    def _bits(self, byte: int, first: int, last: int) -> None:
        for index in range(first, last):
            self._lines(data=bool(byte << index & 0x80))
            self._lines(clock=True)
            self._lines(clock=False)

    def start(self, address: int, reading: bool) -> None:
        self._lines(clock=False)  # so that a repeated start is no stop
        self._lines(clock=True, data=True)
        self._lines(data=False)
        self._lines(clock=False)
        self.put(address << 1 | reading)

    def put(self, byte: int) -> None:
        self._bits(byte, 0, 8)
        self._lines(clock=True, data=True)
        self.answered = not self.registers.read(0) & 2
        self._lines(clock=False)

    def acknowledged(self) -> bool:
        return self.answered

    def take(self, last: bool) -> None:
        self._lines(data=True)
        self._clock_in(8)
        self._lines(data=last)
        self._lines(clock=True)
        self._lines(clock=False)

    def stop(self) -> None:
        self._lines(clock=False, data=False)
        self._lines(clock=True)
        self._lines(data=True)

    def _clock_in(self, count: int) -> None:
        for _ in range(count):
            self._lines(clock=True)
            self.registers.show(0)
            self._lines(clock=False)

    @operation(byte=st.integers(0, 255), split=st.integers(0, 8), second=st.booleans())
    def part_of_byte(self, byte: int, split: int, second: bool) -> None:
        """The bits of a byte before `split`, or those from there on."""
        self._bits(byte, *((split, 8) if second else (0, split)))

    @operation(count=st.integers(1, 9))
    def clock_in(self, count: int) -> None:
        self._lines(data=True)
        self._clock_in(count)

    @operation(clock=st.booleans(), data=st.booleans())
    def pull(self, clock: bool, data: bool) -> None:
        self._lines(clock, data)
        self.registers.show(0)


_IADR, _IFDR, _I2CR, _I2SR, _I2DR = 0x00, 0x04, 0x08, 0x0C, 0x10
_IEN, _MSTA, _MTX, _TXAK, _RSTA = 0x80, 0x20, 0x10, 0x08, 0x04
_IBB, _RXAK = 0x20, 0x01


class ImxI2c(I2cMaster):
    """The controller of i.MX processors. A read of the data register asks for the next byte."""

    region = "imx.i2c"
    names = {_I2CR: "control", _I2SR: "status", _I2DR: "data"}

    def set_up(self) -> None:
        self._write(_IFDR, 0x15)

    def start(self, address: int, reading: bool) -> None:
        if self.registers.read(_I2SR, 2) & _IBB:
            self._write(_I2CR, _IEN | _MSTA | _MTX | _RSTA)
        else:
            self._write(_I2CR, _IEN)
            self._write(_I2CR, _IEN | _MSTA | _MTX)
        self.put(address << 1 | reading)
        if reading:
            self.registers.show(_I2SR, 2)
            self._write(_I2CR, _IEN | _MSTA)
            self.registers.show(_I2DR, 2)  # what it gives is no byte yet

    def put(self, byte: int) -> None:
        self._write(_I2DR, byte)
        self._write(_I2SR, 0)

    def acknowledged(self) -> bool:
        return not self.registers.read(_I2SR, 2) & _RXAK

    def take(self, last: bool) -> None:
        self._write(_I2CR, _IEN | _MSTA | (_TXAK if last else 0))
        self.registers.show(_I2DR, 2)

    def stop(self) -> None:
        self._write(_I2CR, _IEN)
        self.registers.show(_I2SR, 2)

    def _write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value, 2)
