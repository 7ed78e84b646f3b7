"""What the save points of a device were like, before anything of it was lost."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from stressor.audit.edits import Where
from stressor.audit.places import Naming, Place, Places
from stressor.loop.target import Snapshot, Target
from stressor.vmstate.live import without_indexes

__all__ = ["Moves", "Sample", "encoded_at", "reset_bytes"]

_KEPT: Final = 8 << 20
"""Bytes of snapshots that are kept whole."""


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

    def moves(self, naming: Naming, places: Places, reset: Mapping[str, bytes]) -> Moves:
        """Return what moved; `reset` has the bytes of each element after a reset, by path."""
        moves = Moves()
        for either, both, snapshot in self._seen.values():
            size = len(snapshot.data)
            ever, always = either.to_bytes(size), (both & (1 << 8 * size) - 1).to_bytes(size)
            for name, where in places.of(snapshot, naming).items():
                for path, one, start, end in (each for place in where for each in _elements(place)):
                    seen, kept = int.from_bytes(ever[start:end]), int.from_bytes(always[start:end])
                    at_reset = int.from_bytes(reset.get(path, b"")[-one.size :])
                    bits = (seen ^ kept) | (seen & ~at_reset) | (at_reset & ~kept)
                    if bits:
                        moves.add(path, bits)
                    if seen.bit_length() > moves.highest.get(name, -1) + 1:
                        moves.highest[name] = seen.bit_length() - 1
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


def reset_bytes(target: Target, prefix: str, places: Places) -> dict[str, bytes]:
    """Return the saved bytes of each element of a pristine target, also of fields that do not travel then."""
    found: dict[str, bytes] = {}
    for attribute, value in target.attributes().items():
        path = target.field(attribute).path
        if path is not None:
            found[prefix + path] = _encoded(value)
    snapshot = target.save()
    return found | encoded_at(snapshot, places.of(snapshot, target))


def encoded_at(snapshot: Snapshot, where: Where) -> dict[str, bytes]:
    """Return the bytes of each element of a snapshot, by path."""
    return {
        path: snapshot.data[start:end]
        for places in where.values()
        for place in places
        for path, _, start, end in _elements(place)
    }


def _elements(place: Place) -> Iterator[tuple[str, Place, int, int]]:
    for index, path in enumerate(place.paths()):
        start = place.offset + index * place.size
        yield path, place, start, start + place.size


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
