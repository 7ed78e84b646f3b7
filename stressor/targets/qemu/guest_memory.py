"""Guest memory that is ours: where it is, and what lies in it for a device to chew on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["Window", "window_in"]

_PAGE: Final = 4096
_PAGES: Final = 8
_SKIPPED: Final = 0x1000
_RING: Final = 16


class Window:
    """A few pages of guest memory at `base` that devices are pointed at; nothing else writes there."""

    def __init__(self, base: int) -> None:
        self.base: Final = base
        self.size: Final = _PAGES * _PAGE
        self.pages: Final = tuple(range(base, base + self.size, _PAGE))
        self.addresses: Final = (*self.pages, base + 0x10, base + 0x100, base + 0x800, base + 0x1F00)
        """What is worth writing into a register that takes an address: pages, and less even ones."""

    @property
    def patterns(self) -> tuple[bytes, ...]:
        """What a device may take for descriptors: rings of addresses, lengths and flags; and plain
        fillings."""
        plain = (bytes(64), b"\xff" * 64, b"\xa5" * 64, bytes(range(64)))
        return (*dict.fromkeys(self._rings()), *plain)

    def _rings(self) -> Iterator[bytes]:
        page, other = self.pages[2], self.pages[4]
        low, length = page & 0xFFFF_FFFF, 0x40
        for flags in (1, 3, 0x80, 0x8000, 0xFFFF):
            yield struct.pack("<QIHH", page, length, flags, 1) * _RING
            yield struct.pack("<QHHHH", page, length, flags, flags, 0) * _RING
        for flags in (1, 0x8000_0000, 0xC000_0000, 0xF000_0000):
            yield struct.pack("<III", low, flags | length, flags) * _RING
            yield struct.pack("<IIII", flags | length, flags, low, other & 0xFFFF_FFFF) * _RING
            yield struct.pack("<II", low, flags | length) * _RING
            yield struct.pack(">II", flags | length, low) * _RING
        yield b"".join(struct.pack("<Q", address | 1) for address in self.pages) * 2
        yield b"".join(struct.pack("<IHBB", low, length, 0x21, step) for step in range(_RING))


def window_in(memory: range) -> Window | None:
    """Return a window near the beginning of memory, None when there is too little of it."""
    roomy = len(memory) >= 2 * (_SKIPPED + _PAGES * _PAGE)
    return Window(memory.start + _SKIPPED) if roomy else None
