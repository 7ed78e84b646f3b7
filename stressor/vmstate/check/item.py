"""A field where it stands, and whether it is in a stream: what saves it, what would read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from stressor.vmstate.check.difference import Side
from stressor.vmstate.dump.model import DumpedDescription, DumpedField

__all__ = ["Item", "Link", "Presence", "items_of", "opened", "presence", "tail_of"]


class Presence(IntEnum):
    """Whether a field is in a stream; MAYBE is for the device to decide."""

    NO = 0
    MAYBE = 1
    YES = 2


class Link(NamedTuple):
    """What decides about one field on the way down to an item.

    Its `version_id` and `field_exists`, the version of the description that it stands in, and
    whether that is embedded: the version of a section or subsection travels, and the reader goes by
    it; the version of an embedded description does not, and the reader goes by its own.
    """

    version: int
    conditional: bool
    scope: int
    embedded: bool


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A field at `path` in its section; `links` lead to it, its own last."""

    field: DumpedField
    path: str
    links: tuple[Link, ...]

    @property
    def width(self) -> int | None:
        """Bytes in the stream, as far as the dump says so; None for a struct or an unknown size."""
        if self.field.description is not None or not self.field.size:
            return None
        return self.field.size * (1 if self.field.count is None else self.field.count)

    def side(self) -> Side:
        """Return what a difference says of it."""
        field = self.field
        return Side(
            field.name,
            field.version,
            conditional=field.conditional,
            size=None if field.description is not None else field.size,
            count=field.count,
        )


def tail_of(name: str) -> str:
    """Return the last word of a name, which in QEMU is a C expression: `mac` of `core.mac`."""
    return name.replace("->", ".").rpartition(".")[2]


def presence(links: Sequence[Link], stream: int | None = None) -> Presence:
    """Return whether the field at the end of `links` travels.

    Saved by its own description (`stream` None), or read from a section or subsection of the
    version `stream`. QEMU asks `field_exists` where there is one, and else the version.
    """
    found = Presence.YES
    for link in links:
        if link.conditional:
            found = min(found, Presence.MAYBE)
        elif link.version > (link.scope if stream is None or link.embedded else stream):
            return Presence.NO
    return found


def items_of(
    description: DumpedDescription, path: str, links: tuple[Link, ...], embedded: bool
) -> list[Item]:
    """Return the fields of a description that stands at `path`, in order."""
    prefix = f"{path}." if path else ""
    return [
        Item(
            field,
            prefix + field.name,
            (*links, Link(field.version, field.conditional, description.version, embedded)),
        )
        for field in description.fields
    ]


def opened(items: Sequence[Item]) -> list[Item]:
    """Return the same bytes without structs around them; arrays of structs stay closed."""
    found: list[Item] = []
    for item in items:
        inner = item.field.description
        if inner is None or not inner.fields or item.field.count not in (None, 1):
            found.append(item)
        else:
            found += opened(items_of(inner, item.path, item.links, True))
    return found
