"""I2C, driven as a master through the controllers of boards.

Sources: NXP UM10204, I2C-bus specification, section 3.1; ARM DUI 0224I, Versatile Application Baseboard
for ARM926EJ-S, section 4.17 (serial bus interface); Freescale IMX6DQRM, chapter 35; ASPEED AST2500
datasheet, chapter "I2C Controller"; Nuvoton NPCM750 datasheet, chapter "SMBus".
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.regions import Region

__all__ = ["AspeedI2c", "I2cMaster", "ImxI2c", "NpcmSmbus", "VersatileI2c"]

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


_FUNCTION, _INTERRUPTS, _STATUS, _COMMAND, _POOL, _BUFFER, _DMA, _LENGTH = (
    0x00, 0x0C, 0x10, 0x14, 0x1C, 0x20, 0x24, 0x28,
)  # fmt: skip
_START, _TRANSMIT, _TAKE, _TAKE_LAST, _STOP = 0x01, 0x02, 0x08, 0x10, 0x20
_ACKNOWLEDGED, _ALL = 0x01, 0x7F


class AspeedI2c(I2cMaster):
    """One of the buses of an Aspeed AST2400 or AST2500."""

    region = "aspeed.i2c.bus.*"
    others = {"all buses": "aspeed.i2c", "pool": "aspeed.i2c-pool"}
    names = {_INTERRUPTS: "interrupts enabled", _STATUS: "status", _COMMAND: "command", _BUFFER: "byte buffer"}

    def __init__(self) -> None:
        super().__init__()
        self.memory_buffer = self.allocate(64, 64)
        self.slot = 0
        self.has_dma = False

    def learn(self) -> bool:
        self.registers.write(_DMA, 0x40)
        self.has_dma = self.registers.read(_DMA) & 0xFF == 0x40
        if self.has_dma:  # AST2500: a slot of 16 bytes for each bus; AST2400: pages for all
            self.slot = 16 * int(self.registers.name.rpartition(".")[2])
        return super().learn()

    def set_up(self) -> None:
        self.registers.write(_FUNCTION, 1)
        self.registers.write(_INTERRUPTS, _ALL)

    def start(self, address: int, reading: bool) -> None:
        self._byte(address << 1 | reading, _START | _TRANSMIT)

    def put(self, byte: int) -> None:
        self._byte(byte, _TRANSMIT)

    def _byte(self, byte: int, command: int) -> None:
        self.registers.write(_STATUS, 0xFFFF_FFFF)
        self.registers.write(_BUFFER, byte)
        self.registers.write(_COMMAND, command)

    def acknowledged(self) -> bool:
        return bool(self.registers.read(_STATUS) & _ACKNOWLEDGED)

    def take(self, last: bool) -> None:
        self.registers.write(_STATUS, 0xFFFF_FFFF)
        self.registers.write(_COMMAND, _TAKE | (_TAKE_LAST if last else 0))
        self.registers.show(_STATUS)
        self.registers.show(_BUFFER)

    def stop(self) -> None:
        self.registers.write(_COMMAND, _STOP)
        self.registers.show(_STATUS)

    @operation(data=st.binary(min_size=1, max_size=16), stop=st.booleans(), go=st.booleans())
    def send_buffer(self, data: bytes, stop: bool, go: bool) -> None:
        """Put bytes into the pool, and only when `go` says so send them, behind `begin`."""
        self.set_up()
        self._enable_pool()
        for index, byte in enumerate(data):
            self.other["pool"].write(self.slot + index, byte, 1)
        self.registers.write(_POOL, len(data) - 1 << 8)
        if go:
            self.registers.write(_STATUS, 0xFFFF_FFFF)
            self.registers.write(_COMMAND, 0x40 | _TRANSMIT | (_STOP if stop else 0))
        self._show_all()

    @operation(count=st.integers(1, 16), last=st.booleans())
    def receive_buffer(self, count: int, last: bool) -> None:
        self.set_up()
        self._enable_pool()
        self.registers.write(_STATUS, 0xFFFF_FFFF)
        self.registers.write(_POOL, count - 1 << 16)
        self.registers.write(_COMMAND, 0x80 | _TAKE | (_TAKE_LAST if last else 0))
        self._show_all()
        for index in range(count):
            self.other["pool"].show(self.slot + index, 1)

    @operation(data=st.binary(min_size=1, max_size=16), stop=st.booleans())
    def send_from_memory(self, data: bytes, stop: bool) -> None:
        if not self.has_dma:
            return
        self.set_up()
        self._enable_pool()  # DMA goes through it
        self.memory.write(self.memory_buffer, data)
        self.registers.write(_STATUS, 0xFFFF_FFFF)
        self.registers.write(_DMA, self.memory_buffer)
        self.registers.write(_LENGTH, len(data))
        self.registers.write(_COMMAND, 0x100 | _TRANSMIT | (_STOP if stop else 0))
        self._show_all()

    @operation(count=st.integers(1, 16), last=st.booleans())
    def receive_into_memory(self, count: int, last: bool) -> None:
        if not self.has_dma:
            return
        self.set_up()
        self._enable_pool()
        self.registers.write(_STATUS, 0xFFFF_FFFF)
        self.registers.write(_DMA, self.memory_buffer)
        self.registers.write(_LENGTH, count)
        self.registers.write(_COMMAND, 0x200 | _TAKE | (_TAKE_LAST if last else 0))
        self._show_all()
        self.memory.show(self.memory_buffer, 16, f"{self.registers.name} buffer in memory")

    def _enable_pool(self) -> None:
        self.other["all buses"].write(0x0C, 1)

    def _show_all(self) -> None:
        for offset in (_STATUS, _COMMAND, _POOL, _DMA, _LENGTH):
            self.registers.show(offset)


_SDA, _ST, _CST, _CTL1, _CTL2, _CTL3 = 0x00, 0x02, 0x04, 0x06, 0x0A, 0x0E
_FIF_CTS, _TXF_CTL, _TXF_STS, _RXF_STS, _FIF_CTL, _RXF_CTL = 0x10, 0x12, 0x1A, 0x1C, 0x1D, 0x1E
_NEGATIVE, _SMBUS_START, _SMBUS_STOP, _NO_ACK, _INTERRUPT = 0x10, 0x01, 0x02, 0x10, 0x04
_BANK = 0x20


class NpcmSmbus(I2cMaster):
    """One of the sixteen buses of an NPCM7xx, with and without its FIFO."""

    region = "regs"
    names = {_SDA: "data", _ST: "status", _CST: "control status", _CTL1: "control 1", _CTL3: "control 3"}

    @classmethod
    def fits(cls, region: Region) -> bool:
        return 0xF008_0000 <= region.base < 0xF009_0000

    def set_up(self) -> None:
        self._write(_CTL2, 0x61)
        self._write(_ST, 0xFF)

    def start(self, address: int, reading: bool) -> None:
        self._write(_CTL1, _SMBUS_START | _INTERRUPT)
        self._write(_SDA, address << 1 | reading)

    def put(self, byte: int) -> None:
        self._write(_SDA, byte)

    def acknowledged(self) -> bool:
        answered = not self.registers.read(_ST, 1) & _NEGATIVE
        self._write(_ST, _NEGATIVE)
        return answered

    def take(self, last: bool) -> None:
        if last:
            self._write(_CTL1, _NO_ACK | _SMBUS_STOP | _INTERRUPT)
        self.registers.show(_ST, 1)
        self.registers.show(_SDA, 1)

    def stop(self) -> None:
        self._write(_CTL1, _SMBUS_STOP | _INTERRUPT)
        self.registers.show(_ST, 1)
        self._write(_ST, 0xFF)

    @operation(enabled=st.booleans(), bank=st.booleans(), threshold=st.integers(0, 16))
    def set_up_fifo(self, enabled: bool, bank: bool, threshold: int) -> None:
        self._write(_CTL3, 0)
        self._write(_FIF_CTL, enabled << 4)
        self._write(_CTL3, _BANK if bank else 0)
        if bank:
            self._write(_FIF_CTS, 0xC2)
            self._write(_RXF_CTL, threshold)
            self._write(_TXF_CTL, threshold)
        self._show_fifo()

    @operation
    def look_at_fifo(self) -> None:
        self._show_fifo()

    def _show_fifo(self) -> None:
        for offset in (_FIF_CTS, _TXF_STS, _RXF_STS, _ST):
            self.registers.show(offset, 1)

    def _write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value, 1)
