"""The saved bytes by the names of their pieces; a byte of a long buffer is named when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stressor.loop.target import SavedField
from stressor.vmstate.wire import WHOLE_BUFFER

__all__ = ["Saved", "bytes_of", "is_buffer", "parted"]


class Saved:
    """What `saved_fields` gave with `whole`, by path."""

    def __init__(self, fields: Iterable[SavedField]) -> None:
        self.pieces = {field.path: field for field in fields}
        self._buffers = {parted(path)[0]: piece for path, piece in self.pieces.items() if is_buffer(piece)}

    def get(self, path: str) -> SavedField | None:
        """Return the piece at a path, None when there is none."""
        head, _, index = path.rpartition("[")
        buffer = self._buffers.get(head)
        if buffer is None:
            return self.pieces.get(path)
        at = int(index[:-1]) - parted(buffer.path)[1] if index[:-1].isdecimal() else -1
        return _byte(buffer, at) if 0 <= at < buffer.size else None


def is_buffer(field: SavedField) -> bool:
    """Return whether a piece stands for several bytes, each of which has a name."""
    return field.kind == WHOLE_BUFFER


def bytes_of(field: SavedField) -> Iterator[SavedField]:
    """Yield a piece, a buffer byte by byte."""
    if is_buffer(field):
        yield from (_byte(field, at) for at in range(field.size))
    else:
        yield field


def parted(path: str) -> tuple[str, int]:
    """Return what stands in front of the last index of a path that ends in one, and the index."""
    head, _, index = path.rpartition("[")
    return head, int(index[:-1])


def _byte(buffer: SavedField, at: int) -> SavedField:
    assert isinstance(buffer.value, bytes)
    head, first = parted(buffer.path)
    return SavedField(f"{head}[{first + at}]", "buffer", buffer.offset + at, 1, buffer.value[at])
