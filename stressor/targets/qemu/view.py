"""What of a machine's state is looked at: all of its sections, or those of one device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from stressor.targets.qemu.interrupts import named_lines
from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream import DeviceSection, Stream
from stressor.vmstate.wire import NamedField

__all__ = ["VOLATILE", "View", "whole_section"]

VOLATILE: Final = {"timer/0": "holds the host's time beside the virtual one"}
"""Sections that are left out of everything, and why."""

_COUNTING: Final = "cpu/0"
"""The processor that counts while time passes: it is stopped wherever it is. There is no guest on it."""

_FULL: Final = 4
_ID: Final = 5
_VERSION: Final = 4
"""A section: its tag and four bytes of id; name, instance and version; body; a footer with the id."""
_MAGIC: Final = 8
"""Bytes before the first section of what `xen-save-devices-state` writes."""


class View:
    """Chooses sections by their labels, or without them takes all but the volatile ones."""

    def __init__(self, labels: Collection[str] | None) -> None:
        self._labels: Final = None if labels is None else frozenset(labels)
        self._names: Final = [_named(label) for label in sorted({*VOLATILE, _COUNTING} if labels is None else labels)]
        self._places: Final[dict[bytes, tuple[int, int]]] = {}
        self._holes: Final[dict[tuple[int, frozenset[str]], list[tuple[int, int]]]] = {}

    def cut(self, devices: bytes) -> bytes:
        """Return the bodies of the chosen sections, in order; of all of them, with volatile bytes 0.

        Fast: sections are found by their headers and footers. What cannot be found is left out.
        """
        if self._labels is not None:
            return b"".join(devices[start:end] for start, end in sorted(self._found(devices)))
        for start, end in self._found(devices):
            devices = devices[:start] + bytes(end - start) + devices[end:]
        return devices

    def _found(self, devices: bytes) -> Iterator[tuple[int, int]]:
        """Yield where the bodies of the named sections lie: mostly where they lay the last time. To
        search for them costs as much as QEMU takes to save them."""
        for name in self._names:
            place = self._places.get(name)
            if place is None or not _is_section(name, devices, *place):
                place = _section(name, devices)
            if place is not None:
                self._places[name] = place
                yield place

    def masked(
        self, devices: bytes, hidden: Collection[str], parse: Callable[[bytes], Stream]
    ) -> bytes:
        """Return what `cut` does, with the bytes of some fields 0 (indexes dropped; `serial/0.` is all
        of one). Where they lie is worked out once for each length, as equal lengths lie alike."""
        data = self.cut(devices)
        if not hidden:
            return data
        key = len(devices), frozenset(hidden)
        holes = self._holes.get(key)
        if holes is None:
            whole = tuple(name for name in hidden if name.endswith("."))
            holes = self._holes[key] = [
                (offset, field.size)
                for field, offset in self.placed(parse(devices))
                if without_indexes(field.path) in hidden or field.path.startswith(whole)
            ]
        left = bytearray(data)
        for offset, size in holes:
            left[offset : offset + size] = bytes(size)
        return bytes(left[: len(data)])

    def placed(self, stream: Stream) -> Iterator[tuple[NamedField, int]]:
        """Yield every chosen field, and where it lies in what `cut` returns."""
        first = next((part for part in stream.parts if isinstance(part, DeviceSection)), None)
        at = 0
        for section in self.sections(stream):
            if self._labels is None:
                at = section.body + _MAGIC - (first.offset if first else 0)
            for field in named_lines(section):
                yield field, at + field.offset - section.body
            at += len(section.data)

    def located(self, stream: Stream) -> Iterator[tuple[NamedField, int]]:
        """Yield every chosen field, and where it lies among all device sections."""
        first = next((part for part in stream.parts if isinstance(part, DeviceSection)), None)
        shift = _MAGIC - (first.offset if first else 0)
        for section in self.sections(stream):
            for field in section.fields():
                yield field, field.offset + shift

    def sections(self, stream: Stream) -> Iterable[DeviceSection]:
        """Yield the chosen sections of a stream, in order."""
        for part in stream.parts:
            if not isinstance(part, DeviceSection) or part.label in VOLATILE:
                continue
            if part.label != _COUNTING if self._labels is None else part.label in self._labels:
                yield part

    def doubled(self, stream: Stream) -> tuple[str, ...]:
        """Return the labels of chosen sections that bear the name and instance of an earlier one: a
        load gives both to whoever is found by that name."""
        return tuple(section.label for section in self.sections(stream) if "#" in section.label)

    def attributes(self, stream: Stream) -> dict[str, object]:
        """Return every chosen field by its path."""
        return {
            field.path: field.value for section in self.sections(stream) for field in named_lines(section)
        }


def whole_section(label: str, devices: bytes) -> bytes:
    """Return a section with its header and footer; nothing when it is not there."""
    named = _named(label)
    place = _section(named, devices)
    if place is None:
        return b""
    return devices[place[0] - _VERSION - len(named) - _ID : place[1] + _ID]


def _named(label: str) -> bytes:
    """Return what stands in the header of a section behind its id: its name and instance."""
    name, _, instance = label.partition("#")[0].rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    return bytes([len(encoded)]) + encoded + int(instance).to_bytes(4)


def _is_section(named: bytes, devices: bytes, start: int, end: int) -> bool:
    """Return whether a section's body lies there."""
    at = start - _VERSION - len(named)
    footer = b"\x7e" + devices[at - _ID + 1 : at]
    return (
        devices.startswith(named, at)
        and devices[at - _ID] == _FULL
        and devices.startswith(footer, end)
        and devices[end + _ID : end + _ID + 1] in (b"\0", b"\x04")
    )


def _section(named: bytes, devices: bytes) -> tuple[int, int] | None:
    """Return where the body of a section lies."""
    at = devices.find(named, _ID)
    while at >= 0 and devices[at - _ID] != _FULL:
        at = devices.find(named, at + 1)
    if at < 0:
        return None
    footer = b"\x7e" + devices[at - _ID + 1 : at]
    start = at + len(named) + _VERSION
    end = devices.find(footer, start)
    while end >= 0 and devices[end + _ID : end + _ID + 1] not in (b"\0", b"\x04"):
        end = devices.find(footer, end + 1)
    return None if end < 0 else (start, end)
