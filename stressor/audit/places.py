"""Where the fields of a target lie in its saved bytes.

Naming every piece takes a while, so it is done once for each layout.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Protocol, TypeAlias

from stressor.loop.saved import is_buffer
from stressor.loop.target import SavedField, Snapshot
from stressor.vmstate.values import without_indexes

__all__ = ["AtReset", "Naming", "Place", "Places", "Where"]

_NO_VALUES: Final = frozenset(("header", "footer", "count", "marker", "null", "subsection", "unused"))
"""Kinds that say how the others lie, or nothing."""
_LAST_INDEX: Final = re.compile(r"\[(\d+)\]([^\[\]]*)$")
_LAYOUTS: Final = 4096
"""More ways for the bytes to lie than this are named anew each time."""


class Place(NamedTuple):
    """`elements` of `size` bytes each, one after another from `offset` on; `path` is the first one's."""

    path: str
    kind: str
    offset: int
    size: int
    elements: int

    @property
    def end(self) -> int:
        return self.offset + self.size * self.elements

    def paths(self) -> Iterator[str]:
        """Yield the path of each element."""
        if self.elements == 1:
            yield self.path
            return
        head, first, tail = _parted(self.path)
        for index in range(first, first + self.elements):
            yield f"{head}[{index}]{tail}"

    def path_of(self, element: int) -> str:
        """Return the path of one element, counted from 0."""
        if not element:
            return self.path
        head, first, tail = _parted(self.path)
        return f"{head}[{first + element}]{tail}"


Where: TypeAlias = Mapping[str, list[Place]]


class AtReset:
    """The saved bytes of a new device: `where` its fields lie in `data`. `apart` has, by path, the bytes of
    elements that do not travel then; of others they are zeros."""

    def __init__(self, data: bytes, where: Where, apart: Mapping[str, bytes]) -> None:
        self._apart = apart
        self._data = data
        self._where = where
        self._known = {
            (place.path, place.size, place.elements): data[place.offset : place.end]
            for places in where.values()
            for place in places
        }

    def of(self, place: Place) -> bytes:
        """Return what stands in a place then."""
        key = place.path, place.size, place.elements
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = b"".join(
                (self._elements.get(path) or self._apart.get(path, b""))[-place.size :].rjust(place.size, b"\0")
                for path in place.paths()
            )
        return found

    @cached_property
    def _elements(self) -> dict[str, bytes]:
        return {
            path: self._data[place.offset + index * place.size :][: place.size]
            for places in self._where.values()
            for place in places
            for index, path in enumerate(place.paths())
        }


class Naming(Protocol):
    """Names the bytes of a snapshot, as a target does."""

    def saved_fields(self, snapshot: Snapshot, *, whole: bool = False) -> Sequence[SavedField]: ...


class Places:
    """The places of each field (indexes as `[]`) for each layout of one target's saved bytes."""

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[str, list[Place]]] = {}

    def of(self, snapshot: Snapshot, naming: Naming) -> dict[str, list[Place]]:
        """Return where each field of a snapshot lies, in the order of the bytes."""
        key = snapshot.layout, len(snapshot.data)
        found = self._known.get(key)
        if found is None:
            found = _placed(naming.saved_fields(snapshot, whole=True))
            if len(self._known) < _LAYOUTS:
                self._known[key] = found
        return found


def _placed(fields: Sequence[SavedField]) -> dict[str, list[Place]]:
    places: dict[str, list[Place]] = {}
    for field in fields:
        if field.kind in _NO_VALUES or not field.size:
            continue
        name = without_indexes(field.path)
        known = places.setdefault(name, [])
        if is_buffer(field):
            known.append(Place(field.path, "buffer", field.offset, 1, field.size))
            continue
        if known and _continues(known[-1], field):
            known[-1] = known[-1]._replace(elements=known[-1].elements + 1)
        else:
            known.append(Place(field.path, field.kind, field.offset, field.size, 1))
    return places


def _continues(place: Place, field: SavedField) -> bool:
    """Return whether a field is the element behind a place."""
    if (field.offset, field.size, field.kind) != (place.end, place.size, place.kind):
        return False
    head, first, tail = _parted(place.path)
    return first >= 0 and field.path == f"{head}[{first + place.elements}]{tail}"


def _parted(path: str) -> tuple[str, int, str]:
    match = _LAST_INDEX.search(path)
    return (path[: match.start()], int(match[1]), match[2]) if match else (path, -1, "")
