"""What is done to a stream on its way to the load: fields reset, cut, exchanged."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final, Protocol

from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import AtReset, Place, Where
from stressor.loop.target import Snapshot
from stressor.vmstate.live import without_indexes

__all__ = ["Edit", "StreamEdit", "edit_of"]

_LAYOUTS: Final = 4096


class Edit(Protocol):
    """Is given what was saved, and what says where its fields lie; returns what is loaded instead."""

    def __call__(self, snapshot: Snapshot, places: Callable[[], Where]) -> bytes: ...


class StreamEdit:
    """Changes saved bytes. How is worked out once for each layout; `changed` counts how often it made a
    difference."""

    def __init__(self, plan: Callable[[Where], Callable[[bytes], bytes] | None]) -> None:
        self._plan = plan
        self._plans: dict[Hashable, Callable[[bytes], bytes] | None] = {}
        self.changed = 0

    def __call__(self, snapshot: Snapshot, places: Callable[[], Where]) -> bytes:
        data = snapshot.data
        key = snapshot.layout, len(data)
        if key in self._plans:
            change = self._plans[key]
        else:
            change = self._plan(places())
            if len(self._plans) < _LAYOUTS:
                self._plans[key] = change
        if change is None:
            return data
        edited = change(data)
        self.changed += edited != data
        return edited


def edit_of(mutant: Mutant, reset: AtReset, bit: int) -> StreamEdit:
    """Return what a mutant does to a stream.

    `bit` is the one that is cut off, counted from the lowest.
    """
    field = without_indexes(mutant.field)
    match mutant.loss:
        case Loss.AT_RESET:
            return StreamEdit(lambda where: _replacing(where.get(field, ()), reset))
        case Loss.ELEMENT:
            return StreamEdit(lambda where: _replacing(_element(where.get(field, ()), mutant.field), reset))
        case Loss.TRUNCATED:
            return StreamEdit(lambda where: _clearing(where.get(field, ()), bit))
        case Loss.SWAPPED:
            return StreamEdit(lambda where: _exchanging(where.get(field, ()), where.get(mutant.other, ())))
        case _:
            raise ValueError(f"{mutant.loss} does not change a stream")


def _element(places: Iterable[Place], path: str) -> list[Place]:
    return [
        Place(path, place.kind, place.offset + index * place.size, place.size, 1)
        for place in places
        for index, element in enumerate(place.paths())
        if element == path
    ]


def _replacing(
    places: Iterable[Place], reset: AtReset
) -> Callable[[bytes], bytes] | None:
    pieces = [(place.offset, place.end, reset.of(place)) for place in places]

    def change(data: bytes) -> bytes:
        edited = bytearray(data)
        for start, end, piece in pieces:
            edited[start:end] = piece
        return bytes(edited)

    return change if pieces else None


def _clearing(places: Iterable[Place], bit: int) -> Callable[[bytes], bytes] | None:
    masks = [
        (place.offset, place.end, int.from_bytes(((1 << 8 * place.size) - 1 & ~(1 << bit)).to_bytes(place.size) * place.elements))
        for place in places
        if bit < 8 * place.size
    ]

    def change(data: bytes) -> bytes:
        edited = bytearray(data)
        for start, end, mask in masks:
            edited[start:end] = (int.from_bytes(data[start:end]) & mask).to_bytes(end - start)
        return bytes(edited)

    return change if masks else None


def _exchanging(
    ones: Iterable[Place], others: Iterable[Place]
) -> Callable[[bytes], bytes] | None:
    pairs = [
        (one.offset, one.end, other.offset, other.end)
        for one, other in zip(ones, others, strict=False)
        if one.end - one.offset == other.end - other.offset
    ]

    def change(data: bytes) -> bytes:
        edited = bytearray(data)
        for start, end, other_start, other_end in pairs:
            edited[start:end], edited[other_start:other_end] = data[other_start:other_end], data[start:end]
        return bytes(edited)

    return change if pairs else None
