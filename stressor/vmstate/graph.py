"""The object graph below a device: every value by its path, as it is walked for reports."""

from __future__ import annotations

import enum
import numbers
import random
import re
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from hashlib import blake2b
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, Final, TypeAlias

from stressor.vmstate.values import Values, without_indexes

__all__ = [
    "Leaf",
    "Summary",
    "copied",
    "covered",
    "covering",
    "is_frozen",
    "is_value",
    "key_text",
    "member_names",
    "opaque",
    "pieces",
    "put",
    "slots_of",
    "summary",
    "values",
    "way_of",
    "window",
]

SCALARS: Final = (int, float, bool, str, bytes, type(None), complex)
_ENDS: Final = re.compile(r"[.\[]|$")
_HEAP, _IMMUTABLE = 1 << 9, 1 << 8  # flags of types, see Include/object.h: classes in Python have the first, and not the second
_LARGE: Final = 256  # bytes of a buffer that are not shown, but what tells of them
_WAYS: Final[dict[str, tuple[type, ...]]] = {
    "named": (enum.Enum, FunctionType, MethodType, BuiltinFunctionType, type, ModuleType),
    "buffer": (bytearray, memoryview, array),
    "list": (list, tuple, deque),
    "dict": (dict,),
    "set": (set, frozenset),
    "whole": (random.Random, str, bytes, numbers.Number),
}
"""How the values of these classes are walked, of the first that one belongs to. What is named counts by its name alone."""
_WIRING: Final = frozenset(("logging", "_thread"))  # modules of what the whole program shares: loggers, locks


Leaf: TypeAlias = tuple[str, Any, Any, Any]
"""One value in the graph: its path, the holder and the key by which it hangs there (attribute or item), and the value.
A plain tuple, as there are a hundred in a device and five walks in an investigation."""


def put(holder: Any, key: Any, value: Any) -> None:
    """Set an item or an attribute, past any setter; what is not to be set is left alone: others may have it too."""
    if isinstance(holder, list | deque | bytearray | dict | array):
        holder[key] = value
    elif not isinstance(holder, tuple | set | frozenset) and not is_frozen(type(holder)):
        object.__setattr__(holder, key, value)


def is_frozen(cls: type) -> bool:
    """Return whether instances cannot be changed: of a frozen dataclass, or a class of attrs' or msgspec's that is."""
    for parameters in ("__dataclass_params__", "__struct_config__"):
        if getattr(getattr(cls, parameters, None), "frozen", False):
            return True
    return bool(getattr(getattr(cls, "__attrs_props__", None), "is_frozen", False))


def is_value(value: Any) -> bool:
    """Return whether it never changes, so that one object at two places is no other state than two equal ones."""
    cls = type(value)
    if cls in SCALARS:
        return True
    way = way_of(cls)
    if way == "whole":
        return getattr(cls, "__hash__", None) not in (None, object.__hash__)  # it counts by what it is
    if isinstance(value, tuple | frozenset):
        return all(map(is_value, value))
    return way == "named" or (is_frozen(cls) and all(is_value(object.__getattribute__(value, name)) for name in member_names(value)))


def key_text(key: object) -> str:
    """Return the text of a dict's key in a path."""
    return repr(key) if type(key) in SCALARS or type(key) is tuple else str(summary(key))


def window(view: memoryview) -> tuple[int, int, str] | None:
    """Return where a view begins and ends in the object behind it, in bytes, and its format; None where that cannot be
    told."""
    import ctypes  # 2 ms, for devices with views alone

    if view.readonly or view.ndim != 1 or not view.c_contiguous:
        return None
    if not view.nbytes:
        return 0, 0, view.format
    start = ctypes.addressof(ctypes.c_char.from_buffer(view)) - ctypes.addressof(ctypes.c_char.from_buffer(view.obj))
    return start, start + view.nbytes, view.format


def member_names(value: Any) -> Iterator[str]:
    """Yield the instance attributes of an object, from its dict and its slots."""
    yield from getattr(value, "__dict__", ())
    yield from (name for name in slots_of(type(value)) if hasattr(value, name))


def _slots_of(cls: type) -> tuple[str, ...]:
    names: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            names.append(name)
    return tuple(names)


slots_of: Callable[[type], tuple[str, ...]] = lru_cache(maxsize=1024)(_slots_of)
"""Return the names of all slots of a class, as they are to be used in getattr."""


class Summary(str):
    """Text that stands for a value that is not walked into, and that value itself."""

    source: Any
    """Not there where the text stands for another place in the walk."""
    place: str
    """That other place."""
    window: tuple[int, int, str] | None
    """What a view shows of what is there."""

    @classmethod
    def of(cls, value: Any) -> Any:
        """Return what stands for `value` among those of a walk."""
        text = summary(value)
        if text is None:
            return None
        found = cls(text)
        found.source = value
        return found

    @classmethod
    def at(cls, place: str, window: tuple[int, int, str] | None = None) -> Summary:
        """Return what stands for an object that is at another place, or a view of it."""
        found = cls(f"<{place or 'the device'}>" if window is None else f"<{place}[{window[0]}:{window[1]}]>")
        found.place, found.window = place, window
        return found


def copied(value: Any) -> Any:
    """Return a value to put into an object: it itself, or one that is equal where it may change; itself as well where
    it cannot be copied."""
    if type(value) in SCALARS or way_of(type(value)) == "named":
        return value
    try:
        return deepcopy(value)
    except Exception:  # a file, a generator: whatever its class says to that
        return value


def summary(value: Any) -> Any:
    """Return what stands for a value that is not walked into: something plain, or None for wiring."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value._name_}"
    if isinstance(value, int | float | str | bytes):
        return f"{type(value).__name__}({value!r})"
    if isinstance(value, FunctionType | MethodType | BuiltinFunctionType | type):
        return value.__qualname__
    if isinstance(value, set | frozenset):
        return repr(sorted(value, key=repr))
    if isinstance(value, random.Random):
        return repr(value.getstate())
    if isinstance(value, ModuleType):
        return value.__name__
    with suppress(TypeError, ValueError, BufferError):
        buffer = memoryview(value)  # an array of any library, a ctypes structure
        text = repr(value) if buffer.nbytes <= _LARGE else ""
        if not text or " at 0x" in text:
            data = buffer.tobytes()
            shown = data.hex() if len(data) <= _LARGE else f"{len(data)} bytes, {blake2b(data, digest_size=8).hexdigest()}"
            return f"{type(value).__name__}({shown})"
        return text
    if isinstance(value, tuple):
        return f"{type(value).__name__.removeprefix('tuple')}({', '.join(map(_shown, value))})"
    if is_frozen(type(value)):  # a repr may leave out fields, as it is asked to
        members = (f"{name}={_shown(object.__getattribute__(value, name))}" for name in member_names(value))
        return f"{type(value).__qualname__}({', '.join(members)})"
    text = repr(value)
    return None if " at 0x" in text else text


def _shown(value: Any) -> str:
    return repr(value) if type(value) in SCALARS else str(summary(value))


def opaque(root: object, skip: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the class of each object that cannot be looked into: a file, a generator."""
    for path, holder, key, value in pieces(root, skip):
        if value is None:
            found = holder[key] if isinstance(holder, list | tuple | deque | dict) else getattr(holder, key, None)
            if found is not None and type(found) is not object and way_of(type(found)) == "whole":
                yield path, type(found).__name__


def covered(path: str, names: frozenset[str]) -> bool:
    """Return whether `path` (no indexes) is one of `names`, or lies below one."""
    if not names:
        return False
    return path in names or any(path.startswith((name + ".", name + "[")) for name in names)


def covering(path: str, names: frozenset[str]) -> list[str]:
    """Return those of `names` that are `path` (no indexes), or that it lies below."""
    return [above for end in _ENDS.finditer(path) if (above := path[: end.start()]) in names]


def values(root: object, skip: frozenset[str]) -> Values:
    """Return the value of each of the `pieces` by its path."""
    found: dict[str, Any] = {}
    for path, _, _, value in pieces(root, skip):
        if isinstance(value, bytearray):
            found[path] = bytearray(value)
        elif isinstance(value, memoryview | array):
            found.update((f"{path}[{index}]", item) for index, item in enumerate(value))
        else:
            found[path] = value
    return Values(found)


def pieces(root: object, skip: frozenset[str]) -> list[Leaf]:
    """Return every value below `root`, each object once, and a buffer in one piece as its own value; cycles and
    aliases end at their first path."""
    found: list[Leaf] = []
    append, attribute = found.append, object.__getattribute__
    seen: dict[int, str] = {id(root): ""}
    views: list[tuple[str, Any, Any, memoryview]] = []

    def walk(path: str, holder: Any, key: Any, value: Any) -> None:
        if skip and covered(without_indexes(path), skip):
            return
        cls = type(value)
        if cls in SCALARS:
            append((path, holder, key, value))
            return
        way = way_of(cls)
        if way == "named":
            append((path, holder, key, Summary.of(value)))
            return
        if way == "wiring" or getattr(cls, "live_attributes", ()) is None:
            return
        if not isinstance(value, tuple) and is_value(value):
            append((path, holder, key, Summary.of(value)))  # another one takes its place, whole
            return
        first = path if isinstance(value, tuple) else seen.setdefault(id(value), path)  # one tuple or two: no difference
        if first != path or value is root:
            append((path, holder, key, Summary.at(first)))
        elif cls is memoryview:
            views.append((path, holder, key, value))  # what it shows may still come
        elif way == "members" or inside(way, path, holder, key, value):
            members(path, value)

    def inside(way: str, path: str, holder: Any, key: Any, value: Any) -> bool:
        """Walk what a container holds; return whether the value may have attributes besides."""
        if way == "list":
            for index, item in enumerate(value):
                walk(f"{path}[{index}]", value, index, item)
        elif way == "dict":
            for name in value:
                walk(f"{path}[{key_text(name)}]", value, name, value[name])
        elif way == "set":
            append((path, holder, key, Summary.of(value)))
        else:
            append((path, holder, key, value if way == "buffer" else Summary.of(value)))
            return False
        return True

    def members(path: str, value: Any) -> None:
        live = getattr(type(value), "live_attributes", ())
        if live is None:
            return
        if live:  # one attribute stands for the whole: a timer is its deadline, a line its level
            for name in live:
                walk(path if len(live) == 1 else f"{path}.{name}", value, name, getattr(value, name))
            return
        dot = f"{path}." if path else ""
        for name in member_names(value):
            item = attribute(value, name)
            if type(item) in SCALARS and not skip:  # most are
                append((dot + name, value, name, item))
            else:
                walk(dot + name, value, name, item)

    members("", root)
    for path, holder, key, view in views:
        shown = window(view) if id(view.obj) in seen else None
        append((path, holder, key, view if shown is None else Summary.at(seen[id(view.obj)], shown)))
    return found


def _way_of(cls: type) -> str:
    for way, bases in _WAYS.items():
        if issubclass(cls, bases):
            return way
    if any(base.__module__ in _WIRING for base in cls.__mro__):
        return "wiring"
    if cls is not SimpleNamespace and (_is_builtin(cls) or any(base.__module__ == "_ctypes" for base in cls.__mro__)):
        return "whole"  # its state is in no attribute
    members = cls.__dictoffset__ or any("__slots__" in vars(base) for base in cls.__mro__)
    return "members" if members else "whole"


def _is_builtin(cls: type) -> bool:
    """Return whether a class is written in C."""
    return not cls.__flags__ & _HEAP or bool(cls.__flags__ & _IMMUTABLE)


way_of: Callable[[type], str] = lru_cache(maxsize=1024)(_way_of)
"""Return how values of a class are walked: asked of each value anew, that took a third of a walk."""
