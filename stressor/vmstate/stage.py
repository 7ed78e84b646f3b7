"""What a load has read and not yet assigned.

Everything is staged before anything is assigned; `commit` then assigns it, runs the hooks and the
validations, and takes all of it back when one of them refuses.
"""

from __future__ import annotations

import inspect
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Final

from stressor.errors import DescriptionError, StreamError
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Timer,
    TimerType,
    Tree,
)
from stressor.vmstate.memory import refill, remember, take_back

__all__ = [
    "MUTABLE",
    "Stage",
    "Staged",
    "container_of",
    "described_objects",
    "fill",
    "fill_part",
    "refusal",
]

MUTABLE: Final = (bytearray, list, deque, array)


class Staged:
    """A read-only view of an object as it will be once the staged values are assigned.

    Properties and methods of the object's class see the view as their `self`. Without an object
    only what is staged is there.
    """

    __slots__ = ("_live", "_staged")

    def __init__(self, live: Any, staged: dict[str, Any]) -> None:
        object.__setattr__(self, "_live", live)
        object.__setattr__(self, "_staged", staged)

    def __getattr__(self, name: str) -> Any:
        staged = object.__getattribute__(self, "_staged")
        if name in staged:
            return staged[name]
        live = object.__getattribute__(self, "_live")
        if live is None:
            raise AttributeError(f"{name!r} is not in the stream before this field")
        found = inspect.getattr_static(type(live), name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)
        if isinstance(found, FunctionType):
            return MethodType(found, self)
        return getattr(live, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name!r} cannot be set while the object is being loaded")

    __delattr__ = __setattr__  # type: ignore[assignment]


class Stage:
    """The assignments and hooks of one load, in order."""

    def __init__(self) -> None:
        self._assignments: list[Callable[[], object]] = []
        self._hooks: list[tuple[Callable[[Any, int], object], Any, int]] = []
        self._rows: list[tuple[Any, Any]] = []

    def assign(self, obj: Any, field: Field, value: Any) -> None:
        """Stage one value; what cannot be assigned is found out now."""
        attribute = field.attribute
        if isinstance(field, Scalar) and field.write is not None:
            write = field.write
            self._assignments.append(lambda: write(obj, value))
        elif isinstance(field, Scalar) and field.equal:
            return
        else:
            self._assignments.append(lambda: setattr(obj, attribute, value))

    def fill(self, obj: Any, field: Field, items: Any) -> None:
        """Stage the content of a container, which is kept."""
        self._assignments.append(lambda: fill(obj, field.attribute, items))

    def fill_part(self, obj: Any, field: Field, start: int, items: Any) -> None:
        """Stage a part of the content of a container, whose other parts are as they are then."""
        self._assignments.append(lambda: fill_part(obj, field.attribute, start, items))

    def deadline(self, timer: Any, deadline: int | None) -> None:
        """Stage the deadline of a timer."""
        self._assignments.append(lambda: setattr(timer, "deadline", deadline))

    def refill(self, owner: str, field: Field, row: Any, items: list[Any]) -> None:
        """Stage the content of one row of a field."""
        if not isinstance(row, MUTABLE):
            raise _cannot_be_filled(owner, field.attribute, row)
        self._rows.append((row, row[:] if isinstance(row, array) else row.copy()))
        self._assignments.append(lambda: refill(row, items))

    def hook(self, post_load: Callable[[Any, int], object], obj: Any, version: int) -> None:
        self._hooks.append((post_load, obj, version))

    def commit(self, description: Description, obj: Any, path: str, offset: int) -> None:
        """Assign everything, or nothing. Raises StreamError when a hook or validation refuses."""
        memories = [*map(remember, described_objects(description, obj))]
        try:
            for assign in self._assignments:
                assign()
            for post_load, part, version in self._hooks:
                post_load(part, version)
            text = description.broken(obj)
            if text is not None:
                raise StreamError(path, offset, f"does not hold after load: {text}")
        except BaseException as error:
            take_back(memories)
            for row, items in self._rows:
                refill(row, items)
            raise refusal(error, path, offset) from error


def described_objects(description: Description, obj: Any) -> Iterator[Any]:
    """Yield every object that a load may touch, whether or not what describes it is in the stream."""
    yield obj
    yield from _described_parts(description, obj)


def _described_parts(description: Description, obj: Any) -> Iterator[Any]:
    for field in description.fields:
        part = getattr(obj, field.attribute, None)
        if part is None:
            continue
        if isinstance(field, Timer):
            yield part
        elif isinstance(field, Struct):
            yield from described_objects(field.description, part)
        elif isinstance(field, Array | Queue | Tree) and not isinstance(field.element, ScalarType):
            for element in _elements(field, part):
                if isinstance(field.element, TimerType):
                    yield element
                else:
                    yield from described_objects(field.element, element)
    for subsection in description.subsections:
        yield from _described_parts(subsection, obj)


def _elements(field: Array | Queue | Tree, held: Any) -> Iterator[Any]:
    """Yield the elements in a container that are there."""
    if isinstance(field, Tree):
        yield from held.values()
    elif isinstance(field, Array) and (field.null or field.columns):
        rows = held if field.columns else [held]
        yield from (item for row in rows for item in row if item is not None)
    else:
        yield from held


def refusal(error: BaseException, path: str, offset: int) -> BaseException:
    """Return what a load raises for an error in a hook: a ValueError is a refusal."""
    if isinstance(error, ValueError):
        return StreamError(path, offset, f"was refused: {error}")
    return error


def container_of(obj: Any, field: Field) -> Any:
    """Return the container in a field's attribute. Raises DescriptionError for none."""
    container = getattr(obj, field.attribute)
    kinds = (dict,) if isinstance(field, Tree) else (*MUTABLE, bytes, tuple)
    if not isinstance(container, kinds):
        raise _cannot_be_filled(type(obj).__name__, field.attribute, container)
    return container


def fill(obj: Any, attribute: str, items: Any) -> None:
    """Give the container in an attribute new items: in place, or another one when it is immutable."""
    container = getattr(obj, attribute)
    if isinstance(container, (*MUTABLE, dict)):
        refill(container, items)
    elif isinstance(container, bytes | tuple):
        setattr(obj, attribute, type(container)(items))
    else:
        raise _cannot_be_filled(type(obj).__name__, attribute, container)


def fill_part(obj: Any, attribute: str, start: int, items: Any) -> None:
    """Give the container in an attribute new items from index `start` on; the others stay."""
    held = list(getattr(obj, attribute))
    fill(obj, attribute, [*held[:start], *items, *held[start + len(items) :]])


def _cannot_be_filled(owner: str, attribute: str, container: object) -> DescriptionError:
    return DescriptionError(
        owner,
        attribute,
        f"holds {type(container).__name__}, which cannot be filled",
        "give it a bytearray, list or deque before loading",
    )
