"""DMA controllers of boards, which walk lists of blocks in memory.

Sources: ARM DDI 0196G, PrimeCell DMA Controller (PL080), chapter 3; Broadcom BCM2835 ARM Peripherals,
section 4.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["Bcm2835Dma", "Pl080"]

_CHANNEL = st.integers(0, 3)
_WORDS = st.integers(1, 8)


class _Copies(Driver):
    """Copies words of a pattern from one half of its memory to the other, block by block."""

    def __init__(self) -> None:
        self.source = self.allocate(4096)
        self.target = self.allocate(4096)
        self.blocks = self.allocate(4096)

    def _prepare(self) -> None:
        self.memory.write(self.source, bytes(range(1, 129)))
        self.memory.fill(self.target, 128)

    def _show_target(self) -> None:
        self.memory.show(self.target, 128, "what was copied")


class Pl080(_Copies):
    """Channels with a linked list of items each, on boards that have no other requests."""

    region = "pl080"

    @operation(channel=_CHANNEL, words=_WORDS, blocks=st.integers(1, 4), go=st.booleans())
    def prepare(self, channel: int, words: int, blocks: int, go: bool) -> None:
        """Set a channel up, and only when `go` says so enable it."""
        self._prepare()
        at = 0x100 + 0x20 * channel
        items = [self._item(index, words, index == blocks - 1) for index in range(blocks)]
        for index, item in enumerate(items):
            self.memory.write(self.blocks + 16 * index, struct.pack("<4I", *item))
        self.registers.write(0x30, 1)
        for index, word in enumerate(items[0]):
            self.registers.write(at + 4 * index, word)
        self.registers.write(at + 0x10, 0xC000 | go)
        self._show(channel)

    def _item(self, index: int, words: int, last: bool) -> tuple[int, int, int, int]:
        control = words | 2 << 18 | 2 << 21 | 1 << 26 | 1 << 27 | last << 31
        offset = 4 * words * index
        following = 0 if last else self.blocks + 16 * (index + 1)
        return self.source + offset, self.target + offset, following, control

    @operation(channel=_CHANNEL)
    def enable(self, channel: int) -> None:
        self.registers.write(0x100 + 0x20 * channel + 0x10, 0xC001)
        self._show(channel)

    @operation(which=st.integers(0, 255))
    def clear_interrupts(self, which: int) -> None:
        self.registers.write(0x08, which)
        self.registers.write(0x10, which)
        self._show(0)

    def _show(self, channel: int) -> None:
        for offset in (0x00, 0x04, 0x0C, 0x14, 0x18, 0x1C):
            self.registers.show(offset)
        for index in range(5):
            self.registers.show(0x100 + 0x20 * channel + 4 * index)
        self._show_target()


class Bcm2835Dma(_Copies):
    """Channels that load control blocks of 32 bytes from memory."""

    region = "bcm2835-dma"

    @operation(channel=_CHANNEL, words=_WORDS, blocks=st.integers(1, 4), go=st.booleans(), plane=st.booleans())
    def copy(self, channel: int, words: int, blocks: int, go: bool, plane: bool) -> None:
        """Chain blocks, and only when `go` says so let the channel run; `plane` copies in two dimensions."""
        self._prepare()
        for index in range(blocks):
            offset = 4 * words * index
            length = (2 - 1) << 16 | 4 * words if plane else 4 * words
            following = 0 if index == blocks - 1 else self.blocks + 32 * (index + 1)
            information = 0x331 | plane << 1
            block = (information, self.source + offset, self.target + offset, length, 4 << 16 | 4, following, 0, 0)
            self.memory.write(self.blocks + 32 * index, struct.pack("<8I", *block))
        self.registers.write(0xFF0, 0x7FFF)
        self.registers.write(0x100 * channel + 4, self.blocks)
        if go:
            self.registers.write(0x100 * channel, 1)
        self._show(channel)

    @operation(channel=_CHANNEL, control=st.sampled_from([0x1, 0x2, 0x4, 0x8000_0000, 0x4000_0000]))
    def control(self, channel: int, control: int) -> None:
        """Run, acknowledge the end or the interrupt, reset, abort."""
        self.registers.write(0x100 * channel, control)
        self._show(channel)

    def _show(self, channel: int) -> None:
        for offset in range(0, 0x24, 4):
            self.registers.show(0x100 * channel + offset)
        self.registers.show(0xFE0)
        self._show_target()
