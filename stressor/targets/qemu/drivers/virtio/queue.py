"""Queues of virtio devices in guest memory, seen from the guest's driver.

Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.7 (split) and 2.8 (packed). A queue is plain data;
the memory that it lies in is an argument.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stressor.targets.qemu.driver import GuestMemory

__all__ = ["MOST", "QUEUE_BYTES", "PackedQueue", "Part", "Queue", "SplitQueue"]

MOST: Final = 256
"""Descriptors of the longest queue that there is room for."""

QUEUE_BYTES: Final = 3 * 4096
"""What such a queue takes of guest memory, beginning on a page."""

_PAGE: Final = 4096
_NEXT, _WRITES, _INDIRECT = 1, 2, 4
_AVAILABLE, _USED = 1 << 7, 1 << 15


class Part(NamedTuple):
    """One buffer of a chain. `returned`: the device writes it, otherwise it reads it."""

    address: int
    size: int
    returned: bool


@dataclass
class Queue:
    """A queue of `size` descriptors at `address`, which is aligned to a page.

    `posted` and `used` count chains since it was set up. `pending` are the descriptors of those that
    the device still has, by the number that it returns them with.
    """

    number: int
    size: int
    address: int
    posted: int = 0
    used: int = 0
    pending: dict[int, list[int]] = field(default_factory=dict)

    @property
    def descriptors(self) -> int:
        """Where the descriptors are (queue_desc)."""
        return self.address

    @property
    def driver(self) -> int:
        """Where the driver's area is (queue_driver)."""
        return self.address + 16 * self.size

    @property
    def device(self) -> int:
        """Where the device's area is (queue_device): on the next page, as the legacy layout wants."""
        return self.address + -(-(16 * self.size + 6 + 2 * self.size) // _PAGE) * _PAGE

    @property
    def free(self) -> list[int]:
        """The descriptors that the device does not have."""
        taken = {at for chain in self.pending.values() for at in chain}
        return [at for at in range(self.size) if at not in taken]

    def post(self, memory: GuestMemory, parts: Sequence[Part], table: int | None) -> None:
        """Make a chain available; through an indirect table at `table` when that is given.

        There must be as many free descriptors as that takes.
        """
        raise NotImplementedError

    def collect(self, memory: GuestMemory, name: str) -> None:
        """Take back the chains that the device has used, and show them."""
        raise NotImplementedError

    def suppress(self, memory: GuestMemory, without: bool) -> None:
        """Ask for interrupts, or for none."""
        raise NotImplementedError


class SplitQueue(Queue):
    """Descriptors, a ring of chains that are available, a ring of those that were used."""

    def post(self, memory: GuestMemory, parts: Sequence[Part], table: int | None) -> None:
        chain = self.free[: len(parts) if table is None else 1]
        if table is None:
            for part, at, following in zip(parts, chain, [*chain[1:], None], strict=True):
                memory.write(self.address + 16 * at, _split(part, following))
        else:
            last = len(parts)
            chained = [_split(part, n if n < last else None) for n, part in enumerate(parts, 1)]
            memory.write(table, b"".join(chained))
            entry = struct.pack("<QIHH", table, 16 * len(parts), _INDIRECT, 0)
            memory.write(self.address + 16 * chain[0], entry)
        self.pending[chain[0]] = chain
        memory.write(self.driver + 4 + 2 * (self.posted % self.size), struct.pack("<H", chain[0]))
        self.posted += 1
        memory.write(self.driver + 2, struct.pack("<H", self.posted & 0xFFFF))

    def collect(self, memory: GuestMemory, name: str) -> None:
        index = int.from_bytes(memory.read(self.device + 2, 2, f"{name} used index"), "little")
        for _ in range(min(index - self.used & 0xFFFF, len(self.pending))):
            element = self.device + 4 + 8 * (self.used % self.size)
            head = int.from_bytes(memory.read(element, 8, f"{name} used element")[:4], "little")
            self.pending.pop(head, None)
            self.used += 1
        # as guests do: the next one used is to interrupt, where both sides go by an event index
        memory.write(self.driver + 4 + 2 * self.size, struct.pack("<H", self.used & 0xFFFF))
        memory.show(self.device, 2, f"{name} used flags")
        memory.show(self.device + 4 + 8 * self.size, 2, f"{name} available event")

    def suppress(self, memory: GuestMemory, without: bool) -> None:
        memory.write(self.driver, struct.pack("<H", without))


@dataclass
class PackedQueue(Queue):
    """One ring of descriptors, which driver and device mark in turn.

    `head` and `tail` count descriptors, made available and used, over all rounds.
    """

    head: int = 0
    tail: int = 0

    def post(self, memory: GuestMemory, parts: Sequence[Part], table: int | None) -> None:
        if table is not None:
            memory.write(table, b"".join(_packed(part, 0, 0) for part in parts))
            parts = [Part(table, 16 * len(parts), False)]
        identity = next(number for number in range(self.size) if number not in self.pending)
        written = []
        for number, part in enumerate(parts):
            flags = _USED if self.head // self.size % 2 else _AVAILABLE
            flags |= _NEXT * (number + 1 < len(parts)) | _INDIRECT * (table is not None)
            at = self.address + 16 * (self.head % self.size)
            written.append((at, _packed(part, identity, flags)))
            self.head += 1
        for at, data in reversed(written):  # the first one makes the chain available
            memory.write(at, data)
        self.pending[identity] = self.free[: len(parts)]
        self.posted += 1

    def collect(self, memory: GuestMemory, name: str) -> None:
        while self.pending:
            at = self.address + 16 * (self.tail % self.size)
            _, _, identity, flags = struct.unpack("<QIHH", memory.read(at, 16, f"{name} descriptor"))
            used = 0 if self.tail // self.size % 2 else _AVAILABLE | _USED
            if flags & (_AVAILABLE | _USED) != used or identity not in self.pending:
                break
            self.tail += len(self.pending.pop(identity))
            self.used += 1
        memory.show(self.device, 4, f"{name} device event")

    def suppress(self, memory: GuestMemory, without: bool) -> None:
        memory.write(self.driver, struct.pack("<HH", 0, without))


def _split(part: Part, following: int | None) -> bytes:
    flags = _WRITES * part.returned | (0 if following is None else _NEXT)
    return struct.pack("<QIHH", part.address, part.size, flags, following or 0)


def _packed(part: Part, identity: int, flags: int) -> bytes:
    return struct.pack(
        "<QIHH", part.address, part.size, identity, flags | _WRITES * part.returned
    )
