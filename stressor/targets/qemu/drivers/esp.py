"""SCSI adapters with an NCR 53C9x core on PCI: one command from phase to phase, or in one go.

Sources: AMD, Am53C974A PCscsi II technical manual, chapter 4 (SCSI block: registers and commands)
and 5 (DMA engine); NCR 53C94/95/96 data manual, chapter 5 (commands).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.command_blocks import (
    COMMAND_BLOCKS,
    DISC_BLOCK,
    DISK_BLOCK,
    data_length,
)

__all__ = ["Am53C974"]

_COUNT_LOW, _COUNT_MIDDLE, _FIFO, _COMMAND, _STATUS, _INTERRUPT, _STEP, _FLAGS, _COUNT_HIGH = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x38,
)  # fmt: skip
_CONTROL_1, _CLOCK, _CONTROL_2, _CONTROL_3, _CONTROL_4 = 0x20, 0x24, 0x2C, 0x30, 0x34
_DMA_COMMAND, _DMA_COUNT, _DMA_ADDRESS, _DMA_LEFT, _DMA_AT, _DMA_STATUS = (
    0x40,
    0x44,
    0x48,
    0x4C,
    0x50,
    0x54,
)
_CLEAR_FIFO, _RESET, _RESET_BUS, _TRANSFER, _COMPLETE, _ACCEPT, _PAD, _SET_ATTENTION = (
    0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x18, 0x1A,
)  # fmt: skip
_BY_DMA = 0x80
_START, _TO_MEMORY = 0x03, 0x80
_DATA_OUT, _DATA_IN, _COMMAND_PHASE, _STATUS_PHASE, _MESSAGE_OUT, _MESSAGE_IN = 0, 1, 2, 3, 6, 7
_SELECTIONS: Final = {
    "without attention": 0x41,
    "with attention": 0x42,
    "and stop": 0x43,
    "three": 0x46,
}
_BUFFER: Final = 16384

_TARGETS: Final = st.sampled_from([0, 0, 1, 1, 5])
_BYTES: Final = st.sampled_from([1, 2, 3, 8, 15, 16, 36, 100, 512])


class Am53C974(Driver):
    """One adapter. A save point may lie behind each phase, and between the bytes of one."""

    region = "esp-io"
    names = {
        _FIFO: "FIFO", _COMMAND: "command", _STATUS: "status", _INTERRUPT: "interrupt", _STEP: "internal state",
        _FLAGS: "FIFO flags", _COUNT_LOW: "count, low", _COUNT_MIDDLE: "count, middle",
        _DMA_COMMAND: "DMA command", _DMA_LEFT: "DMA bytes left", _DMA_AT: "DMA address", _DMA_STATUS: "DMA status",
    }  # fmt: skip
    weights = {"select": 4, "execute": 2, "transfer": 3, "complete": 2, "reset": 0.5, "start": 0.5}

    def __init__(self) -> None:
        self.buffer = self.allocate(_BUFFER)
        self.block = self.allocate(64, 64)

    @operation(
        enhanced=st.booleans(), clock=st.integers(0, 7), control=st.sampled_from([0x07, 0x47])
    )
    def start(self, enhanced: bool, clock: int, control: int) -> None:
        for command in (_RESET, 0, _CLEAR_FIFO):
            self._write(_COMMAND, command)
        self._write(_CONTROL_1, control)
        self._write(_CLOCK, clock)
        self._write(_CONTROL_2, 0x40 if enhanced else 0)
        self._write(_CONTROL_3, 0x18)
        self._write(_CONTROL_4, 0)
        self._show()

    @operation(
        target=_TARGETS,
        command=COMMAND_BLOCKS,
        way=st.sampled_from(sorted(_SELECTIONS)),
        dma=st.booleans(),
    )
    def select(self, target: int, command: bytes, way: str, dma: bool) -> None:
        """Select a target and send it a command block: section 4.6.3."""
        self._select(target, command, way, dma)

    @operation(target=_TARGETS, command=COMMAND_BLOCKS, dma=st.booleans())
    def execute(self, target: int, command: bytes, dma: bool) -> None:
        """Take a command through all of its phases."""
        self._select(target, command, "with attention", dma)
        length = min(data_length(command, DISC_BLOCK if target == 1 else DISK_BLOCK), _BUFFER)
        for _ in range(3):
            phase = self.registers.read(_STATUS, 1) & 7
            if phase in (_DATA_IN, _DATA_OUT) and length:
                by_dma = dma or length > 64
                self._transfer(phase == _DATA_IN, length, by_dma)
                length = 0
            elif phase == _STATUS_PHASE:
                self._complete()
            elif phase == _MESSAGE_IN:
                self._write(_COMMAND, _ACCEPT)
                self._show()

    @operation(to_host=st.booleans(), count=_BYTES, dma=st.booleans())
    def transfer(self, to_host: bool, count: int, dma: bool) -> None:
        """Transfer some bytes of the phase that the target is in."""
        self._transfer(to_host, count, dma)

    @operation
    def complete(self) -> None:
        """Take status and message, and leave the message to be accepted."""
        self._complete()

    @operation
    def accept_message(self) -> None:
        self._write(_COMMAND, _ACCEPT)
        self._show()

    @operation(data=st.binary(min_size=1, max_size=17))
    def fill_fifo(self, data: bytes) -> None:
        for byte in data:
            self._write(_FIFO, byte)
        self.registers.show(_FLAGS, 1)

    @operation(count=st.integers(1, 17))
    def drain_fifo(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_FIFO, 1)
        self.registers.show(_FLAGS, 1)

    @operation(
        command=st.sampled_from(
            [0x00, _CLEAR_FIFO, _SET_ATTENTION, 0x1B, 0x44, 0x45, 0x90, _PAD, 0x98, _TRANSFER]
        )
    )
    def command(self, command: int) -> None:
        self._write(_COMMAND, command)
        self.settle()
        self._show()

    @operation(reset=st.sampled_from([_RESET, _RESET_BUS]))
    def reset(self, reset: int) -> None:
        self._write(_COMMAND, reset)
        self.settle()
        self._show()

    @operation(count=_BYTES)
    def load_count(self, count: int) -> None:
        """Write the transfer counter, which the next DMA command loads."""
        self._count(count)

    @operation(command=st.sampled_from([0x00, 0x01, 0x02, 0x80, 0x60]))
    def control_dma(self, command: int) -> None:
        self.registers.write(_DMA_COMMAND, command)
        self.settle()
        self._show()

    def _select(self, target: int, command: bytes, way: str, dma: bool) -> None:
        messages = {"without attention": b"", "three": bytes([0xC0, 0x20, 0])}.get(
            way, bytes([0x80])
        )
        data = messages + command
        self._write(_COMMAND, _CLEAR_FIFO)
        self._write(_STATUS, target)  # the destination, when written
        self._write(_INTERRUPT, 0x99)  # the timeout, when written
        if dma:
            self.memory.write(self.block, data)
            self._program(self.block, len(data), to_memory=False)
        else:
            for byte in data:
                self._write(_FIFO, byte)
        self._write(_COMMAND, _SELECTIONS[way] | (_BY_DMA if dma else 0))
        self.settle()
        self._show()

    def _transfer(self, to_host: bool, count: int, dma: bool) -> None:
        if dma:
            if to_host:
                self.memory.fill(self.buffer, 512, 0xA5)
            self._program(self.buffer, count, to_memory=to_host)
            self._write(_COMMAND, _TRANSFER | _BY_DMA)
            self.settle()
            self.memory.show(self.buffer, 512, "transferred data")
        else:
            self._write(_COMMAND, _CLEAR_FIFO)
            for byte in range(0 if to_host else min(count, 16)):
                self._write(_FIFO, byte)
            self._write(_COMMAND, _TRANSFER)
            self.settle()
            for _ in range(min(count, 16) if to_host else 0):
                self.registers.show(_FIFO, 1)
        self._show()

    def _complete(self) -> None:
        self._write(_COMMAND, _COMPLETE)
        self.settle()
        for _ in range(2):
            self.registers.show(_FIFO, 1)
        self._show()

    def _program(self, address: int, count: int, *, to_memory: bool) -> None:
        self._count(count)
        direction = _TO_MEMORY if to_memory else 0
        self.registers.write(_DMA_COMMAND, direction)
        self.registers.write(_DMA_COUNT, count)
        self.registers.write(_DMA_ADDRESS, address)
        self.registers.write(_DMA_COMMAND, direction | _START)

    def _count(self, count: int) -> None:
        for register, shift in ((_COUNT_LOW, 0), (_COUNT_MIDDLE, 8), (_COUNT_HIGH, 16)):
            self._write(register, count >> shift)

    def _write(self, register: int, value: int) -> None:
        self.registers.write(register, value & 0xFF, 1)

    def _show(self) -> None:
        for register in (_STATUS, _STEP, _FLAGS, _COUNT_LOW, _COUNT_MIDDLE):
            self.registers.show(register, 1)
        for register in (_DMA_COMMAND, _DMA_LEFT, _DMA_AT, _DMA_STATUS):
            self.registers.show(register)
        self.registers.show(_INTERRUPT, 1)  # reading takes it back
