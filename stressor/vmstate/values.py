"""The values below an object by their paths. A long buffer is kept in one piece: its bytes are named only
when somebody asks for one, or where two walks differ."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, ItemsView, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["Values", "differing", "name_of", "names_of", "pieces_of", "same", "under", "without_indexes"]

_INDEX: Final = re.compile(r"\[[^\]]*\]")
_MOVED: Final = re.compile(rb"[^\0]+")
_NOTHING: Final = object()


def without_indexes(path: str) -> str:
    """Return `path` with every index dropped: `fifo.data[3]` gives `fifo.data[]`."""
    return _INDEX.sub("[]", path)


def same(left: object, right: object) -> bool:
    """Return whether two leaf values are the same, type included; NaN is the same as NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return (left == right and math.copysign(1, left) == math.copysign(1, right)) or (
            left != left and right != right
        )
    return left == right


class Values(Mapping[str, Any]):
    """Values by path. In `pieces` a bytearray stands for its bytes, which are values of their own."""

    def __init__(self, pieces: Mapping[str, Any]) -> None:
        self.pieces: Final = pieces

    def __getitem__(self, path: str) -> Any:
        value = self.pieces.get(path, _NOTHING)
        if value is not _NOTHING and type(value) is not bytearray:
            return value
        head, _, index = path.rpartition("[")
        buffer, number = self.pieces.get(head), index[:-1]
        if type(buffer) is bytearray and number.isdecimal() and int(number) < len(buffer):
            return buffer[int(number)]
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        for path, value in self.pieces.items():
            yield from _paths(path, value)

    def items(self) -> ItemsView[str, Any]:
        """Return all of them at once, which is quicker than one by one."""
        found: dict[str, Any] = {}
        for path, value in self.pieces.items():
            found.update(zip(_paths(path, value), value if type(value) is bytearray else (value,), strict=True))
        return found.items()

    def __len__(self) -> int:
        return sum(len(value) if type(value) is bytearray else 1 for value in self.pieces.values())


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield each path at which two walks have not the same value, or only one of them has any: by the
    order of `before`, and then of `after`."""
    ones, others = pieces_of(before), pieces_of(after)
    for path, old in ones.items():
        new = others.get(path, _NOTHING)
        if old is new:  # most are small numbers, of which there is one object each
            continue
        if type(old) is bytearray and type(new) is bytearray:
            yield from _bytes_differing(path, old, new)
        elif not same(old, new):
            yield from _paths(path, old)
            if type(old) is bytearray or type(new) is bytearray:
                yield from _paths(path, new)
    for path, new in others.items():
        if path not in ones:
            yield from _paths(path, new)


def name_of(path: str, value: object) -> str:
    """Return the path of one of the `pieces_of` values with indexes dropped, and those of a buffer's bytes."""
    return without_indexes(f"{path}[]" if type(value) is bytearray else path)


def names_of(values: Mapping[str, Any]) -> set[str]:
    """Return the paths, with indexes dropped."""
    return {
        name_of(path, value)
        for path, value in pieces_of(values).items()
    }


def under(values: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """Return those values whose paths, with indexes dropped, are among `names`."""
    found = {
        path: value
        for path, value in pieces_of(values).items()
        if name_of(path, value) in names
    }
    return Values(found) if isinstance(values, Values) else found


def pieces_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values with each buffer in one piece, as far as they are."""
    return values.pieces if isinstance(values, Values) else values


def _paths(path: str, value: object) -> list[str]:
    if value is _NOTHING:
        return []
    return _indexed(path, len(value)) if type(value) is bytearray else [path]


@lru_cache(maxsize=64)
def _indexed(path: str, count: int) -> list[str]:
    return [f"{path}[{index}]" for index in range(count)]


def _bytes_differing(path: str, old: bytearray, new: bytearray) -> Iterator[str]:
    size = max(len(old), len(new))
    common = min(len(old), len(new))
    moved = int.from_bytes(old[:common]) ^ int.from_bytes(new[:common])
    for found in _MOVED.finditer(moved.to_bytes(common)):
        yield from (f"{path}[{index}]" for index in range(*found.span()))
    yield from (f"{path}[{index}]" for index in range(common, size))
