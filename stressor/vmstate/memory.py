"""Taking back what a refused load did.

`remember(object)` keeps its attributes, the content of the containers among them, and what counts
of the parts that are state by one attribute (a timer's deadline, a line's level); `take_back` puts
all of it into the same objects, so aliases stay valid.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["Memory", "memory_source", "refill", "remember", "slots_of", "take_back"]

_CONTAINERS: Final = (bytearray, list, deque, dict, set, array)
_MISSING: Final = object()

Contents: TypeAlias = tuple[tuple[Any, Any], ...]


class Memory(NamedTuple):
    """What one object was: its dict, its slots, the contents of containers, the state of parts."""

    attributes: dict[str, Any] | None
    slots: tuple[tuple[str, Any], ...]
    contents: Contents
    parts: tuple[tuple[Any, str, Any], ...]


def slots_of(cls: type) -> Iterator[str]:
    """Yield the names of all slots of a class, as they are to be used in getattr."""
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            yield name


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


def take_back(memories: Iterable[tuple[Any, Any]]) -> None:
    """Put what `remember` kept back into its objects."""
    for obj, memory in memories:
        attributes, slots, contents, parts = memory
        if attributes is not None:
            current = obj.__dict__
            current.clear()
            current.update(attributes)
        for name, value in slots:
            if value is not _MISSING:
                object.__setattr__(obj, name, value)
            elif hasattr(obj, name):
                object.__delattr__(obj, name)
        for container, content in contents:
            refill(container, content)
        for part, name, value in parts:
            setattr(part, name, value)


def _remember(obj: Any) -> Memory:
    attributes = getattr(obj, "__dict__", None)
    kept = None if attributes is None else dict(attributes)
    slots = tuple((name, getattr(obj, name, _MISSING)) for name in slots_of(type(obj)))
    values = [*(kept or {}).values(), *(value for _, value in slots)]
    return Memory(
        kept,
        slots,
        tuple(
            (value, value[:] if isinstance(value, array) else value.copy())
            for value in values
            if isinstance(value, _CONTAINERS) and not _is_wiring(value)
        ),
        tuple((value, name, getattr(value, name)) for value in values for name in _parts(value)),
    )


def _is_wiring(value: object) -> bool:
    """Outputs, for one: what came out of a device cannot be taken back."""
    return getattr(type(value), "live_attributes", ()) is None


def _parts(value: object) -> tuple[str, ...]:
    return getattr(type(value), "live_attributes", None) or ()


def memory_source(sample: Any, obj: str, attributes: str) -> tuple[str, str]:
    """Return source that does what `_remember` does, for objects shaped as `sample`.

    A statement, which sets the local `attributes` from the local `obj`, and the expression of the
    memory. Run on another object it raises KeyError, AttributeError or TypeError.
    """
    cls = type(sample)
    held = getattr(sample, "__dict__", None)
    slots = [name for name in slots_of(cls) if hasattr(sample, name)]
    if getattr(cls, "live_attributes", None):
        slots, held = list(_parts(sample)), None
    values = {f"{obj}.{name}": getattr(sample, name) for name in slots}
    values |= {f"{attributes}[{name!r}]": value for name, value in (held or {}).items()}
    contents = "".join(
        f"({name}, {name}{'[:]' if isinstance(value, array) else '.copy()'}), "
        for name, value in values.items()
        if isinstance(value, _CONTAINERS) and not _is_wiring(value)
    )
    parts = "".join(
        f"({name}, {part!r}, {name}.{part}), "
        for name, value in values.items()
        for part in _parts(value)
    )
    kept = "".join(f"({name!r}, {obj}.{name}), " for name in slots)
    copy = "None" if held is None else f"{attributes}.copy()"
    source = "None" if held is None else f"{obj}.__dict__"
    return f"{attributes} = {source}", f"({copy}, ({kept}), ({contents}), ({parts}))"


def _learn(cls: type, sample: Any) -> Callable[[Any], Any]:
    """Return a fast `_remember` for objects shaped as `sample`, generated."""
    statement, memory = memory_source(sample, "o", "a")
    source = f"def take(o):\n    {statement}\n    return {memory}\n"
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<stressor memory of {cls.__name__}>", "exec"), namespace)
    take = namespace["take"]

    def remember(obj: Any) -> Any:
        try:
            return take(obj)
        except (KeyError, AttributeError, TypeError):  # an attribute has changed its type
            return _remember(obj)

    return remember


class _Remember(dict[type, Callable[[Any], Any]]):
    """By class, how its instances are remembered; learnt from the first one."""

    def __missing__(self, cls: type) -> Callable[[Any], Any]:
        def first(obj: Any) -> Any:
            self[cls] = _learn(cls, obj)
            return self[cls](obj)

        return first


remember: Final = _Remember()
