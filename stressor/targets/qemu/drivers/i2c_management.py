"""I2C through the controllers of chips that manage servers, with their buffers, FIFOs and DMA.

Sources: ASPEED AST2400 and AST2500 datasheets, chapter "I2C Controller"; Nuvoton NPCM750 datasheet,
chapter "SMBus".
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.i2c import I2cMaster
from stressor.targets.qemu.regions import Region

__all__ = ["AspeedI2c", "NpcmSmbus"]

_FUNCTION, _INTERRUPTS, _STATUS, _COMMAND, _POOL, _BUFFER, _DMA, _LENGTH = (
    0x00, 0x0C, 0x10, 0x14, 0x1C, 0x20, 0x24, 0x28,
)  # fmt: skip
_START, _TRANSMIT, _TAKE, _TAKE_LAST, _STOP = 0x01, 0x02, 0x08, 0x10, 0x20
_ACKNOWLEDGED, _ALL = 0x01, 0x7F


class AspeedI2c(I2cMaster):
    """One of the buses of an Aspeed AST2400 or AST2500."""

    region = "aspeed.i2c.bus.*"
    others = {"all buses": "aspeed.i2c"}
    names = {_INTERRUPTS: "interrupts enabled", _STATUS: "status", _COMMAND: "command", _BUFFER: "byte buffer"}

    @classmethod
    def fits(cls, region: Region) -> bool:
        return not region.name.endswith(".pool")  # newer QEMUs show the pool in pieces

    def __init__(self) -> None:
        super().__init__()
        self.memory_buffer = self.allocate(64, 64)
        self.pool = 0x800
        self.has_dma = False

    def learn(self) -> bool:
        self.registers.write(_DMA, 0x40)
        self.has_dma = self.registers.read(_DMA) & 0xFF == 0x40
        if self.has_dma:  # AST2500: a slot of 16 bytes for each bus; AST2400: pages for all
            self.pool = 0x200 + 16 * int(self.registers.name.rpartition(".")[2])
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
            self.other["all buses"].write(self.pool + index, byte, 1)
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
            self.other["all buses"].show(self.pool + index, 1)

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
