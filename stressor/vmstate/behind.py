"""Which attributes stand behind described ones that hold nothing of their own: properties, what accessors read,
and what `pre_save` fills for the way, as QEMU's descriptions do.

Found out by trying: an attribute gets another value, and what is described is read again.
"""

from __future__ import annotations

import enum
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, Final, NamedTuple

from stressor.vmstate.description import Description
from stressor.vmstate.graph import Leaf, copied, pieces, put
from stressor.vmstate.kinds import Array, Field, Queue, Scalar, Struct, Temporary, Unused
from stressor.vmstate.values import names_of, same, without_indexes

__all__ = ["Backing", "Behind", "backing"]

_MOST: Final = 1024  # attributes that are tried; what has more keeps its registers in a buffer that is described
_LONGEST: Final = 100_000  # lines of a device's code that may run for one look: in a state that never is, a loop may not end


class Behind(NamedTuple):
    """The field that an attribute shows in, and whether it is all that the field gives, as it stands."""

    path: str
    alone: bool


class Backing(NamedTuple):
    """What stands `behind` fields, by attribute path (with its indexes), and the described attributes (indexes
    as `[]`) that are `filled` from it anew by each `pre_save`: whatever else they hold is of no account."""

    behind: dict[str, Behind]
    filled: frozenset[str]


class _Reading(NamedTuple):
    """What a field gives; whether its attribute is one that holds something."""

    attribute: str
    held: bool
    value: Any


class _Shown(NamedTuple):
    """How a field follows an attribute: whether it ever, and whether it always gives the very value."""

    attribute: str
    held: bool
    ever: bool
    always: bool


def backing(description: Description, device: Any, unsaved: frozenset[str]) -> Backing:
    """Return what stands behind the fields of `description`.

    `device` is a new one that nobody uses: its attributes are tried, its properties read and its hooks run.
    """
    leaves = pieces(device, unsaved)
    held = names_of({path: value for path, _, _, value in leaves})
    described = description.attributes.keys()
    hooks = any(part.pre_save is not None for part in description.everywhere())
    if not hooks and all(name in held or f"{name}[]" in held for name in described):
        return Backing({}, frozenset())  # mostly: a description of plain attributes
    found: dict[str, dict[str, _Shown]] = {}
    counts: set[str] = set()
    for leaf in _single(leaves):
        path, _, _, value = leaf
        shown = _shown(leaf, lambda: dict(_readings(description, device, held, "", "")))
        if described.isdisjoint(names_of({path: value})):
            found[path] = {field: show for field, show in shown.items() if show.ever or not show.held}
        else:
            counts |= {show.attribute for show in shown.values()}
    showing = Counter(field for shown in found.values() for field in shown)
    behind = {}
    for path, shown in found.items():
        if shown:
            field, show = next(iter(shown.items()))
            alone = len(shown) == showing[field] == 1 and show.always and not show.held
            behind[path] = Behind(field, alone)
    filled = {show.attribute for shown in found.values() for show in shown.values() if show.held}
    return Backing(behind, frozenset(map(without_indexes, filled - counts)))


def _shown(leaf: Leaf, read: Callable[[], dict[str, _Reading]]) -> dict[str, _Shown]:
    """Return the fields in which another value of an attribute shows."""
    _, holder, key, value = leaf
    shown: dict[str, _Shown] = {}
    for other in _others(value):
        before = _within(_LONGEST, read)
        after: dict[str, _Reading] = {}
        with suppress(Exception):  # of a byte, and of what a descriptor guards
            put(holder, key, other)
            after = _within(_LONGEST, read)
            put(holder, key, getattr(value, "source", value))
        for field, (attribute, held, now) in after.items():
            if field in before and not same(now, before[field].value):
                earlier, equal = shown.get(field), same(now, other)
                ever, always = (earlier.ever, earlier.always) if earlier else (False, True)
                shown[field] = _Shown(attribute, held, ever or equal, always and equal)
    return shown


class _TooLongError(BaseException):
    """What nobody catches who catches every Exception."""


def _within(lines: int, read: Callable[[], dict[str, _Reading]]) -> dict[str, _Reading]:
    """Return what `read` gives, nothing when it takes more than so many lines: counted, as time is another each run."""
    left, former = lines, sys.gettrace()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLongError
        return trace

    sys.settrace(trace)
    try:
        return read()
    except _TooLongError:
        return {}
    finally:
        sys.settrace(former)


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
        return [value ^ 1, value ^ 0xFF, value ^ 0xFFFF]  # not more: something may be as long as it says
    if type(value) is float:
        return [value + 1]
    if type(value) is bytes:
        return [bytes(byte ^ 0xFF for byte in value)]
    source = getattr(value, "source", None)
    return [member for member in type(source) if member is not source] if isinstance(source, enum.Enum) else []


def _readings(
    description: Description, obj: Any, held: Collection[str], attribute: str, path: str
) -> Iterator[tuple[str, _Reading]]:
    """Yield what each field gives that no attribute holds, or that `pre_save` may have filled, by its path."""
    if description.pre_save is not None:
        with suppress(Exception, SystemExit):
            description.pre_save(obj)
    for field in description.fields:
        name, inner = f"{path}{field.name}", f"{attribute}{field.attribute}"
        if isinstance(field, Unused | Temporary):
            continue
        with suppress(Exception, SystemExit):  # a property may raise for what it is not made for
            if isinstance(field, Struct):
                yield from _readings(field.description, getattr(obj, field.attribute), held, f"{inner}.", f"{name}.")
            elif isinstance(field, Array | Queue) and isinstance(field.element, Description):
                for index, item in enumerate(getattr(obj, field.attribute)):
                    yield from _readings(field.element, item, held, f"{inner}[].", f"{name}[{index}].")
            else:
                is_held = inner in held or f"{inner}[]" in held
                if not is_held or description.pre_save is not None:
                    yield name, _Reading(inner, is_held, _read(field, obj))
    for subsection in description.subsections:
        yield from _readings(subsection, obj, held, attribute, path)


def _read(field: Field, obj: Any) -> Any:
    if isinstance(field, Scalar) and field.read is not None:
        return field.read(obj)
    return copied(getattr(obj, field.attribute))
