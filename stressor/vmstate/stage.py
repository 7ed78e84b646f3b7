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
from stressor.vmstate.kinds import Array, Field, Queue, Scalar, ScalarType, Struct, Timer
from stressor.vmstate.memory import refill, remember, take_back

__all__ = ["MUTABLE", "Stage", "Staged", "described_objects", "fill", "refusal"]

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

    def assign(self, obj: Any, field: Field, value: Any) -> None:
        """Stage one value; what cannot be assigned is found out now."""
        attribute = field.attribute
        if isinstance(field, Scalar) and field.write is not None:
            write = field.write
            self._assignments.append(lambda: write(obj, value))
        elif isinstance(field, Scalar) and field.equal:
            return
        elif isinstance(field, Timer):
            timer = getattr(obj, attribute)
            self._assignments.append(lambda: setattr(timer, "deadline", value))
        else:
            self._assignments.append(lambda: setattr(obj, attribute, value))

    def fill(self, obj: Any, field: Field, items: Any) -> None:
        """Stage the content of a container, which is kept."""
        self._assignments.append(lambda: fill(obj, field.attribute, items))

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
        elif isinstance(field, Array | Queue) and not isinstance(field.element, ScalarType):
            for element in part:
                yield from described_objects(field.element, element)
    for subsection in description.subsections:
        yield from _described_parts(subsection, obj)


def refusal(error: BaseException, path: str, offset: int) -> BaseException:
    """Return what a load raises for an error in a hook: a ValueError is a refusal."""
    if isinstance(error, ValueError):
        return StreamError(path, offset, f"was refused: {error}")
    return error


def fill(obj: Any, attribute: str, items: Any) -> None:
    """Give the container in an attribute new items: in place, or another one when it is immutable."""
    container = getattr(obj, attribute)
    if isinstance(container, MUTABLE):
        refill(container, items)
    elif isinstance(container, bytes | tuple):
        setattr(obj, attribute, type(container)(items))
    else:
        raise DescriptionError(
            type(obj).__name__,
            attribute,
            f"holds {type(container).__name__}, which cannot be filled",
            "give it a bytearray, list or deque before loading",
        )
