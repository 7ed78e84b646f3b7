"""The fields of an object as places that can be looked at, and moved to other values."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Field,
    Predicate,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Temporary,
    Timer,
    TimerType,
    Tree,
    Unused,
)
from stressor.vmstate.stage import fill, fill_part

__all__ = ["Gate", "Holder", "Place", "other_numbers", "places"]

Holder: TypeAlias = Callable[[Any], Any]
_PATTERN: Final = 0xA596_5AC3_3CA5_695A  # no byte of it is zero, and no two are alike in a row
_LATE: Final = 0x0123_4567_89AB  # ns, more than 32 bits


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition of the object that `holder` finds from the whole one."""

    predicate: Predicate
    holder: Holder

    def open(self, root: Any) -> bool:
        try:
            return bool(self.predicate(self.holder(root)))
        except (AttributeError, TypeError, IndexError):
            return False  # of a part that is not there


@dataclass(frozen=True, slots=True)
class Place:
    """One field: its `path`, the object that has it, and when it travels."""

    path: str
    field: Field
    holder: Holder
    gates: tuple[Gate, ...]
    since: int
    count: Holder | None = None
    """How many items of a container travel, when an attribute says so."""

    @property
    def settled(self) -> bool:
        """Whether a load must find the value that is there: it is configuration."""
        field = self.field
        if not isinstance(field, Scalar):
            return False
        return field.equal or field.maximum in (field.name, field.attribute)

    def owns(self, path: str) -> bool:
        """Return whether a piece of the saved bytes is of this field."""
        return path == self.path or path.startswith((self.path + ".", self.path + "["))

    def get(self, root: Any) -> Any:
        """Return the value as plain data; of objects in a container, how many there are."""
        obj, field = self.holder(root), self.field
        if isinstance(field, Scalar) and field.read is not None:
            return field.read(obj)
        value = getattr(obj, field.attribute)
        match field:
            case Timer():
                return value.deadline
            case Buffer() if field.start is not None:
                return bytes(value)[field.start : field.start + field.size]
            case Buffer():
                return bytes(value)[: self._travelling(root)]
            case Array():
                return _plain_elements(field, value)[: self._travelling(root)]
            case Queue() | Tree():
                simple = isinstance(field, Queue) and isinstance(field.element, ScalarType)
                return [*value] if simple else len(value)
        return value

    def _travelling(self, root: Any) -> int | None:
        return None if self.count is None else self.count(root)

    def set(self, root: Any, value: Any) -> None:
        """Give the field a value that `others` gave."""
        obj, field = self.holder(root), self.field
        match field:
            case Scalar() if field.write is not None:
                field.write(obj, value)
            case Timer():
                getattr(obj, field.attribute).deadline = value
            case Array():
                _set_elements(field, obj, value)
            case Buffer() if field.start is not None or field.fixed:
                fill_part(obj, field.attribute, field.start or 0, value)
            case Buffer() | Queue() | Tree():
                fill(obj, field.attribute, value)
            case _:
                setattr(obj, field.attribute, value)

    def others(self, root: Any) -> Iterator[Any]:
        """Yield values that the field can have and has not, the most telling first."""
        field, now = self.field, self.get(root)
        match field:
            case Scalar():
                for number in other_numbers(field.type, now):
                    if isinstance(field.maximum, str) or 0 <= number <= (field.maximum or number):
                        yield number
            case Timer():
                yield from (when for when in (_LATE, 1, None) if when != now)
            case Buffer() if now:
                yield bytes(byte ^ (0x5A + index & 0xFF or 1) for index, byte in enumerate(now))
                yield from (_one_other(now, index) for index in range(len(now)))
            case Bitmap() if field.length is None:
                yield now ^ ((1 << field.bits) - 1)
                yield from (now ^ 1 << bit for bit in range(field.bits))
            case Array():
                yield from _other_elements(field, now)
            case Queue() | Tree():
                yield from _other_contents(field, getattr(self.holder(root), field.attribute))


def places(description: Description, root: Any) -> Iterator[Place]:
    """Yield the fields that an object has now, in the order in which they travel.

    Of the objects in an array the first stands for all. What has no attribute of its own is left
    out: padding, temporary objects, and parts that are None.
    """
    yield from _places(description, root, lambda whole: whole, "", ())


def _places(
    description: Description,
    root: Any,
    holder: Holder,
    path: str,
    gates: tuple[Gate, ...],
    version: int | None = None,
) -> Iterator[Place]:
    for field in description.fields:
        name = path + field.name
        if version is not None and field.since > version:
            continue
        inner = gates if field.when is None else (*gates, Gate(field.when, holder))
        if isinstance(field, Unused | Temporary):
            continue
        if isinstance(field, Struct):
            part = _attribute(holder, field.attribute)
            if part(root) is not None:
                yield from _places(
                    field.description, root, part, name + ".", inner, field.version
                )
        elif isinstance(field, Array) and isinstance(field.element, Description):
            first = _first_element(field, holder, root)
            if first is not None:
                index, element = first
                yield from _places(field.element, root, element, f"{name}{index}.", inner)
        else:
            yield Place(name, field, holder, inner, field.since, _count(description, field, holder))
    for subsection in description.subsections:
        assert subsection.needed is not None
        yield from _places(subsection, root, holder, path, (*gates, Gate(subsection.needed, holder)))


def _count(description: Description, field: Field, holder: Holder) -> Holder | None:
    """Return what finds the number of items that travel; a length is named as field or attribute."""
    if not isinstance(field, Buffer | Array) or field.length is None:
        return None
    length, times = field.length, field.multiply
    for other in description.fields:
        if isinstance(other, Scalar) and length in (other.name, other.attribute):
            if other.read is not None:
                read = other.read
                return lambda root: read(holder(root)) * times
            length = other.attribute
    return lambda root: getattr(holder(root), length) * times


def _attribute(holder: Holder, attribute: str) -> Holder:
    return lambda root: getattr(holder(root), attribute)


def _first_element(field: Array, holder: Holder, root: Any) -> tuple[str, Holder] | None:
    """Return the index, in brackets, and the holder of the first element that is there."""
    items = getattr(holder(root), field.attribute)
    if field.columns is not None:
        return "[0][0]", lambda root: getattr(holder(root), field.attribute)[0][0]
    for index in range(field.start or 0, len(items)):
        if items[index] is not None:
            return f"[{index}]", lambda root, at=index: getattr(holder(root), field.attribute)[at]
    return None


def other_numbers(type_: ScalarType, now: Any) -> Iterator[Any]:
    """Yield numbers of a type that differ from `now`."""
    if type_.code == "?":
        yield not now
        return
    if type_.code == "d":
        yield from (number for number in (1.5, -0.25, 0.0) if number != now or math.isnan(now))
        return
    bits = 8 * type_.size
    pattern = _PATTERN & (1 << bits) - 1
    if pattern > type_.high:
        pattern -= 1 << bits
    near = (now ^ 1 << bit for bit in range(bits - (type_.low < 0)))
    for number in dict.fromkeys((pattern, 0, 1, -1, type_.high, type_.low, *near)):
        if type_.low <= number <= type_.high and number != now:
            yield number


def _one_other(data: bytes, index: int) -> bytes:
    return data[:index] + bytes([data[index] ^ 0x81]) + data[index + 1 :]


def _plain_elements(field: Array, value: Any) -> list[Any]:
    items = [item for row in value for item in row] if field.columns else list(value)
    if field.start is not None:
        items = items[field.start : field.start + field.count]
    if isinstance(field.element, TimerType):
        return [None if item is None else item.deadline for item in items]
    return items


def _set_elements(field: Array, obj: Any, values: list[Any]) -> None:
    held = getattr(obj, field.attribute)
    if isinstance(field.element, TimerType):
        for timer, deadline in zip(held[field.start or 0 :], values, strict=False):
            if timer is not None:
                timer.deadline = deadline
    elif field.columns is not None:
        for index, row in enumerate(held):
            row[:] = type(row)(values[index * field.columns : (index + 1) * field.columns])
    else:
        fill_part(obj, field.attribute, field.start or 0, values)


def _other_elements(field: Array, now: list[Any]) -> Iterator[list[Any]]:
    """Yield all elements moved, and then one moved at a time; what is None stays."""

    def moved(index: int) -> Any:
        value = now[index]
        if isinstance(field.element, TimerType):
            return _LATE + index if value != _LATE + index else None
        assert isinstance(field.element, ScalarType)
        others = [*other_numbers(field.element, value)]
        return others[index % min(len(others), 3)]

    there = [index for index, value in enumerate(now) if not (field.null and value is None)]
    if there:
        yield [moved(index) if index in there else None for index in range(len(now))]
    for index in there:
        yield [*now[:index], moved(index), *now[index + 1 :]]


def _other_contents(field: Queue | Tree, held: Any) -> Iterator[Any]:
    """Yield one element more, and one fewer."""
    room = len(held) < field.maximum
    if isinstance(held, deque) and held.maxlen is not None:
        room = room and len(held) < held.maxlen
    if isinstance(field, Tree):
        width = 1 if field.key is None else len(field.key.fields)
        keys = (number if field.key is None else (number,) * width for number in range(1 << 16))
        if room:
            yield {**held, next(key for key in keys if key not in held): field.factory()}
        if held:
            yield dict([*held.items()][:-1])
        return
    items = [*held]
    if room and isinstance(field.element, ScalarType):
        yield [*items, next(other_numbers(field.element, False if field.element.code == "?" else 0))]
    elif room:
        assert field.factory is not None
        yield [*items, field.factory()]
    if items:
        yield items[:-1]
