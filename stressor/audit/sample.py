"""What the save points of a device were like, before anything of it was lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Final

from stressor.audit.places import AtReset, Naming, Place, Places, Where
from stressor.loop.target import Snapshot, Target
from stressor.vmstate.values import without_indexes

__all__ = ["Moves", "Sample", "reset_bytes"]

_KEPT: Final = 8 << 20
"""Bytes of snapshots that are kept whole."""
_SET: Final = re.compile(rb"[^\0]+")


@dataclass(slots=True)
class Moves:
    """What moved: by element the bits that ever were otherwise than after a reset, and by field (indexes as
    `[]`) the highest bit that was ever set."""

    bits: dict[str, int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    _fields: dict[str, list[str]] = field(default_factory=dict)

    def add(self, path: str, bits: int) -> None:
        """Count an element in which `bits` moved."""
        if path not in self.bits:
            self._fields.setdefault(without_indexes(path), []).append(path)
        self.bits[path] = self.bits.get(path, 0) | bits

    def of_field(self, field: str) -> list[str]:
        """Return the elements of a field that moved."""
        return self._fields.get(field, [])


class Sample:
    """Is given every save point, as an edit that changes nothing."""

    def __init__(self) -> None:
        self.snapshots: dict[bytes, Snapshot] = {}
        """Some of them, no two alike."""
        self._room = _KEPT
        self._seen: dict[Hashable, tuple[int, int, Snapshot]] = {}

    def __call__(self, snapshot: Snapshot, places: Callable[[], Where]) -> bytes:
        data = snapshot.data
        if data not in self.snapshots:
            number = int.from_bytes(data)
            key = snapshot.layout, len(data)
            either, both, first = self._seen.get(key, (0, -1, snapshot))
            self._seen[key] = either | number, both & number, first
            if self._room >= len(data):
                self._room -= len(data)
                self.snapshots[data] = snapshot
        return data

    def moves(self, naming: Naming, places: Places, reset: AtReset) -> Moves:
        """Return what moved."""
        moves = Moves()
        for either, both, snapshot in self._seen.values():
            size = len(snapshot.data)
            ever, always = either.to_bytes(size), (both & (1 << 8 * size) - 1).to_bytes(size)
            for name, where in places.of(snapshot, naming).items():
                for place in where:
                    seen, kept, at_reset = ever[place.offset : place.end], always[place.offset : place.end], reset.of(place)
                    for index in _not_zero(place.size, seen, kept, at_reset):
                        here = slice(index * place.size, (index + 1) * place.size)
                        one, every, first = (int.from_bytes(part[here]) for part in (seen, kept, at_reset))
                        bits = (one ^ every) | (one & ~first) | (first & ~every)
                        if bits:
                            moves.add(place.path_of(index), bits)
                        if one.bit_length() > moves.highest.get(name, -1) + 1:
                            moves.highest[name] = one.bit_length() - 1
        return moves

    def layouts(self, naming: Naming, places: Places) -> list[tuple[Snapshot, Where]]:
        """Return a snapshot of each layout that there was, and where the fields lie in it."""
        return [(snapshot, places.of(snapshot, naming)) for _, _, snapshot in self._seen.values()]

    def neighbours(self, naming: Naming, places: Places) -> dict[str, str]:
        """Return for each field the next one beside it, in the same bytes, that lies in as many of the same
        kind: one that ever had another value, if there is one."""
        alike: dict[str, str] = {}
        apart: dict[str, str] = {}
        for snapshot, where in self.layouts(naming, places):
            same_layout = [
                data for data, other in self.snapshots.items()
                if other.layout == snapshot.layout and len(data) == len(snapshot.data)
            ]  # fmt: skip
            fields = [(name, name.rpartition(".")[0], _shape(places_of)) for name, places_of in where.items()]
            for index, (name, parent, shape) in enumerate(fields):
                if name in apart:
                    continue
                for other, its_parent, its_shape in fields[index + 1 :]:
                    if (its_parent, its_shape) != (parent, shape):
                        continue
                    alike.setdefault(name, other)
                    if any(_bytes_of(data, where[name]) != _bytes_of(data, where[other]) for data in same_layout):
                        apart[name] = other
                        break
        return alike | apart


def reset_bytes(target: Target, prefix: str, places: Places) -> AtReset:
    """Return the saved bytes of a pristine target, also of fields that do not travel then."""
    snapshot = target.save()
    where = places.of(snapshot, target)
    apart: dict[str, bytes] = {}
    travels: dict[str, bool] = {}
    for attribute, value in target.attributes().items():
        name = without_indexes(attribute)
        if name not in travels:
            path = target.field(name).path
            travels[name] = path is None or prefix + without_indexes(path) in where
        if not travels[name]:
            apart[f"{prefix}{target.field(attribute).path}"] = _encoded(value)
    return AtReset(snapshot.data, where, apart)


def _not_zero(size: int, *columns: bytes) -> list[int]:
    """Return which elements of `size` bytes are not zero in all columns."""
    either = reduce(or_, map(int.from_bytes, columns)).to_bytes(len(columns[0]))
    return sorted({index // size for found in _SET.finditer(either) for index in range(*found.span())})


def _shape(where: list[Place]) -> list[tuple[str, int, int]]:
    return [(place.kind, place.size, place.elements) for place in where]


def _bytes_of(data: bytes, where: list[Place]) -> list[bytes]:
    return [data[place.offset : place.end] for place in where]


def _encoded(value: object) -> bytes:
    if value is None:  # a timer that is not armed
        return b"\xff" * 8
    if isinstance(value, int):
        return (value & (1 << 64) - 1).to_bytes(8)
    return bytes(8)
