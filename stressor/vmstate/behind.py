"""Which attributes stand behind described ones that hold nothing themselves: properties, and what accessors read.

Found out by trying: an attribute gets another value, and what is described is read again.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from stressor.vmstate.description import Description
from stressor.vmstate.graph import Leaf, copied, pieces, put
from stressor.vmstate.kinds import Array, Field, Queue, Scalar, Struct, Temporary, Unused
from stressor.vmstate.values import names_of, same

__all__ = ["Behind", "behind"]

_MOST: Final = 1024  # attributes that are tried; what has more keeps its registers in a buffer that is described


class Behind(NamedTuple):
    """The field that an attribute shows in, and whether it is all that the field gives, as it stands."""

    path: str
    alone: bool


def behind(description: Description, device: Any, unsaved: frozenset[str]) -> dict[str, Behind]:
    """Return for each attribute path (with its indexes) that is not described the first field it shows in.

    `device` is a new one that nobody uses: its properties are read, and its attributes tried.
    """
    leaves = pieces(device, unsaved)
    held = names_of({path: value for path, _, _, value in leaves})
    described = description.attributes
    if all(name in held or f"{name}[]" in held for name in described):
        return {}  # mostly: a description of plain attributes
    found: dict[str, list[tuple[str, bool]]] = {}
    for path, holder, key, value in _single(leaves):
        if not described.keys().isdisjoint(names_of({path: value})):
            continue
        shows: dict[str, bool] = {}
        for other in _others(value):
            before = dict(_readings(description, device, held, "", ""))
            put(holder, key, other)
            after = dict(_readings(description, device, held, "", ""))
            put(holder, key, getattr(value, "source", value))
            for field, read in after.items():
                if not same(read, before.get(field)):
                    shows[field] = same(read, other) and shows.get(field, True)
        if shows:
            found[path] = [*shows.items()]
    showing = [field for fields in found.values() for field, _ in fields]
    return {
        path: Behind(fields[0][0], len(fields) == 1 and fields[0][1] and showing.count(fields[0][0]) == 1)
        for path, fields in found.items()
    }


def _single(leaves: list[Leaf]) -> Iterator[Leaf]:
    """Yield each value by itself, not too many."""
    count = 0
    for path, holder, key, value in leaves:
        parts = [(path, holder, key, value)]
        if isinstance(value, bytearray):
            parts = [(f"{path}[{index}]", value, index, byte) for index, byte in enumerate(value[:_MOST])]
        count += len(parts)
        if count > _MOST:
            return
        yield from parts


def _others(value: Any) -> list[Any]:
    """Return other values of the same type, of which one changes whatever part of it is looked at."""
    if isinstance(value, bool):
        return [not value]
    if type(value) is int:
        return [value ^ 1, value ^ 0xFF, value ^ (1 << 64) - 1]
    if type(value) is float:
        return [value + 1]
    if type(value) is bytes:
        return [bytes(byte ^ 0xFF for byte in value)]
    source = getattr(value, "source", None)
    return [member for member in type(source) if member is not source] if isinstance(source, enum.Enum) else []


def _readings(
    description: Description, obj: Any, held: Collection[str], attribute: str, path: str
) -> Iterator[tuple[str, Any]]:
    """Yield what each field gives that no attribute holds, with its path."""
    for field in description.fields:
        inner = f"{attribute}{field.attribute}"
        if isinstance(field, Unused | Temporary):
            continue
        with suppress(Exception):  # a property may raise for what it is not made for
            if isinstance(field, Struct):
                yield from _readings(field.description, getattr(obj, field.attribute), held, f"{inner}.", f"{path}{field.name}.")
            elif isinstance(field, Array | Queue) and isinstance(field.element, Description):
                for index, item in enumerate(getattr(obj, field.attribute)):
                    yield from _readings(field.element, item, held, f"{inner}[].", f"{path}{field.name}[{index}].")
            elif inner not in held and f"{inner}[]" not in held:
                yield f"{path}{field.name}", _read(field, obj)
    for subsection in description.subsections:
        yield from _readings(subsection, obj, held, attribute, path)


def _read(field: Field, obj: Any) -> Any:
    if isinstance(field, Scalar) and field.read is not None:
        return field.read(obj)
    return copied(getattr(obj, field.attribute))
