"""A tiny disk image in memory-backed storage, in which QEMU keeps the machine's state.

QEMU stores an internal snapshot's state as if it were further guest data of the image. The image is
made with such a snapshot in it, the slot, whose clusters are there and hold nothing: `loadvm` loads
whatever was put there, and it takes no `savevm` to have one. Layout: QEMU's docs/interop/qcow2.rst.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.stream.qcow2 import Qcow2Image, StateFile

__all__ = ["ROOM", "SLOT", "Storage", "new_folder", "no_room", "remove_left"]

SLOT: Final = "slot"
"""The name of the snapshot that is there from the beginning, to be written to."""

ROOM: Final = 8 << 20
"""Bytes of state for which the slot has room; a file of zeros takes no memory."""

_PREFIX: Final = "stressor-"
_BITS: Final = 16
_CLUSTER: Final = 1 << _BITS
_DISK: Final = 1 << 20
_L1, _REFCOUNTS, _REFCOUNT_BLOCK, _TABLE, _SLOT_L1, _SLOT_L2, _DATA = (
    number * _CLUSTER for number in range(1, 8)
)


def new_folder() -> Path:
    """Make a folder in memory-backed storage, or where there is none in the usual place.

    Those that a killed process of ours left behind are removed. Raises OSError.
    """
    remove_left()
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{_numbered_by()}-", dir=_place()))


def remove_left(own: bool = False) -> None:
    """Remove the folders that killed processes of ours left behind; with `own` those of this process too, which is
    about to end."""
    for left in _place().glob(f"{_PREFIX}*"):
        number, _, rest = left.name.removeprefix(_PREFIX).partition("-")
        if not number.isdigit() or rest.partition("-")[0] != _numbered_by():
            continue
        if not _lives(int(number)) or (own and int(number) == os.getpid()):
            shutil.rmtree(left, ignore_errors=True)


def no_room(error: OSError) -> str:
    """Return what to say when a state could not be kept: where, why, and the cure."""
    return (
        f"no room for a machine's state in {_place()}: {error.strerror}; free some there, make it larger (of a "
        "container by --shm-size), or lift the limit on file sizes"
    )


def _place() -> Path:
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


@cache
def _numbered_by() -> str:
    """Return what the numbers of processes are good for: containers may share memory-backed storage, and not the numbers."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return "0"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Storage:
    """An image with a slot for a state, and access to the states that QEMU saved beside it.

    Raises OSError when there is no room.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        path.write_bytes(_image())
        os.truncate(path, _DATA + ROOM)
        self._runs = [(_DATA, ROOM)]

    def read_state(self, name: str) -> bytes:
        """Return the state in the snapshot `name`. Raises StreamError when it is not whole."""
        with self.path.open("rb", buffering=0) as file:
            state = Qcow2Image(file, os.fstat(file.fileno()).st_size).open_state(name)
            return state.readall()

    def find_slot(self) -> None:
        """Learn where the slot is, and how large, after QEMU made it anew."""
        with self.path.open("rb", buffering=0) as file:
            image = Qcow2Image(file, os.fstat(file.fileno()).st_size)
            self._runs = _runs(image.open_state(SLOT))

    @property
    def room(self) -> int:
        """How many bytes fit into the slot."""
        return sum(size for _, size in self._runs)

    def write_slot(self, data: bytes) -> None:
        """Put a stream into the slot. Raises StreamError when it is too long, OSError without room."""
        if len(data) > self.room:
            raise StreamError("state", self.room, f"there is room for {self.room} bytes of {len(data)}")
        start = 0
        with self.path.open("r+b", buffering=0) as file:
            for offset, size in self._runs:
                piece = data[start : start + size]
                if os.pwrite(file.fileno(), piece, offset) < len(piece):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                start += len(piece)


def _runs(state: StateFile) -> list[tuple[int, int]]:
    """Return offset and size of each run of clusters, in the order of the state."""
    runs: list[tuple[int, int]] = []
    for offset in state.clusters():
        if runs and sum(runs[-1]) == offset:
            runs[-1] = runs[-1][0], runs[-1][1] + _CLUSTER
        else:
            runs.append((offset, _CLUSTER))
    return runs


@cache
def _image() -> bytes:
    """Return an image of a disk on which nothing was written, with the slot's clusters to follow.

    The slot's tables map its clusters behind the disk's own reach, as QEMU does; each is used once.
    """
    clusters = ROOM // _CLUSTER
    header = struct.pack(
        ">4sI QI I Q I I Q Q I I Q QQQ I I",
        b"QFI\xfb", 3, 0, 0, _BITS, _DISK, 0, 2, _L1, _REFCOUNTS, 1, 1, _TABLE, 0, 0, 0, 4, 104,
    )  # fmt: skip
    name = SLOT.encode()
    slot = struct.pack(
        ">Q I HH II Q I I QQ", _SLOT_L1, 2, 1, len(name), 0, 0, 0, 0, 16, ROOM, _DISK
    )
    parts = (
        header,
        b"",
        struct.pack(">Q", _REFCOUNT_BLOCK),
        b"\0\1" * (_DATA // _CLUSTER + clusters),
        slot + b"1" + name,
        struct.pack(">QQ", 0, _SLOT_L2),
        struct.pack(f">{clusters}Q", *range(_DATA, _DATA + ROOM, _CLUSTER)),
    )
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)
