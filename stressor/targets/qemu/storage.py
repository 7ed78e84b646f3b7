"""A tiny disk image in memory-backed storage, in which QEMU keeps the machine's state.

QEMU stores an internal snapshot's state as if it were further guest data of the image. Once such a
snapshot is there, its clusters can be read, and written: `loadvm` then loads what was put there.
Layout: QEMU's docs/interop/qcow2.rst.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.stream.qcow2 import Qcow2Image, StateFile

__all__ = ["Storage", "new_folder"]

_PREFIX: Final = "stressor-"
_BITS: Final = 16
_CLUSTER: Final = 1 << _BITS
_DISK: Final = 1 << 20
_L1, _REFCOUNTS, _REFCOUNT_BLOCK = _CLUSTER, 2 * _CLUSTER, 3 * _CLUSTER


def new_folder() -> Path:
    """Make a folder in memory-backed storage, or where there is none in the usual place.

    Those that a killed process of ours left behind are removed. Raises OSError.
    """
    shared = Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        number = left.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not _lives(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Storage:
    """An image with one snapshot slot, and access to what QEMU saved in it.

    Raises OSError when there is no room.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        path.write_bytes(_empty_image())
        self._runs: list[tuple[int, int]] = []

    def read_state(self, name: str) -> bytes:
        """Return the state in the snapshot `name`. Raises StreamError when it is not whole."""
        with self.path.open("rb", buffering=0) as file:
            state = Qcow2Image(file, os.fstat(file.fileno()).st_size).open_state(name)
            return state.readall()

    def find_room(self, name: str) -> int:
        """Learn where the snapshot's state lies; return how many bytes may be put there."""
        with self.path.open("rb", buffering=0) as file:
            image = Qcow2Image(file, os.fstat(file.fileno()).st_size)
            self._runs = _runs(image.open_state(name))
        return sum(size for _, size in self._runs)

    def write_state(self, data: bytes) -> None:
        """Put a stream where the snapshot's state lies. Raises StreamError when it is too long."""
        with self.path.open("r+b", buffering=0) as file:
            start = 0
            for offset, size in self._runs:
                piece = data[start : start + size]
                if not piece:
                    return
                os.pwrite(file.fileno(), piece, offset)
                start += len(piece)
        if start < len(data):
            raise StreamError("state", start, f"there is room for {start} bytes of {len(data)}")


def _runs(state: StateFile) -> list[tuple[int, int]]:
    """Return offset and size of each run of clusters, in the order of the state."""
    runs: list[tuple[int, int]] = []
    for offset in state.clusters():
        if runs and sum(runs[-1]) == offset:
            runs[-1] = runs[-1][0], runs[-1][1] + _CLUSTER
        else:
            runs.append((offset, _CLUSTER))
    return runs


def _empty_image() -> bytes:
    """Return an image of a disk on which nothing was written: header, L1 table, reference counts."""
    header = struct.pack(
        ">4sI QI I Q I I Q Q I I Q QQQ I I",
        b"QFI\xfb", 3, 0, 0, _BITS, _DISK, 0, 1, _L1, _REFCOUNTS, 1, 0, 0, 0, 0, 0, 4, 104,
    )  # fmt: skip
    parts = (
        header,
        b"",
        struct.pack(">Q", _REFCOUNT_BLOCK),
        struct.pack(">4H", 1, 1, 1, 1),
    )
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)
