"""What of a machine's state is looked at: all of its sections, or those of one device."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from stressor.targets.qemu.mask import Mask
from stressor.vmstate.stream import DeviceSection, Stream

__all__ = ["VOLATILE", "View"]

VOLATILE: Final = {"timer/0": "follows the host's time, even while the machine is stopped"}
"""Sections that are left out of everything, and why."""

_HEADER: Final = re.compile(rb"\x04.{4}\x05timer.{8}", re.DOTALL)
_CLOCK: Final = 24

_MASKS: Final = 16
"""Layouts that are kept for what is hidden; subsections come and go, and mostly there are two or three."""


class View:
    """Chooses sections by their labels, or without them takes all but the volatile ones."""

    def __init__(self, labels: Collection[str] | None) -> None:
        self._labels: Final = None if labels is None else frozenset(labels)
        self._patterns: Final = [_pattern(label) for label in sorted(labels or ())]
        self._masks: Final[dict[frozenset[str], deque[Mask]]] = {}

    @property
    def chooses(self) -> bool:
        """Whether sections are chosen by their labels, and stand alone in what `cut` returns."""
        return self._labels is not None

    def cut(self, devices: bytes) -> bytes:
        """Return the bodies of the chosen sections, in order; of all of them, with volatile bytes 0.

        Fast: sections are found by their headers and footers. What cannot be found is left out.
        """
        if self._labels is not None:
            found = [match for pattern in self._patterns if (match := _section(pattern, devices))]
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
            field.path: field.value for section in self.sections(stream) for field in section.fields()
        }

    def digest_without(self, devices: bytes, hidden: Collection[str]) -> bytes | None:
        """Return a digest of the chosen fields but the hidden ones; None when nothing is known of
        how these bytes are laid out, see `learn`."""
        for mask in self._masks.get(frozenset(hidden), ()):
            if mask.fits(devices):
                return mask.digest(devices)
        return None

    def learn(self, devices: bytes, stream: Stream, shift: int, hidden: Collection[str]) -> bytes:
        """Return the same of bytes that were read as `stream`, and know others that are laid out alike.

        `shift` is what a place in `devices` is less than its offset in the stream.
        """
        everything = [part for part in stream.parts if isinstance(part, DeviceSection)]
        mask = Mask(devices, everything, self.sections(stream), shift, hidden)
        masks = self._masks.setdefault(frozenset(hidden), deque(maxlen=_MASKS))
        masks.appendleft(mask)
        return mask.digest(devices)


def _pattern(label: str) -> re.Pattern[bytes]:
    """Return what finds the header of a section: its id in group 1."""
    name, _, instance = label.partition("#")[0].rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    counted = bytes([len(encoded)]) + encoded + int(instance).to_bytes(4)
    return re.compile(rb"\x04(.{4})" + re.escape(counted) + rb".{4}", re.DOTALL)


def _section(pattern: re.Pattern[bytes], devices: bytes) -> tuple[int, int] | None:
    """Return where the body of a section lies."""
    header = pattern.search(devices)
    if header is None:
        return None
    footer = re.compile(re.escape(b"\x7e" + header[1]) + rb"[\x00\x04]").search(devices, header.end())
    return None if footer is None else (header.end(), footer.start())
