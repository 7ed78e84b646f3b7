"""Loading a stream into devices: each section into the object that it is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stressor.errors import StreamError
from stressor.vmstate.load import load_body
from stressor.vmstate.section import Section
from stressor.vmstate.stream.parts import DeviceSection
from stressor.vmstate.stream.whole import Stream

__all__ = ["Loaded", "load_stream"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Labels of sections: loaded; skipped, since optional and not known; absent, though known."""

    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    absent: tuple[str, ...]


def load_stream(stream: Stream, known: Iterable[tuple[Section, Any]]) -> Loaded:
    """Load each device section into the object that `known` gives for its name and instance.

    A section that is not known is an error, unless the writer marked it optional (`"optional":
    true` in the stream's description of it); then it is skipped by its length. Of two known
    sections of one name and instance the first is for the first in the stream.

    Raises StreamError: for an unknown section before anything is loaded; for one whose bytes are
    refused, with its object as it was and those of sections before it loaded.
    """
    targets: dict[str, tuple[Section, Any]] = {}
    counts: dict[str, int] = {}
    for section, obj in known:
        name = f"{section.description.name}/{section.instance}"
        count = counts[name] = counts.get(name, 0) + 1
        targets[name if count == 1 else f"{name}#{count}"] = section, obj
    skipped = [part.label for part in stream.sections if _skip(part, targets)]
    loaded = []
    for part in stream.sections:
        if part.label in targets:
            section, obj = targets[part.label]
            load_body(
                section.description, obj, part.data, part.version, f"{part.label}.", part.body
            )
            loaded.append(part.label)
    absent = tuple(label for label in targets if label not in loaded)
    return Loaded(tuple(loaded), tuple(skipped), absent)


def _skip(part: DeviceSection, targets: dict[str, tuple[Section, Any]]) -> bool:
    """Return whether to skip a section. Raises StreamError if it is neither known nor optional."""
    if part.label in targets:
        return False
    if part.optional:
        return True
    raise StreamError(
        part.label, part.offset, "is not known here, and its writer did not mark it optional"
    )
