"""Saved bytes of many save points taken apart by columns: what each field had, and which bits toggled."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from functools import reduce
from hashlib import blake2b
from operator import and_, or_
from typing import Final, NamedTuple

from stressor.loop.saved import parted

__all__ = ["MOST_VALUES", "Layout", "Place", "Run", "SeenField", "take_apart"]

MOST_VALUES: Final = 256
"""So many values of a field are counted; one more stands for all that are beyond."""

_SHORT: Final = 32
"""Bytes of a value that is kept itself; of a longer one a digest is."""
_MOVED: Final = re.compile(rb"[^\0]+")


class SeenField:
    """What was seen of a field, all of its elements together: at how many save points it differed from its
    reset value, and its values; None once there are more than `MOST_VALUES`."""

    __slots__ = ("points", "values")

    def __init__(self) -> None:
        self.points = 0
        self.values: set[bytes | int] | None = set()

    @property
    def count(self) -> int:
        """How many values it had, at least one; `MOST_VALUES` + 1 stands for more."""
        return MOST_VALUES + 1 if self.values is None else max(1, len(self.values))

    def had(self, size: int, pieces: Iterable[bytes]) -> None:
        """Take values of `size` bytes each, or several in one piece where that is one byte."""
        if self.values is None:
            return
        self.values.update(b"".join(pieces) if size == 1 else pieces if size <= _SHORT else map(_digest, pieces))
        if len(self.values) > MOST_VALUES:
            self.values = None


class Run:
    """Elements of one field that lie one after another, `size` bytes each, and the bits of which were
    ever 1 and ever 0: little-endian, as such runs may be of any length."""

    __slots__ = ("buffer", "field", "ones", "paths", "size", "width", "zeros")

    def __init__(self, field: SeenField, size: int, width: int) -> None:
        self.field = field
        self.size = size
        self.width = width
        self.paths: list[str] = []
        """What its elements are called; of a buffer the first byte alone."""
        self.buffer = 0
        """How many bytes a buffer has, which are named when somebody asks: there may be 100,000."""
        self.ones = self.zeros = 0

    def __len__(self) -> int:
        return self.buffer or len(self.paths)

    def names(self) -> Sequence[str]:
        """Return what each of its elements is called."""
        if not self.buffer:
            return self.paths
        head, first = parted(self.paths[0])
        return [f"{head}[{index}]" for index in range(first, first + self.buffer)]

    def saw(self, either: bytes, both: bytes) -> None:
        """Take what save points had, ORed and ANDed."""
        self.ones |= int.from_bytes(either, "little")
        self.zeros |= int.from_bytes(both, "little") ^ ((1 << 8 * len(both)) - 1)

    @property
    def bits(self) -> bytes:
        """Return which bits toggled, in the order of what is saved."""
        toggled = self.ones & self.zeros if self.width else 0
        return toggled.to_bytes(self.size * len(self), "little")


class Place(NamedTuple):
    """Where a run lies in the bytes of one layout; `reset` is None where an element has no such value."""

    run: Run
    start: int
    end: int
    reset: bytes | None


class Layout(NamedTuple):
    """Where everything lies in the bytes of one layout, and what is there after a reset."""

    places: list[Place]
    reset: int


def take_apart(layout: Layout, rows: Sequence[bytes]) -> None:
    """Take the save points of one layout apart: only what moved is looked at."""
    numbers = [*map(int.from_bytes, rows)]
    size = len(rows[0])
    either, both = reduce(or_, numbers), reduce(and_, numbers)
    changed = ((either ^ both) | (either ^ layout.reset)).to_bytes(size)
    highest, lowest = either.to_bytes(size), both.to_bytes(size)
    moved = [
        place for place in layout.places
        if place.reset is None or changed.count(0, place.start, place.end) < place.end - place.start
    ]  # fmt: skip
    of_field: dict[SeenField, list[tuple[Place, tuple[bytes, ...]]]] = {}
    for place, column in zip(moved, _columns(moved, rows), strict=True):
        run, start, end, _ = place
        run.saw(highest[start:end], lowest[start:end])
        of_field.setdefault(run.field, []).append((place, column))
        if run.field.values is not None:
            run.field.had(run.size, _elements(column, changed[start:end], run.size))
    for field, columns in of_field.items():
        resets = tuple(place.reset for place, _ in columns)
        if None in resets:
            alike = 0
        elif len(columns) == 1:
            alike = columns[0][1].count(resets[0] or b"")
        else:
            alike = [*zip(*(column for _, column in columns), strict=True)].count(resets)
        field.points += len(rows) - alike


def _columns(places: Sequence[Place], rows: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Return the bytes of some runs, a value for each save point."""
    if not places:
        return []
    pattern, at = "", 0
    for _, start, end, _ in places:
        pattern += f"{start - at}x{end - start}s"
        at = end
    pattern += f"{len(rows[0]) - at}x"
    return [*zip(*struct.iter_unpack(pattern, b"".join(rows)), strict=True)]


def _elements(column: Sequence[bytes], changed: bytes, size: int) -> Iterable[bytes]:
    """Return the values in a column of runs; of those of several elements, only elements that moved."""
    if len(changed) <= size:  # shorter where one element is of variable size
        return column
    if size == 1:
        spans = [match.span() for match in _MOVED.finditer(changed)]
        return (row[start:end] for start, end in spans for row in column)
    found = {index // size for match in _MOVED.finditer(changed) for index in range(*match.span())}
    return (row[at * size : (at + 1) * size] for at in sorted(found) for row in column)


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()
