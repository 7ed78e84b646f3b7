"""QEMU's binary format: big-endian, nothing aligned, subsections with a header."""

from __future__ import annotations

import struct
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stressor.vmstate.visitor import Reader, Writer

if TYPE_CHECKING:
    from stressor.vmstate.description import Description
    from stressor.vmstate.kinds import ScalarType

__all__ = ["NULL", "SUBSECTION", "WHOLE_BUFFER", "NamedField", "WireReader", "WireWriter", "subsection_header"]

SUBSECTION: Final = 5
NOT_ARMED: Final = -1
WHOLE_BUFFER: Final = "whole buffer"
"""The kind of a piece that stands for all bytes of a buffer, and is called as the first of them."""
NULL: Final = 0x30  # '0', for None in an array of pointers


class NamedField(NamedTuple):
    """One piece of a stream: `size` bytes at `offset`. A byte of a buffer is a piece of its own."""

    path: str
    kind: str
    offset: int
    size: int
    value: Any


def subsection_header(description: Description) -> bytes:
    """Return what stands in front of a subsection's body."""
    name = description.name.encode()
    return bytes((SUBSECTION, len(name))) + name + struct.pack(">I", description.version)


class WireWriter(Writer):
    """Collects the bytes of one body, and the size of each piece in `layout`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.layout: list[tuple[str, int]] = []

    def scalar(self, path: str, type: ScalarType, value: Any) -> None:
        self._add(path, type.name, struct.pack(">" + type.code, value), value)

    def buffer(self, path: str, data: bytes, start: int = 0) -> None:
        self._add(path, "buffer", data, data)

    def bitmap(self, path: str, bits: int, value: int) -> None:
        words = [value >> shift & 0xFFFF_FFFF_FFFF_FFFF for shift in range(0, bits, 64)]
        self._add(path, "bitmap", struct.pack(f">{len(words)}Q", *words), value)

    def timer(self, path: str, deadline: int | None) -> None:
        raw = NOT_ARMED if deadline is None else deadline
        self._add(path, "timer", struct.pack(">q", raw), deadline)

    def unused(self, path: str, size: int) -> None:
        self._add(path, "unused", bytes(size), None)

    def count(self, path: str, count: int) -> None:
        self._add(f"{path}.count", "count", struct.pack(">I", count), count)

    def more(self, path: str, index: int, more: bool) -> None:
        self._add(f"{path}.more[{index}]", "marker", b"\1" if more else b"\0", int(more))

    def null(self, path: str) -> None:
        self._add(path, "null", bytes([NULL]), None)

    def subsection(self, path: str, description: Description) -> None:
        header = subsection_header(description)
        self._add(f"{path}({description.name})", "subsection", header, description.version)

    def finish(self) -> bytes:
        return b"".join(self._pieces)

    def _add(self, path: str, kind: str, piece: bytes, value: Any) -> None:
        self.layout.append((path, len(piece)))
        self._pieces.append(piece)


class WireReader(Reader):
    """Takes one body apart, and names each piece in `named` when asked to.

    `base` is the offset of `data` in the whole stream. With `whole` a buffer is named as one piece.
    """

    def __init__(
        self, data: bytes, *, base: int = 0, naming: bool = False, whole: bool = False
    ) -> None:
        self._data = data
        self._position = 0
        self._base = base
        self.named: list[NamedField] | None = [] if naming else None
        self._whole = whole

    @property
    def offset(self) -> int:
        return self._base + self._position

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def demand(self, path: str, size: int) -> None:
        if size > self.remaining:
            raise self.refuse(
                path, f"needs {size} bytes, and {self.remaining} are left: truncated"
            )

    def finished(self, path: str, whole: str, parent: str) -> None:
        if self.remaining:
            found = self.subsection(path, parent)
            if found is not None:
                raise self.refuse(
                    whole, f"no subsection {found[0]!r} is known, or it is here again"
                )
            raise self.refuse(whole, f"{self.remaining} bytes too many")

    def scalar(self, path: str, type: ScalarType) -> Any:
        piece = self._take(path, type.size)
        if type.code == "?":
            if piece[0] > 1:
                raise self.refuse(path, f"{piece[0]:#x} is neither false (0) nor true (1)", 1)
            value: Any = piece == b"\1"
        else:
            (value,) = struct.unpack(">" + type.code, piece)
        self._name(path, type.name, type.size, value)
        return value

    def buffer(self, path: str, size: int, start: int = 0) -> bytes:
        piece = self._take(path, size)
        if self._whole and size:
            self._name(f"{path}[{start}]", WHOLE_BUFFER, size, piece)
        elif self.named is not None:
            at = self.offset - size
            names = [f"{path}[{index}]" for index in range(start, start + size)]
            pieces = zip(names, repeat("buffer"), range(at, at + size), repeat(1), piece, strict=False)
            self.named += map(NamedField._make, pieces)
        return piece

    def bitmap(self, path: str, bits: int) -> int:
        size = (bits + 63) // 64 * 8
        words = struct.unpack(f">{size // 8}Q", self._take(path, size))
        value: int = sum(word << 64 * index for index, word in enumerate(words))
        if value >> bits:
            raise self.refuse(
                path, f"has bit {value.bit_length() - 1} set, and only {bits} bits", size
            )
        self._name(path, "bitmap", size, value)
        return value

    def timer(self, path: str) -> int | None:
        raw = int.from_bytes(self._take(path, 8), signed=True)
        deadline = None if raw == NOT_ARMED else raw
        self._name(path, "timer", 8, deadline)
        return deadline

    def unused(self, path: str, size: int) -> None:
        self._name(path, "unused", size, self._take(path, size))

    def count(self, path: str, maximum: int) -> int:
        path += ".count"
        count = int.from_bytes(self._take(path, 4))
        if count > maximum:
            raise self.refuse(path, f"{count} elements, and there may be at most {maximum}", 4)
        self._name(path, "count", 4, count)
        return count

    def more(self, path: str, index: int) -> bool:
        path += f".more[{index}]"
        marker = self._take(path, 1)[0]
        if marker > 1:
            raise self.refuse(path, f"{marker:#x} is neither an element (1) nor the end (0)", 1)
        self._name(path, "marker", 1, marker)
        return marker == 1

    def null(self, path: str) -> None:
        marker = self._take(path, 1)[0]
        if marker != NULL:
            raise self.refuse(
                path, f"{marker:#x} is not {NULL:#x}, and this element is None on the device", 1
            )
        self._name(path, "null", 1, None)

    def subsection(self, path: str, parent: str) -> tuple[str, int] | None:
        """Take the header of a subsection of `parent`; None, and nothing taken, when none is next."""
        data, position = self._data, self._position
        if position + 2 > len(data) or data[position] != SUBSECTION:
            return None
        size = data[position + 1]
        name = data[position + 2 : position + 2 + size]
        if len(name) <= len(parent.encode()) or not name.startswith(parent.encode()):
            return None
        header = self._take(path, 2 + size + 4)
        (version,) = struct.unpack(">I", header[-4:])
        text = name.decode("utf-8", "backslashreplace")
        self._name(f"{path}({text})", "subsection", len(header), version)
        return text, version

    def _take(self, path: str, size: int) -> bytes:
        if size > self.remaining:
            raise self.refuse(path, f"needs {size} bytes, and {self.remaining} are left: truncated")
        self._position += size
        return self._data[self._position - size : self._position]

    def _name(self, path: str, kind: str, size: int, value: Any) -> None:
        if self.named is not None:
            self.named.append(NamedField(path, kind, self.offset - size, size, value))
