"""What of a machine's state is looked at: all of its sections, or those of one device."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Final

from stressor.targets.qemu.interrupts import named_lines
from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream import DeviceSection, Stream

__all__ = ["VOLATILE", "View"]

VOLATILE: Final = {"timer/0": "follows the host's time, even while the machine is stopped"}
"""Sections that are left out of everything, and why."""

_HEADER: Final = re.compile(rb"\x04.{4}\x05timer.{8}", re.DOTALL)
_CLOCK: Final = 24
_FULL: Final = 4
_ID: Final = 5
_VERSION: Final = 4
"""A section: its tag and four bytes of id; name, instance and version; body; a footer with the id."""


class View:
    """Chooses sections by their labels, or without them takes all but the volatile ones."""

    def __init__(self, labels: Collection[str] | None) -> None:
        self._labels: Final = None if labels is None else frozenset(labels)
        self._names: Final = [_named(label) for label in sorted(labels or ())]

    def cut(self, devices: bytes) -> bytes:
        """Return the bodies of the chosen sections, in order; of all of them, with volatile bytes 0.

        Fast: sections are found by their headers and footers. What cannot be found is left out.
        """
        if self._labels is not None:
            found = [match for name in self._names if (match := _section(name, devices))]
            return b"".join(devices[start:end] for start, end in sorted(found))
        clock = _HEADER.search(devices)
        if clock is None:
            return devices
        return devices[: clock.end()] + bytes(_CLOCK) + devices[clock.end() + _CLOCK :]

    def digest(self, devices: bytes) -> bytes:
        """Return a digest of what `cut` returns."""
        return hashlib.blake2b(self.cut(devices), digest_size=16).digest()

    def sections(self, stream: Stream) -> Iterable[DeviceSection]:
        """Yield the chosen sections of a stream, in order."""
        for part in stream.parts:
            if not isinstance(part, DeviceSection) or part.label in VOLATILE:
                continue
            if self._labels is None or part.label in self._labels:
                yield part

    def attributes(self, stream: Stream) -> dict[str, object]:
        """Return every chosen field by its path."""
        return {
            field.path: field.value for section in self.sections(stream) for field in named_lines(section)
        }

    def digest_without(self, stream: Stream, hidden: Collection[str]) -> bytes:
        """Return a digest of all chosen fields but some (indexes dropped; `serial/0.` is all of one).

        Raises StreamError when a section that has such fields is not as it is described.
        """
        digest = hashlib.blake2b(digest_size=16)
        for section in self.sections(stream):
            here = {name for name in hidden if name.startswith(f"{section.label}.")}
            if not here:
                digest.update(section.data)
            elif f"{section.label}." not in here:
                for field in named_lines(section):
                    if without_indexes(field.path) not in here:
                        start = field.offset - section.body
                        digest.update(section.data[start : start + field.size])
        return digest.digest()


def _named(label: str) -> bytes:
    """Return what stands in the header of a section behind its id: its name and instance."""
    name, _, instance = label.partition("#")[0].rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    return bytes([len(encoded)]) + encoded + int(instance).to_bytes(4)


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
