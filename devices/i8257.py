"""An 8237A DMA controller, and the two of a PC (which QEMU calls i8257) with their page registers.

Source: Intel, "8237A High Performance Programmable DMA Controller", order number 231466-005,
September 1993; names of registers and commands are that datasheet's. The page registers are those of
Intel's 82371FB (PIIX, order number 290550), 2.5.1. The saved state is QEMU's `dma` section, version
1, byte for byte; of the status register it knows nothing, so that travels in a subsection of our own,
and only while it is not 0.

Left out: memory-to-memory transfers, compressed timing, late and extended writes and the polarities
of DREQ and DACK, as a command that asks for one of them is refused by QEMU's; and verify transfers
move nothing.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Memory, Region, operation
from stressor.machine import Machine, part

__all__ = ["I8257", "Channel", "I8257Pair"]

MEMORY: Final = 0x10000
"""Bytes of the guest memory that a controller has alone; what is beyond answers nothing."""

# Command register
DISABLE, ROTATING = 0x04, 0x10
NOT_SUPPORTED: Final = 0xEB  # see above
# Mode register: what a transfer does, and how it goes on
TRANSFER, WRITE_TRANSFER, READ_TRANSFER = 0x0C, 0x04, 0x08  # to memory, and from it
AUTOINITIALIZE, DECREMENT = 0x10, 0x20
# Single mask and request registers
SELECT, SET = 0x03, 0x04
ADDRESS, COUNT = range(2)

# The ports behind the channels' own, as the datasheet's figure 6 has them
COMMANDS: Final = (
    "command/status", "request", "single mask", "mode", "clear flip-flop", "master clear", "clear mask", "mask",
)  # fmt: skip
CHANNELS: Final = tuple(f"{what}{number}" for number in range(4) for what in ("address", "count"))
PAGES: Final = {1: 2, 2: 3, 3: 1, 7: 0}
"""The channel of each page register; the others are plain storage, and no controller's."""

CHANNEL_STATE = vm.Description(
    "dma_regs",
    fields=[
        vm.array("now", vm.i32, 2),
        vm.array("base", vm.u16, 2),
        vm.u8("mode"),
        vm.u8("page"),
        vm.u8("pageh", attribute="high_page"),
        vm.u8("dack", attribute="acknowledged"),
        vm.u8("eop", attribute="ended"),
    ],
)


class Channel:
    """One channel. `now` is the address that it began at, and how far it has come, both in bytes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now = [0, 0]
        self.base = [0, 0]
        self.mode = 0
        self.page = self.high_page = 0
        self.acknowledged = self.ended = 0

    @property
    def direction(self) -> int:
        return -1 if self.mode & DECREMENT else 1


class I8257(Device):
    """One controller of four channels. `wide` is the second one of a PC, which moves words of 16 bits."""

    state = vm.Description(
        "dma",
        fields=[
            vm.u8("command"),
            vm.u8("mask"),
            vm.u8("flip_flop"),
            vm.i32("dshift", attribute="shift"),
            vm.struct_array("regs", CHANNEL_STATE, 4, attribute="channels"),
        ],
        subsections=[
            vm.Description(
                "dma/status",
                needed="status | requests != 0",
                fields=[vm.u8("status"), vm.u8("requests")],
            )
        ],
        validate=[vm.Validate("the flip-flop is one bit", "flip_flop < 2")],
    )

    io = Region(size=16, ports=True, registers=dict(enumerate(CHANNELS + COMMANDS)))
    pages = Region(
        size=8, ports=True, registers={port: f"page{number}" for port, number in PAGES.items()}
    )
    high_pages = Region(
        size=8, ports=True, registers={port: f"high page{number}" for port, number in PAGES.items()}
    )
    ram = Memory(MEMORY)

    def __init__(self, *, wide: bool = False) -> None:
        self.shift = int(wide)
        self.channels = [Channel() for _ in range(4)]
        self.reset()

    def reset(self) -> None:
        """Master clear; power-on leaves the channels' registers open, so they are 0."""
        self._clear()
        for channel in self.channels:
            channel.reset()

    def _clear(self) -> None:
        self.command = 0
        self.status = 0  # which channels have reached terminal count
        self.requests = 0  # what software asked for
        self.flip_flop = 0
        self.mask = 0xFF  # of the four bits that the part has, QEMU keeps eight

    # ports

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset < 8:
            self._write_channel(self.channels[offset >> 1], offset & 1, value)
        elif offset == 8:
            if not value & NOT_SUPPORTED:
                self.command = value
        elif offset == 9:
            bit = 1 << (value & SELECT)
            self.requests = self.requests | bit if value & SET else self.requests & ~bit
            self.status &= ~bit
        elif offset == 10:
            bit = 1 << (value & SELECT)
            self.mask = self.mask | bit if value & SET else self.mask & ~bit
        elif offset == 11:
            self.channels[value & SELECT].mode = value
        elif offset == 12:
            self.flip_flop = 0
        elif offset == 13:
            self._clear()
        else:
            self.mask = 0 if offset == 14 else value

    def _write_channel(self, channel: Channel, which: int, value: int) -> None:
        if self._second_byte():
            channel.base[which] = channel.base[which] & 0x00FF | value << 8
            channel.now = [channel.base[ADDRESS] << self.shift, 0]
        else:
            channel.base[which] = channel.base[which] & 0xFF00 | value

    def _second_byte(self) -> int:
        """Return which byte it is, and go on to the other one."""
        byte = self.flip_flop
        self.flip_flop ^= 1
        return byte

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if offset < 8:
            channel = self.channels[offset >> 1]
            if offset & 1:
                value = (channel.base[COUNT] << self.shift) - channel.now[COUNT]
            else:
                value = channel.now[ADDRESS] + channel.now[COUNT] * channel.direction
            return value >> self.shift + 8 * self._second_byte() & 0xFF
        if offset == 8:
            value = self.requests << 4 | self.status
            self.status = 0  # "cleared upon each status read"
            return value
        return self.mask if offset == 15 else 0

    @pages.on_write
    def _write_page(self, offset: int, width: int, value: int) -> None:
        if offset in PAGES:
            self.channels[PAGES[offset]].page = value

    @pages.on_read
    def _read_page(self, offset: int, width: int) -> int:
        return self.channels[PAGES[offset]].page if offset in PAGES else 0

    @high_pages.on_write
    def _write_high_page(self, offset: int, width: int, value: int) -> None:
        if offset in PAGES:
            self.channels[PAGES[offset]].high_page = value

    @high_pages.on_read
    def _read_high_page(self, offset: int, width: int) -> int:
        return self.channels[PAGES[offset]].high_page if offset in PAGES else 0

    # transfers

    @operation(number=st.integers(0, 3), data=st.binary(min_size=1, max_size=32))
    def request(self, number: int, data: bytes) -> bytes:
        """A peripheral asks with DREQ, has as many bytes to give as `data`, or takes as many.

        Returns what it takes; nothing when the channel is masked or the part disabled.
        """
        bit = 1 << number
        if self.command & DISABLE or self.mask & bit:
            return b""
        channel = self.channels[number]
        unit = 1 << self.shift
        length = (channel.base[COUNT] + 1) << self.shift
        moved = min(len(data) & -unit, length - channel.now[COUNT])
        taken = b"".join(self._move(channel, data[at : at + unit]) for at in range(0, moved, unit))
        if channel.now[COUNT] >= length:
            self._end(channel, bit)
        return taken

    def _move(self, channel: Channel, piece: bytes) -> bytes:
        """Move one unit; return what the peripheral gets."""
        place = channel.now[ADDRESS] + channel.now[COUNT] * channel.direction
        place &= (0x10000 << self.shift) - 1  # the address counter wraps within its page
        address = (channel.high_page & 0x7F) << 24 | channel.page << 16 | place
        channel.now[COUNT] += len(piece)
        there = address + len(piece) <= self.ram.size
        if channel.mode & TRANSFER == WRITE_TRANSFER and there:
            self.ram.write(address, piece)
        if channel.mode & TRANSFER == READ_TRANSFER:
            return self.ram.read(address, len(piece)) if there else bytes([0xFF]) * len(piece)
        return b""

    def _end(self, channel: Channel, bit: int) -> None:
        """Terminal count."""
        self.status |= bit
        self.requests &= ~bit
        if channel.mode & AUTOINITIALIZE:
            channel.now = [channel.base[ADDRESS] << self.shift, 0]
        else:
            self.mask |= bit


class I8257Pair(Machine):
    """The two controllers of a PC, on one memory."""

    narrow = part(I8257)
    wide = part(I8257, wide=True)
    ram = Memory(MEMORY)
