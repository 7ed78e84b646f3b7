"""The machine's state of an internal snapshot: where it lies in a qcow2 image.

The layout is that of QEMU's docs/interop/qcow2.rst. The state is stored as if it were further
guest data: behind the disk's last cluster, rounded up to what one entry of the L1 table maps.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from stressor.errors import StreamError, UsageError

__all__ = ["QCOW2_MAGIC", "Qcow2Image", "Seekable", "Snapshot", "StateFile"]

QCOW2_MAGIC: Final = b"QFI\xfb"

_HEADER: Final = struct.Struct(">4xI QI I Q I I Q Q I I Q")
_FEATURES: Final = struct.Struct(">QQQ I I")
_SNAPSHOT: Final = struct.Struct(">Q I H H I I Q I I")
_MOST_SNAPSHOTS: Final = 65536
_MOST_EXTRA: Final = 1024
_MOST_ENTRIES: Final = 32 << 20 >> 3

_MOST_ZEROS: Final = 1024
"""How many times larger than its image a state may be, by clusters that are marked zero."""

_HARMLESS: Final = 0b11
"""Incompatible features that reading may ignore: dirty, corrupt."""

_OFFSET: Final = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED: Final = 1 << 62
_ZERO: Final = 1


class Seekable(Protocol):
    """An open file in which one can go to an offset."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move, and return where to."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An entry of the snapshot table; `state` is the size of the machine's state in bytes."""

    id: str
    name: str
    state: int
    disk: int
    table: int
    entries: int


class Qcow2Image:
    """An image's header and snapshot table. Raises StreamError when they are damaged."""

    def __init__(self, file: Seekable, size: int) -> None:
        self._file = file
        self.size = size
        head = self.read(0, _HEADER.size, "header")
        version, _, _, bits, self._disk, crypt, _, _, _, _, count, table = _HEADER.unpack(head)
        if version not in (2, 3):
            raise _damaged("header", 4, f"has version {version}; 2 and 3 are known")
        if not 9 <= bits <= 21:
            raise _damaged("header", 20, f"has clusters of 2 to the power of {bits} bytes")
        if crypt:
            raise _damaged("header", 32, "is encrypted; convert it first, with qemu-img convert")
        self.cluster_bits: int = bits
        if version == 3:
            self._check_features()
        self.snapshots = self._snapshots(table, count)

    def _check_features(self) -> None:
        (incompatible, _, _, _, _) = _FEATURES.unpack(self.read(72, _FEATURES.size, "header"))
        unknown = incompatible & ~_HARMLESS
        if unknown:
            raise _damaged(
                "header",
                72,
                f"uses features {unknown:#x} (data file, zstd, subclusters); convert it",
            )

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return exactly `size` bytes. Raises StreamError when they are not in the file."""
        if offset + size > self.size:
            raise _damaged(
                what, offset, f"needs {size} bytes, and the image ends before: truncated"
            )
        pieces = []
        try:
            self._file.seek(offset)
            while size and (piece := self._file.read(size)):
                pieces.append(piece)
                size -= len(piece)
        except OSError as error:
            raise _damaged(what, offset, f"cannot be read: {error.strerror}") from error
        if size:
            raise _damaged(what, offset, "the image has become shorter: truncated")
        return b"".join(pieces)

    def _snapshots(self, offset: int, count: int) -> tuple[Snapshot, ...]:
        if count > _MOST_SNAPSHOTS:
            raise _damaged("snapshots", 60, f"{count} of them; at most {_MOST_SNAPSHOTS} can be")
        found = []
        for _ in range(count):
            head = self.read(offset, _SNAPSHOT.size, "snapshots")
            table, entries, id_size, name_size, _, _, _, state, extra = _SNAPSHOT.unpack(head)
            if extra > _MOST_EXTRA:
                raise _damaged("snapshots", offset + 36, f"{extra} bytes of extra data")
            more = self.read(offset + _SNAPSHOT.size, extra + id_size + name_size, "snapshots")
            disk = self._disk
            if extra >= 8 and int.from_bytes(more[:8]):
                state = int.from_bytes(more[:8])
            if extra >= 16:
                disk = int.from_bytes(more[8:16])
            names = more[extra:]
            found.append(
                Snapshot(
                    names[:id_size].decode("utf-8", "backslashreplace"),
                    names[id_size:].decode("utf-8", "backslashreplace"),
                    state,
                    disk,
                    table,
                    entries,
                )
            )
            offset += (_SNAPSHOT.size + len(more) + 7) & ~7
        return tuple(found)

    def open_state(self, wanted: str | None) -> StateFile:
        """Return the machine's state in the snapshot of that name or id, the only one by default.

        Raises UsageError when there is none, or more than one to choose from.
        """
        snapshots = self.snapshots
        chosen = [one for one in snapshots if wanted in (None, one.name)] or [
            one for one in snapshots if one.id == wanted
        ]
        names = ", ".join(one.name for one in snapshots[:8])
        if not chosen:
            there = f"it has {names}" if snapshots else "it has none"
            raise UsageError(f"no snapshot {wanted or ''} in the image; {there}; see qemu-img info")
        if len(chosen) > 1:
            raise UsageError(f"{len(chosen)} snapshots fit; choose with --snapshot from {names}")
        if not chosen[0].state:
            raise UsageError(f"snapshot {chosen[0].name} holds a disk and no machine; see savevm")
        return StateFile(self, chosen[0])


class StateFile(io.RawIOBase):
    """A snapshot's state, in order, as an unbuffered file. Reading raises StreamError."""

    def __init__(self, image: Qcow2Image, snapshot: Snapshot) -> None:
        self._image = image
        self._snapshot = snapshot
        self._bits = image.cluster_bits
        self._position = 0
        self._second: tuple[int, bytes] | None = None
        if snapshot.entries > _MOST_ENTRIES:
            raise _damaged("L1 table", snapshot.table, f"has {snapshot.entries} entries")
        if snapshot.state > _MOST_ZEROS * image.size:
            raise _damaged("snapshots", 0, f"a state of {snapshot.state} bytes in this small image")
        self._first = image.read(snapshot.table, 8 * snapshot.entries, "L1 table")
        reach = 1 << (2 * self._bits - 3)  # the bytes that one entry of the L1 table maps
        self._base = -(-snapshot.disk // reach) * reach
        room = snapshot.entries * reach - self._base
        if snapshot.state > max(0, room):
            raise _damaged(
                "L1 table",
                snapshot.table,
                f"maps {max(0, room)} bytes of a state of {snapshot.state}",
            )

    def clusters(self) -> Iterator[int]:
        """Yield where each cluster of the state lies in the image, in order.

        Raises StreamError for one that is compressed, or was never written.
        """
        size = 1 << self._bits
        for start in range(0, self._snapshot.state, size):
            guest = self._base + start
            entry = self._entry(guest)
            if entry & (_COMPRESSED | _ZERO) or not entry & _OFFSET:
                raise _damaged("cluster", guest, "is not stored as it is")
            yield entry & _OFFSET

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._snapshot.state}
        self._position = max(0, start[whence] + offset)
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a part of `buffer`, up to the end of one cluster."""
        inside = self._position & ((1 << self._bits) - 1)
        left = min((1 << self._bits) - inside, self._snapshot.state - self._position)
        count = max(0, min(len(buffer), left))
        if count:
            data = self._cluster(self._base + self._position, inside, count)
            buffer[:count] = data
            self._position += count
        return count

    def _cluster(self, guest: int, inside: int, count: int) -> bytes:
        entry = self._entry(guest)
        if entry & _COMPRESSED:
            return self._inflated(entry, guest)[inside : inside + count]
        offset = entry & _OFFSET
        if entry & _ZERO:
            return bytes(count)
        if not offset:
            raise _damaged("cluster", guest, "was never written, and is a part of the state")
        if offset & ((1 << self._bits) - 1):
            raise _damaged("L2 table", offset, "a cluster does not begin where one can")
        return self._image.read(offset + inside, count, "cluster")

    def _entry(self, guest: int) -> int:
        """Return the entry of the L2 table for the cluster at `guest`; 0 for one never written."""
        index = guest >> (2 * self._bits - 3)
        offset = int.from_bytes(self._first[8 * index : 8 * index + 8]) & _OFFSET
        if not offset:
            return 0
        if self._second is None or self._second[0] != offset:
            self._second = offset, self._image.read(offset, 1 << self._bits, "L2 table")
        slot = (guest >> self._bits) & ((1 << (self._bits - 3)) - 1)
        return int.from_bytes(self._second[1][8 * slot : 8 * slot + 8])

    def _inflated(self, entry: int, guest: int) -> bytes:
        """Return a compressed cluster. Raises StreamError when it does not unpack to one."""
        split = 62 - (self._bits - 8)
        offset = entry & ((1 << split) - 1)
        sectors = (entry >> split) & ((1 << (self._bits - 8)) - 1)
        size = 512 * (sectors + 1) - (offset & 511)
        packed = self._image.read(offset, min(size, max(0, self._image.size - offset)), "cluster")
        try:
            data = zlib.decompressobj(-12).decompress(packed, 1 << self._bits)
        except zlib.error as error:
            raise _damaged("cluster", offset, f"does not unpack: {error}") from error
        if len(data) != 1 << self._bits:
            raise _damaged("cluster", offset, f"unpacks to {len(data)} bytes")
        return data


def _damaged(what: str, offset: int, problem: str) -> StreamError:
    return StreamError(f"qcow2 {what}", offset, problem)
