"""The two IDE channels of a PC: data by ports and by bus master, all at once and in parts.

Sources: ATA/ATAPI-6, chapter 7 (registers), 8 (commands), 9 (protocols); SFF-8038i 1.0, chapters 2
and 3 (bus master registers and descriptors); Intel 82371SB (PIIX3), section 2.3 (where they are).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.command_blocks import COMMAND_BLOCKS, DISC_BLOCK, data_length

__all__ = ["PrimaryChannel", "SecondaryChannel"]

_DATA, _FEATURES, _COUNT, _LOW, _MIDDLE, _HIGH, _DEVICE, _COMMAND = range(8)
_BUS_COMMAND, _BUS_STATUS, _BUS_TABLE = 0, 2, 4
_START, _TO_MEMORY = 0x01, 0x08
_BUFFER: Final = 16384

_SECTORS: Final = st.sampled_from([0, 1, 255, 0x10000, 0x1FFFF, 0x20000])
_COUNTS: Final = st.sampled_from([1, 2, 3, 16])
_WORDS: Final = st.sampled_from([0, 1, 2, 127, 255, 256, 300])
_UNIT: Final = st.sampled_from([0, 0, 0, 1])
_PIECES: Final = st.sampled_from([1, 2, 3])
_WITHOUT_DATA: Final = [
    0x00,
    0x08,
    0x40,
    0x90,
    0x91,
    0xB0,
    0xC6,
    0xE0,
    0xE1,
    0xE5,
    0xE6,
    0xE7,
    0xEA,
    0xEF,
    0xF8,
    0x27,
]


class _Channel(Driver):
    """What both channels take. A transfer by ports stops after some words, and can be gone on with."""

    names = {
        _DATA: "data", _FEATURES: "error", _COUNT: "sector count", _LOW: "LBA low", _MIDDLE: "LBA middle",
        _HIGH: "LBA high", _DEVICE: "device", _COMMAND: "status",
    }  # fmt: skip
    weights = {
        "read": 3, "write": 3, "take": 2, "give": 2, "transfer": 3, "packet": 3, "control_channel": 0.5,
    }  # fmt: skip

    def __init__(self) -> None:
        self.buffer = self.allocate(_BUFFER)
        self.table = self.allocate(64, 64)

    @operation(unit=_UNIT, packet=st.booleans(), words=_WORDS)
    def identify(self, unit: int, packet: bool, words: int) -> None:
        self._command(0xA1 if packet else 0xEC, unit)
        self._take(words)

    @operation(
        command=st.sampled_from([0x20, 0xC4, 0x24, 0x29]),
        unit=_UNIT,
        sector=_SECTORS,
        count=_COUNTS,
        words=_WORDS,
    )
    def read(self, command: int, unit: int, sector: int, count: int, words: int) -> None:
        """Read by ports: READ SECTORS, READ MULTIPLE, and both extended."""
        self._command(command, unit, sector, count)
        self._take(words)

    @operation(
        command=st.sampled_from([0x30, 0xC5, 0x34, 0x39]),
        unit=_UNIT,
        sector=_SECTORS,
        count=_COUNTS,
        words=_WORDS,
    )
    def write(self, command: int, unit: int, sector: int, count: int, words: int) -> None:
        self._command(command, unit, sector, count)
        self._give(words)

    @operation(words=_WORDS)
    def take(self, words: int) -> None:
        """Read on where a transfer stopped."""
        self._take(words)

    @operation(words=_WORDS)
    def give(self, words: int) -> None:
        """Write on where a transfer stopped."""
        self._give(words)

    @operation(
        extended=st.booleans(),
        write=st.booleans(),
        unit=_UNIT,
        sector=_SECTORS,
        count=_COUNTS,
        pieces=_PIECES,
        start=st.booleans(),
    )
    def transfer(
        self,
        extended: bool,
        write: bool,
        unit: int,
        sector: int,
        count: int,
        pieces: int,
        start: bool,
    ) -> None:
        """Transfer by bus master; without `start` the drive waits for it."""
        command = (0x35 if extended else 0xCA) if write else (0x25 if extended else 0xC8)
        self._abandon()
        self._describe(min(count * 512, _BUFFER), pieces)
        self.other["bus_master"].write(_BUS_COMMAND, 0 if write else _TO_MEMORY, 1)
        self._command(command, unit, sector, count)
        if start:
            self._start(write)

    @operation(write=st.booleans())
    def start(self, write: bool) -> None:
        self._start(write)

    @operation
    def stop(self) -> None:
        self.other["bus_master"].write(_BUS_COMMAND, 0, 1)
        self.settle()
        self._show()

    @operation(
        command=COMMAND_BLOCKS,
        sent=st.sampled_from([0, 1, 5, 6, 6, 6]),
        dma=st.booleans(),
        limit=st.sampled_from([12, 512, 2048, 0xFFFE]),
        words=_WORDS,
    )
    def packet(self, command: bytes, sent: int, dma: bool, limit: int, words: int) -> None:
        """Send a packet command, or the first `sent` words of it."""
        self._abandon()
        if dma:
            self._describe(max(2, min(data_length(command, DISC_BLOCK), _BUFFER)), 1)
        self._write(_FEATURES, int(dma))
        self._write(_MIDDLE, limit)
        self._write(_HIGH, limit >> 8)
        self._write(_DEVICE, 0xA0)
        self._write(_COMMAND, 0xA0)
        self.settle()
        block = command.ljust(12, b"\0")
        for at in range(0, 2 * sent, 2):
            self.registers.write(_DATA, int.from_bytes(block[at : at + 2], "little"), 2)
        self.settle()
        if dma:
            self._start(False)
        else:
            self._take(words)

    @operation(
        command=st.sampled_from(_WITHOUT_DATA),
        features=st.sampled_from([0x02, 0x03, 0x82, 0x90, 0xD8, 0xDA]),
        unit=_UNIT,
        count=st.sampled_from([0, 1, 8, 16, 0x0C, 0x22, 0x45]),
    )
    def control(self, command: int, features: int, unit: int, count: int) -> None:
        """Send a command without data: set features, set multiple, seek, standby, ..."""
        self._write(_FEATURES, features)
        self._command(command, unit, 1, count)
        self._show()

    @operation(
        unit=_UNIT,
        register=st.sampled_from([_FEATURES, _COUNT, _LOW, _MIDDLE, _HIGH]),
        value=st.integers(0, 255),
    )
    def set_register(self, unit: int, register: int, value: int) -> None:
        """Write half of what a command needs."""
        self._write(_DEVICE, 0xE0 | unit << 4)
        self._write(register, value)

    @operation(silent=st.booleans(), reset=st.booleans(), earlier=st.booleans())
    def control_channel(self, silent: bool, reset: bool, earlier: bool) -> None:
        """Write device control: no interrupts, software reset, and which content registers show."""
        self.other["control"].write(0, 8 | silent << 1 | reset << 2 | earlier << 7, 1)
        self.settle()
        self._show()

    @operation
    def acknowledge(self) -> None:
        self.registers.show(_COMMAND, 1)
        self.other["bus_master"].write(_BUS_STATUS, 0x66, 1)
        self.other["bus_master"].show(_BUS_STATUS, 1)

    def _abandon(self) -> None:
        """Reset the channel when a transfer is unfinished: a drive takes no command until then."""
        if self.other["control"].read(0, 1) & 0x88:
            for control in (0x0C, 0x08):
                self.other["control"].write(0, control, 1)
                self.settle()
            self.other["bus_master"].write(_BUS_COMMAND, 0, 1)
            self.settle()

    def _command(self, command: int, unit: int, sector: int = 0, count: int = 0) -> None:
        self._abandon()
        if command in (
            0x24,
            0x25,
            0x29,
            0x34,
            0x35,
            0x39,
        ):  # 48 bits: what was written before counts too
            for register, value in (
                (_COUNT, count >> 8),
                (_LOW, sector >> 24),
                (_MIDDLE, 0),
                (_HIGH, 0),
            ):
                self._write(register, value)
        self._write(_COUNT, count)
        for register, shift in ((_LOW, 0), (_MIDDLE, 8), (_HIGH, 16)):
            self._write(register, sector >> shift)
        self._write(_DEVICE, 0xE0 | unit << 4 | sector >> 24 & 15)
        self._write(_COMMAND, command)
        self.settle()
        self.other["control"].show(0, 1)

    def _describe(self, length: int, pieces: int) -> None:
        """Write a table of descriptors for `length` bytes of the buffer."""
        size = max(2, length // pieces & ~1)
        starts = range(0, length, size)
        table = b""
        for start in starts:
            last = 0x80000000 if start + size >= length else 0
            table += (self.buffer + start).to_bytes(4, "little")
            table += (min(size, length - start) | last).to_bytes(4, "little")
        self.memory.write(self.table, table)
        self.memory.fill(self.buffer, length, 0xA5)
        self.other["bus_master"].write(_BUS_TABLE, self.table)
        self.other["bus_master"].write(_BUS_STATUS, 0x66, 1)

    def _start(self, write: bool) -> None:
        self.other["bus_master"].write(_BUS_COMMAND, _START | (0 if write else _TO_MEMORY), 1)
        self.settle()
        self.other["bus_master"].show(_BUS_COMMAND, 1)
        self.other["bus_master"].show(_BUS_STATUS, 1)
        self.memory.show(self.buffer, 512, "transferred data")
        self._show()

    def _take(self, words: int) -> None:
        for _ in range(words):
            self.registers.show(_DATA, 2)
        self.settle()
        self._show()

    def _give(self, words: int) -> None:
        for word in range(words):
            self.registers.write(_DATA, word, 2)
        self.settle()
        self._show()

    def _write(self, register: int, value: int) -> None:
        self.registers.write(register, value & 0xFF, 1)

    def _show(self) -> None:
        self.other["control"].show(0, 1)
        for register in (_FEATURES, _COUNT, _LOW, _MIDDLE, _HIGH, _DEVICE, _COMMAND):
            self.registers.show(register, 1)


class PrimaryChannel(_Channel):
    """The channel at port 0x1F0."""

    region = "ide#2"
    others = {"control": "ide#4", "bus_master": "piix-bmdma#1"}


class SecondaryChannel(_Channel):
    """The channel at port 0x170."""

    region = "ide#1"
    others = {"control": "ide#3", "bus_master": "piix-bmdma#2"}
