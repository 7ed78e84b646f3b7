"""VMware's paravirtual card.

Source: the layout of registers, shared area and descriptors that OpenBSD's sys/dev/pci/if_vmxreg.h and
FreeBSD's sys/dev/vmware/vmxnet3/if_vmxreg.h describe; there is no datasheet.
"""

from __future__ import annotations

import struct
from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import BUFFER, RING, Card
from stressor.targets.qemu.drivers.network.frames import FRAMES, PARTS, pieces

__all__ = ["Vmxnet3"]

_SHARED_LOW, _SHARED_HIGH, _COMMAND, _MAC_LOW, _MAC_HIGH, _INTERRUPTS, _EVENTS = (
    0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40,
)  # fmt: skip
_MASK, _SEND, _RECEIVE, _RECEIVE_MORE = 0x000, 0x600, 0x800, 0xA00  # of the other region
_SET, _GET = 0xCAFE_0000, 0xF00D_0000
_ENABLE, _DISABLE, _RESET, _MODE, _ADDRESSES, _VLANS = range(_SET, _SET + 6)
_STATUS, _STATISTICS, _LINK, _ADDRESS_LOW, _ADDRESS_HIGH = range(_GET, _GET + 5)
_RING: Final = 32
"""Descriptors of each ring: the fewest that the card takes."""

_QUEUES: Final = 1024
_SEND_RING, _SENT_RING, _RECEIVE_RING, _SECOND_RING, _RECEIVED_RING = 0, 512, 1024, 1536, 2048
_RECEIVE_PART: Final = 256
"""A receive queue's description comes behind that of the transmit queue."""


class Vmxnet3(Card):
    """An area that is shared with the card, and rings with a generation in each descriptor."""

    region = "vmxnet3-b1"
    others = {"doorbells": "vmxnet3-b0"}
    names = {
        _SHARED_LOW: "shared area", _COMMAND: "command", _MAC_LOW: "mac low", _MAC_HIGH: "mac high",
        _INTERRUPTS: "interrupts", _EVENTS: "events",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.shared = self.sending
        self.queues = self.sending + _QUEUES
        self.rings = self.receiving
        self.position = 0
        self.enabled = False

    @operation(mode=st.integers(0, 31), features=st.integers(0, 15), revision=st.sampled_from([1, 1, 1, 3]))
    def set_up(self, mode: int, features: int, revision: int) -> None:
        """Describe everything in the shared area, and enable the card."""
        self.registers.write(_COMMAND, _RESET)
        self.memory.fill(self.shared, 4096)
        self.memory.fill(self.rings, 4096)
        self.memory.write(self.shared, struct.pack(
            "<II IIII QQQ IIIHBB 16x BBB25xI8x IHHQ",
            0xBABE_FEE1, 0, 0x0100_0000, 0x0001_0102, revision, 1, features, 0, self.queues,
            0, 512, 1500, 0, 1, 1, 0, 1, 0, 0, mode, 0, 0, 0,
        ))  # fmt: skip
        self.memory.write(self.queues, struct.pack(
            "<16x QQQQQ IIIIB", self.rings + _SEND_RING, 0, self.rings + _SENT_RING, 0, 0, _RING, 0, _RING, 0, 0
        ))  # fmt: skip
        self.memory.write(self.queues + _RECEIVE_PART, struct.pack(
            "<16x QQQQQ IIIIB", self.rings + _RECEIVE_RING, self.rings + _SECOND_RING,
            self.rings + _RECEIVED_RING, 0, 0, _RING, _RING, _RING, 0, 0,
        ))  # fmt: skip
        for number in range(RING):
            self.memory.write(self.rings + _RECEIVE_RING + 16 * number, struct.pack(
                "<QII", self._received(number), 1 << 31 | BUFFER - 64, 0
            ))  # fmt: skip
        self.position = 0
        self.registers.write(_SHARED_LOW, self.shared)
        self.registers.write(_SHARED_HIGH, 0)
        self.registers.write(_COMMAND, _ENABLE)
        self.registers.show(_COMMAND)
        self.other["doorbells"].write(_RECEIVE, RING)
        self.enabled = True

    @operation(frame=FRAMES, part=PARTS, tag=st.sampled_from([0, 0, 0x1_0123]))
    def send(self, frame: bytes, part: str, tag: int) -> None:
        """A frame in two descriptors, or one of them."""
        if not self.enabled:
            self.set_up(0, 0, 1)
        for data, _, last in pieces(frame, 2, part):
            turn, number = divmod(self.position, _RING)
            self.memory.write(self._sent(self.position), data)
            flags = (0x3000 if last else 0) | (tag >> 16) << 15 | (tag & 0xFFFF) << 16
            self.memory.write(self.rings + _SEND_RING + 16 * number, struct.pack(
                "<QII", self._sent(self.position), len(data) | (not turn % 2) << 14, flags
            ))  # fmt: skip
            self.position += 1
        self.other["doorbells"].write(_SEND, self.position % _RING)
        self.settle()
        self._show_rings_and_events()

    @operation(
        command=st.sampled_from([_ENABLE, _DISABLE, _RESET, _MODE, _ADDRESSES, _VLANS, _SET + 6, _SET + 7, _SET + 9])
    )
    def command(self, command: int) -> None:
        self.registers.write(_COMMAND, command)
        self.registers.show(_COMMAND)
        if command in (_ENABLE, _DISABLE, _RESET):
            self.enabled = command == _ENABLE
        self._show_rings_and_events()

    @operation(command=st.sampled_from([_STATUS, _STATISTICS, _LINK, _ADDRESS_LOW, _ADDRESS_HIGH, _GET + 8]))
    def ask(self, command: int) -> None:
        """Give a command that has an answer; the answer is read, or left for later by `answer`."""
        self.registers.write(_COMMAND, command)

    @operation
    def answer(self) -> None:
        self.registers.show(_COMMAND)
        self.memory.show(self.queues, 512, "queue descriptions")

    @operation(mode=st.integers(0, 31), word=st.integers(0, 127), bits=st.integers(0, 0xFFFF_FFFF))
    def set_filters(self, mode: int, word: int, bits: int) -> None:
        filters = self.shared + 144
        self.memory.write(filters, struct.pack("<I", mode))
        self.memory.write(filters + 16 + 4 * word, struct.pack("<I", bits))
        for command in (_MODE, _VLANS, _ADDRESSES):
            self.registers.write(_COMMAND, command)

    @operation(low=st.integers(0, 0xFFFF_FFFF), high=st.integers(0, 0xFFFF))
    def set_address(self, low: int, high: int) -> None:
        self.registers.write(_MAC_LOW, low)
        self.registers.write(_MAC_HIGH, high)
        self.registers.show(_MAC_LOW)
        self.registers.show(_MAC_HIGH)

    @operation(number=st.integers(0, 2), masked=st.booleans())
    def mask_interrupt(self, number: int, masked: bool) -> None:
        self.other["doorbells"].write(_MASK + 8 * number, masked)
        self.registers.show(_INTERRUPTS)

    @operation(bits=st.integers(0, 31))
    def acknowledge_events(self, bits: int) -> None:
        self.registers.write(_EVENTS, bits)
        self._show_rings_and_events()

    @operation(first=st.integers(0, RING), second=st.integers(0, RING))
    def return_buffers(self, first: int, second: int) -> None:
        self.other["doorbells"].write(_RECEIVE, first)
        self.other["doorbells"].write(_RECEIVE_MORE, second)

    def _show_rings_and_events(self) -> None:
        self.registers.show(_EVENTS)
        self.registers.show(_INTERRUPTS)
        self.memory.show(self.rings + _SENT_RING, 512, "transmit completions")
        self.memory.show(self.rings + _RECEIVED_RING, 512, "receive completions")
