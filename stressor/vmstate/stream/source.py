"""Bytes in order: from a file, a pipe, memory or an image, through one buffer of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from stressor.errors import StreamError

__all__ = ["Progress", "Readable", "Source"]

Progress: TypeAlias = Callable[[int], object]
"""Is told the number of bytes that were read, about once for each buffer."""

BUFFER: Final = 1 << 20


class Readable(Protocol):
    """What can be read from: an unbuffered file, a `BytesIO`, a snapshot in an image."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a part of `buffer`; return how much, 0 at the end."""


class Source:
    """Reads forward only. Never holds more than `BUFFER` bytes that nobody asked for.

    `buffer[index:end]` is what was read and not yet taken; a reader of many small records works
    there, and moves `index`. `ended` is set when nothing is left to be read into the buffer. `base`
    is the offset of the first byte in the whole stream.
    """

    def __init__(
        self, file: Readable, *, base: int = 0, progress: Progress | None = None, size: int = BUFFER
    ) -> None:
        self._file = file
        self._progress = progress
        self._begin = base
        self.buffer: Final = bytearray(size)
        self._view: Final = memoryview(self.buffer)
        self.index = 0
        self.end = 0
        self.ended = False

    @property
    def position(self) -> int:
        """The offset in the stream of the next byte."""
        return self._begin + self.index

    def fill(self, need: int) -> bool:
        """Hold at least `need` bytes, at most a buffer's size; False when the stream ends before.

        Raises StreamError when the file cannot be read.
        """
        if self.end - self.index >= need:
            return True
        if self.ended:
            return False
        left = self.end - self.index
        self._view[:left] = self._view[self.index : self.end]
        self._begin += self.index
        self.index, self.end = 0, left
        while self.end < need:
            try:
                count = self._file.readinto(self._view[self.end :])
            except OSError as error:
                raise self.refuse("stream", f"cannot be read: {error.strerror}") from error
            if not count:
                self.ended = True
                return False
            self.end += count
            if self._progress is not None:
                self._progress(self._begin + self.end)
        return True

    def refuse(self, path: str, problem: str, back: int = 0) -> StreamError:
        """Return the error that something `back` bytes ago makes no sense."""
        return StreamError(path, self.position - back, problem)

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them, fewer at the end."""
        self.fill(count)
        return bytes(self._view[self.index : min(self.end, self.index + count)])

    def take(self, count: int, path: str) -> bytes:
        """Return exactly `count` bytes; what is held is never more than what is there.

        Raises StreamError when the stream ends before.
        """
        if count <= self.end - self.index:
            self.index += count
            return bytes(self._view[self.index - count : self.index])
        begin, pieces, missing = self.position, [], count
        while missing and self.fill(1):
            piece = bytes(self._view[self.index : min(self.end, self.index + missing)])
            self.index += len(piece)
            missing -= len(piece)
            pieces.append(piece)
        if missing:
            raise StreamError(
                path, begin, f"needs {count} bytes, and {count - missing} are left: truncated"
            )
        return b"".join(pieces)

    def skip(self, count: int, path: str) -> None:
        """Pass over exactly `count` bytes. Raises StreamError when the stream ends before."""
        begin, missing = self.position, count
        while missing > self.end - self.index:
            missing -= self.end - self.index
            self.index = self.end
            if not self.fill(1):
                raise StreamError(
                    path, begin, f"needs {count} bytes, and {count - missing} are left: truncated"
                )
        self.index += missing

    def number(self, size: int, path: str) -> int:
        """Return an unsigned big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size, path))

    def text(self, path: str) -> str:
        """Return a text that has its length in front, one byte; any bytes can be written back."""
        return self.take(self.number(1, path), path).decode("utf-8", "surrogateescape")

    def rest(self, limit: int) -> bytes | None:
        """Return everything up to the end; None, with `limit` bytes lost, when it is more."""
        pieces, size = [], 0
        while self.fill(1):
            size += self.end - self.index
            if size > limit:
                return None
            pieces.append(bytes(self._view[self.index : self.end]))
            self.index = self.end
        return b"".join(pieces)
