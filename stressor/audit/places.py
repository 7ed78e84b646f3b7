"""Where the fields of a target lie in its saved bytes.

Naming every byte of a large device takes a tenth of a second and more, so it is done once for each layout.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from stressor.loop.target import SavedField, Snapshot
from stressor.vmstate.live import without_indexes

__all__ = ["Naming", "Place", "Places"]

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
        yield self.path
        if self.elements > 1:
            head, first, tail = _parted(self.path)
            for index in range(first + 1, first + self.elements):
                yield f"{head}[{index}]{tail}"


class Naming(Protocol):
    """Names the bytes of a snapshot, as a target does."""

    def saved_fields(self, snapshot: Snapshot) -> Sequence[SavedField]: ...


class Places:
    """The places of each field (indexes as `[]`) for each layout of one target's saved bytes."""

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[str, list[Place]]] = {}

    def of(self, snapshot: Snapshot, naming: Naming) -> dict[str, list[Place]]:
        """Return where each field of a snapshot lies, in the order of the bytes."""
        key = snapshot.layout, len(snapshot.data)
        found = self._known.get(key)
        if found is None:
            found = _placed(naming.saved_fields(snapshot))
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
