"""Opening a stream: a file, a pipe, or a snapshot inside a qcow2 image."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Protocol

from stressor.errors import StreamError, UsageError
from stressor.vmstate.stream.description import LONGEST, find_description
from stressor.vmstate.stream.qcow2 import QCOW2_MAGIC, Qcow2Image
from stressor.vmstate.stream.reader import StreamReader
from stressor.vmstate.stream.source import BUFFER, Readable, Source
from stressor.vmstate.stream.whole import Stream

__all__ = ["Opened", "read_stream"]


class Opened(Readable, Protocol):
    """An open binary file: `sys.stdin.buffer`, a `BytesIO`, what `open` gives."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move, and return where to."""

    def seekable(self) -> bool:
        """Return whether `seek` works; a pipe is read front to back."""


_TAIL: Final = 1 << 20
"""Bytes at the end in which the description is looked for first; most are below 200 KB."""


def read_stream(
    where: str | os.PathLike[str] | Opened,
    *,
    snapshot: str | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> Stream:
    """Read the stream in a file, or in an open binary file such as a pipe.

    A qcow2 image is known by its first bytes; `snapshot` names the one to read by its name or id,
    and need not be given when there is only one. `progress(done, size)` is told bytes, the size
    is None for a pipe. Guest memory is passed over, never held.

    Raises UsageError for a file that cannot be opened or a snapshot that is not there, StreamError
    for one that is damaged.
    """
    with ExitStack() as stack:
        if isinstance(where, str | os.PathLike):
            name = os.fspath(where)
            try:
                opened = stack.enter_context(open(name, "rb", buffering=0))
                ordinary = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
            except OSError as error:
                raise UsageError(
                    f"{name}: cannot be read: {error.strerror}; give a stream, an image, or -"
                ) from error
            return _read(opened, name, ordinary, snapshot, progress)
        name = str(getattr(where, "name", "stream"))
        return _read(where, name, where.seekable(), snapshot, progress)


def _read(
    file: Opened,
    name: str,
    ordinary: bool,
    snapshot: str | None,
    progress: Callable[[int, int | None], object] | None,
) -> Stream:
    size: int | None = None
    found: tuple[int, bytes] | None = None
    if ordinary:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(4) == QCOW2_MAGIC:
            image = Qcow2Image(file, size)
            file = image.open_state(snapshot)
            size = file.seek(0, os.SEEK_END)
        elif snapshot is not None:
            raise UsageError(f"{name}: is no qcow2 image; leave out --snapshot")
        found = _description_at_end(file, size)
        file.seek(0)
    elif snapshot is not None:
        raise UsageError(f"{name}: a snapshot cannot be read from a pipe; give the image's path")

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, size)

    buffer = BUFFER if size is None else min(BUFFER, size + 1)
    return StreamReader(Source(file, progress=tell, size=buffer), found).read(name)


def _description_at_end(file: Opened, size: int) -> tuple[int, bytes] | None:
    """Look for the description in the last bytes, in more and more of them."""
    length = _TAIL
    while True:
        begin = max(0, size - length)
        try:
            file.seek(begin)
            tail = _read_all(file, size - begin)
        except OSError as error:
            raise StreamError("stream", begin, f"cannot be read: {error.strerror}") from error
        found = find_description(tail)
        if found is not None:
            return begin + found[0], found[1]
        if begin == 0 or length >= LONGEST:
            return None
        length *= 8


def _read_all(file: Opened, size: int) -> bytes:
    pieces = []
    while size > 0:
        piece = file.read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
