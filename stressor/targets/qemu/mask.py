"""Where hidden fields lie in a machine's device sections: worked out once for each layout of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream import DeviceSection
from stressor.vmstate.wire import NamedField

__all__ = ["Mask"]

_STRUCTURE: Final = ("subsection", "marker")
"""Kinds of fields whose values say which others follow."""

Spans = tuple[tuple[int, int], ...]


class Mask:
    """Digests device sections without the `hidden` fields (indexes dropped; `serial/0.` is all of one).

    `devices` are the bytes that all sections, and the `chosen` ones among them, were read from;
    `shift` is what a place in them is less than its offset in the stream. Naming every field costs
    up to 40 ms, and a mask is good for all bytes that `fits` says yes to.
    """

    def __init__(
        self,
        devices: bytes,
        sections: Iterable[DeviceSection],
        chosen: Iterable[DeviceSection],
        shift: int,
        hidden: Collection[str],
    ) -> None:
        whole = tuple(name for name in hidden if name.endswith("."))
        self._length: Final = len(devices)
        self._between: Final = _spans(_between(devices, sections, shift))
        self._structure: Final = self._cut(devices, self._between)
        self._seen: Final = _spans(
            (field.offset - shift, field.size)
            for section in chosen
            for field in section.fields()
            if not (field.path.startswith(whole) or without_indexes(field.path) in hidden)
        )

    def fits(self, devices: bytes) -> bool:
        """Return whether other bytes have the same fields at the same places."""
        return len(devices) == self._length and self._cut(devices, self._between) == self._structure

    def digest(self, devices: bytes) -> bytes:
        """Return a digest of the chosen sections without what is hidden; `fits` has to hold."""
        return hashlib.blake2b(self._cut(devices, self._seen), digest_size=16).digest()

    def _cut(self, devices: bytes, spans: Spans) -> bytes:
        return b"".join([devices[start:end] for start, end in spans])


def _between(
    devices: bytes, sections: Iterable[DeviceSection], shift: int
) -> Iterator[tuple[int, int]]:
    """Yield place and size of everything that is no field: headers, footers, subsections' names."""
    at = 0
    for section in sections:
        for field in section.fields():
            if field.kind not in _STRUCTURE:
                yield at, field.offset - shift - at
                at = _end(field, shift)
    yield at, len(devices) - at


def _end(field: NamedField, shift: int) -> int:
    return field.offset - shift + field.size


def _spans(pieces: Iterable[tuple[int, int]]) -> Spans:
    """Return starts and ends of places with sizes, those side by side as one."""
    spans: list[tuple[int, int]] = []
    for start, size in pieces:
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], start + size
        elif size:
            spans.append((start, start + size))
    return tuple(spans)
