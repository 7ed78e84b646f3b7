"""High Definition Audio: commands to codecs and streams, by rings and lists in guest memory.

Source: Intel, High Definition Audio Specification 1.0a, sections 3.3 (registers), 3.6 (buffer descriptor
list), 4.4 (CORB and RIRB) and 7.3 (verbs).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.regions import Region

__all__ = ["Hda"]

_GCTL, _STATESTS, _INTCTL, _INTSTS = 0x08, 0x0E, 0x20, 0x24
_CORBLBASE, _CORBWP, _CORBRP, _CORBCTL, _RIRBLBASE, _RIRBWP, _RINTCNT, _RIRBCTL, _RIRBSTS = (
    0x40, 0x48, 0x4A, 0x4C, 0x50, 0x58, 0x5A, 0x5C, 0x5D,
)  # fmt: skip
_STREAMS, _STREAM = 0x80, 0x20
_VERBS = [
    0xF0000, 0xF0002, 0xF0004, 0xF0009, 0xF000A, 0xF000C, 0xA0000, 0xB8000, 0xBA000, 0xF0500, 0xF0600, 0xF0700, 0xF0C00,
    0x70500, 0x70503, 0x70610, 0x70620, 0x70740, 0x70C02, 0x3B07F, 0x3B0FF, 0x3A01F, 0x24011, 0x20011,
]  # fmt: skip


class Hda(Driver):
    """The first codec, and the first stream of each direction."""

    region = "intel-hda"
    names = {_CORBRP: "CORBRP", _RIRBWP: "RIRBWP", _RIRBSTS: "RIRBSTS", _INTSTS: "INTSTS"}

    @classmethod
    def fits(cls, region: Region) -> bool:
        return not region.base & 0x2000  # where the registers are seen a second time

    def __init__(self) -> None:
        self.commands = self.allocate(1024)
        self.answers = self.allocate(2048)
        self.list = self.allocate(256)
        self.sound = self.allocate(4096)
        self.pointer = 0
        self.up = False

    @operation
    def start(self) -> None:
        registers = self.registers
        registers.write(_GCTL, 0)
        registers.write(_GCTL, 1)
        registers.write(_CORBLBASE, self.commands)
        registers.write(_CORBRP, 0x8000, 2)
        registers.write(_CORBRP, 0, 2)
        registers.write(_RIRBLBASE, self.answers)
        registers.write(_RIRBWP, 0x8000, 2)
        registers.write(_RINTCNT, 2, 2)
        registers.write(_RIRBCTL, 7, 1)
        registers.write(_CORBCTL, 3, 1)
        registers.write(_INTCTL, 0xC000_00FF)
        self.memory.fill(self.answers, 2048)
        self.pointer, self.up = 0, True
        self._show()

    @operation(node=st.integers(0, 4), verbs=st.lists(st.sampled_from(_VERBS), min_size=1, max_size=5), go=st.booleans())
    def ask(self, node: int, verbs: list[int], go: bool) -> None:
        """Put verbs for a node into the ring, and only when `go` says so tell the controller."""
        if not self.up:
            self.start()
        for verb in verbs:
            self.pointer = (self.pointer + 1) % 256
            self.memory.write(self.commands + 4 * self.pointer, struct.pack("<I", node << 20 | verb))
        if go:
            self.registers.write(_CORBWP, self.pointer, 2)
        self._show()

    @operation
    def take_answers(self) -> None:
        """Acknowledge answers, which lets the controller go on."""
        self.registers.write(_RIRBSTS, 5, 1)
        self._show()

    @operation(out=st.booleans(), blocks=st.integers(1, 4), running=st.booleans())
    def play(self, out: bool, blocks: int, running: bool) -> None:
        """Give a stream a list of buffers, and let it run."""
        for index in range(blocks):
            entry = struct.pack("<QII", self.sound + 1024 * index, 1024, index & 1)
            self.memory.write(self.list + 16 * index, entry)
        at = _STREAMS + (4 * _STREAM if out else 0)
        self.registers.write(at, 0)
        self.registers.write(at + 0x08, 1024 * blocks)
        self.registers.write(at + 0x0C, blocks - 1, 2)
        self.registers.write(at + 0x12, 0x11, 2)
        self.registers.write(at + 0x18, self.list)
        self.registers.write(at, 1 << 20 | 0x1C | running << 1)
        self.step(10_000_000)
        for offset in (0x00, 0x04, 0x08):
            self.registers.show(at + offset)
        self.memory.show(self.sound, 64, "recorded")

    def _show(self) -> None:
        self.settle()
        for offset in (_STATESTS, _CORBRP, _RIRBWP):
            self.registers.show(offset, 2)
        self.registers.show(_RIRBSTS, 1)
        self.registers.show(_INTSTS)
        self.memory.show(self.answers, 256, "answers")
