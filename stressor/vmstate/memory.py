"""Taking back what a refused load did.

`remember(object)` keeps its attributes, the content of the containers among them, and what counts
of the parts that are state by one attribute (a timer's deadline, a line's level); `take_back` puts
all of it into the same objects, so aliases stay valid.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from stressor.vmstate.graph import slots_of

__all__ = ["Layout", "refill", "remember", "remember_source", "take_back"]

_CONTAINERS: Final = (bytearray, list, deque, dict, set, array)


class Layout(NamedTuple):
    """What a memory's values are: slots, contents of containers, and attributes of parts."""

    slots: tuple[str, ...]
    containers: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]


def refill(container: Any, items: Iterable[Any]) -> None:
    """Give a mutable container new items, in place."""
    if isinstance(container, deque | set):
        items = list(items)
        container.clear()
        container.extend(items) if isinstance(container, deque) else container.update(items)
    elif isinstance(container, dict):
        items = dict(items)
        container.clear()
        container.update(items)
    elif isinstance(container, array):
        container[:] = array(container.typecode, items)
    else:
        container[:] = items


def take_back(memories: Iterable[tuple[Any, ...]]) -> None:
    """Put what was remembered back into its objects.

    A memory is the object, its `Layout`, a copy of its dict (or None), and the values.
    """
    for obj, layout, attributes, *values in memories:
        if attributes is not None:
            current = obj.__dict__
            current.clear()
            current.update(attributes)
        kept = iter(values)
        for name in layout.slots:
            object.__setattr__(obj, name, next(kept))
        if not _stands_for(obj):
            for name in {*slots_of(type(obj))}.difference(layout.slots):
                if hasattr(obj, name):
                    object.__delattr__(obj, name)
        for name in layout.containers:
            refill(object.__getattribute__(obj, name), next(kept))
        for name, attribute in layout.parts:
            setattr(object.__getattribute__(obj, name), attribute, next(kept))


def _is_wiring(value: object) -> bool:
    """Outputs, for one: what came out of a device cannot be taken back."""
    return getattr(type(value), "live_attributes", ()) is None


def _stands_for(value: object) -> tuple[str, ...]:
    """Return the attributes that are all of an object's state: a timer's deadline, a line's level."""
    return getattr(type(value), "live_attributes", None) or ()


def _layout(obj: Any) -> Layout:
    if _stands_for(obj):
        return Layout(_stands_for(obj), (), ())
    slots = tuple(name for name in slots_of(type(obj)) if hasattr(obj, name))
    values = {**getattr(obj, "__dict__", {}), **{name: getattr(obj, name) for name in slots}}
    return Layout(
        slots,
        tuple(
            name
            for name, value in values.items()
            if isinstance(value, _CONTAINERS) and not _is_wiring(value)
        ),
        tuple((name, part) for name, value in values.items() for part in _stands_for(value)),
    )


def remember(obj: Any) -> tuple[Any, ...]:
    """Return the memory of an object."""
    layout = _layout(obj)
    attributes = None if _stands_for(obj) else getattr(obj, "__dict__", None)
    containers = [object.__getattribute__(obj, name) for name in layout.containers]
    return (
        obj,
        layout,
        None if attributes is None else dict(attributes),
        *[getattr(obj, name) for name in layout.slots],
        *[held[:] if isinstance(held, array) else held.copy() for held in containers],
        *[getattr(object.__getattribute__(obj, name), part) for name, part in layout.parts],
    )


def remember_source(sample: Any, obj: str, attributes: str) -> tuple[Layout, str, str]:
    """Return source that does what `remember` does, for objects shaped as `sample`.

    The layout, a statement that sets the local `attributes` from the local `obj`, and what follows
    the layout in the memory. Run on another object it raises KeyError, AttributeError or TypeError.
    """
    layout = _layout(sample)
    held = None if _stands_for(sample) else getattr(sample, "__dict__", None)

    def at(name: str) -> str:
        return f"{attributes}[{name!r}]" if held is not None and name in held else f"{obj}.{name}"

    values = [None if held is None else f"{attributes}.copy()", *map(at, layout.slots)]
    for name in layout.containers:
        copied = "[:]" if isinstance(getattr(sample, name), array) else ".copy()"
        values.append(at(name) + copied)
    values += [f"{at(name)}.{part}" for name, part in layout.parts]
    source = "None" if held is None else f"{obj}.__dict__"
    return layout, f"{attributes} = {source}", ", ".join(map(str, values))
