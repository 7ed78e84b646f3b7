"""The live state of an object: everything reachable from its attributes.

The object graph is learnt once and compiled to a function that flattens it into a tuple, whose
bytes are the digest. When the graph changes (an attribute appears, a list of objects grows) it is
learnt again. Measured: 1.5-2.5 us for a device with 30 attributes, against 30 us for deepcopy.

An object says what of it is state by a class attribute `live_attributes`: None for none of it (wiring: clocks,
memory of the board), a tuple of attribute names for just these. Functions, classes and modules
count by name.
"""

from __future__ import annotations

import enum
import math
import random
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from marshal import dumps  # only ever written, as a digest that tells 1 from True; never read
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

__all__ = ["LiveState", "same", "without_indexes"]

_SCALARS: Final = (int, float, bool, str, bytes, type(None), complex)
_BUFFERS: Final = (bytearray, memoryview)
_INDEX: Final = re.compile(r"\[[^\]]*\]")
_LISTS: Final = (list, tuple, deque)
_SETS: Final = (set, frozenset)
_FLIP: Final = bytes(byte ^ 0xFF for byte in range(256))
_SHAPES: Final = 16  # graphs that one class takes in turn; more are learnt again each time


def without_indexes(path: str) -> str:
    """Return `path` with every index dropped: `fifo.data[3]` gives `fifo.data[]`."""
    return _INDEX.sub("[]", path)


def same(left: object, right: object) -> bool:
    """Return whether two leaf values are the same, type included; NaN is the same as NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right) or left != left and right != right
    return left == right


class _Changed(Exception):
    """The object graph is not the one that was compiled."""


class _Leaf(NamedTuple):
    """One value in the graph: `holder` and `key` say where it hangs, `attribute` or item."""

    path: str
    holder: Any
    key: Any
    value: Any


class LiveState:
    """The live state of instances of one class; `unsaved` names attributes to leave out of digests.

    A name in `unsaved` is an attribute path without indexes, and covers everything below it.
    """

    def __init__(self, unsaved: Collection[str] = ()) -> None:
        self._unsaved = frozenset(unsaved)
        self._digests: list[Callable[[Any], Any]] = []
        self._scribblers: dict[frozenset[str], Callable[[Any], Any]] = {}

    def digest(self, root: object) -> bytes:
        """Return bytes that are equal for equal live states. Never runs code of the object's own."""
        for digest in self._digests:
            try:
                return digest(root)  # type: ignore[no-any-return]
            except (_Changed, KeyError, AttributeError, TypeError, ValueError, IndexError):
                continue
        learnt = _Learner(self._unsaved).learn(root)
        self._digests = [learnt, *islice(self._digests, _SHAPES - 1)]
        try:
            return learnt(root)  # type: ignore[no-any-return]
        except ValueError:  # something marshal cannot write; names can still be compared
            return repr(list(self.attributes(root, unsaved=False).items())).encode()

    def attributes(self, root: object, *, unsaved: bool = True) -> dict[str, object]:
        """Return each value by its path, in the order of definition; slow, for reports."""
        skip = frozenset() if unsaved else self._unsaved
        return {leaf.path: leaf.value for leaf in _leaves(root, skip)}

    def is_unsaved(self, path: str) -> bool:
        """Return whether `path` is left out of digests."""
        return _covered(without_indexes(path), self._unsaved)

    def assign(self, root: object, values: Mapping[str, object], below: Collection[str]) -> None:
        """Put `values` (an earlier result of `attributes`) back under the paths in `below`.

        Containers get their former length. What is no longer there is left out.
        """
        for path in sorted({*below}):
            _restore(root, path, values)

    def keep(self, root: object, names: Collection[str]) -> dict[str, object]:
        """Return copies of a few attributes (indexes dropped), for `put_back`; fast for plain ones."""
        kept: dict[str, object] = {}
        for name in sorted(names):
            value = _resolve(root, name.removesuffix("[]"))
            live = getattr(type(value), "live_attributes", None)
            if live is not None and len(live) == 1:
                kept[name] = getattr(value, live[0])
            elif type(value) in _SCALARS and "[" not in name:
                kept[name] = value
            elif isinstance(value, bytearray | list | deque) and all(type(item) in _SCALARS for item in value):
                kept[name] = [*value]
            else:
                return {"": self.attributes(root)}
        return kept

    def put_back(self, root: object, kept: Mapping[str, object], names: Collection[str]) -> None:
        """Give the attributes `names` the values that `keep` copied."""
        everything = kept.get("")
        if isinstance(everything, dict):
            self.assign(root, everything, names)
            return
        for name, value in kept.items():
            path = name.removesuffix("[]")
            place = _resolve(root, path)
            live = getattr(type(place), "live_attributes", None)
            if live is not None:
                setattr(place, live[0], value)
            elif isinstance(place, bytearray | list | deque):
                if isinstance(value, list) and [*place] != value:
                    place.clear()
                    place.extend(value)
            else:
                parent, _, last = path.rpartition(".")
                _put(_resolve(root, parent) if parent else root, last, value)

    def scribble(self, root: object, keep: frozenset[str] = frozenset()) -> None:
        """Give every value another one, in place, but for the paths in `keep` and the unsaved ones.

        Values whose type says nothing about others (None, text, functions) stay, and so do lines.
        """
        scribble = self._scribblers.get(keep)
        if scribble is not None:
            try:
                scribble(root)
                return
            except (_Changed, KeyError, AttributeError, TypeError, ValueError, IndexError):
                pass
        scribble = _ScribbleLearner(self._unsaved | keep).learn(root)
        if len(self._scribblers) < _SHAPES:
            self._scribblers[keep] = scribble
        scribble(root)


def _another(value: Any) -> Any:
    """Return a value of the same type that differs from `value`; the same one when there is none."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind is int:
        return value ^ 0xFF if 0 <= value < 1 << 8 else value ^ 0x5A
    if kind is float:
        return value + 1.0 if math.isfinite(value) and value + 1.0 != value else 0.5
    if kind is bytes:
        return value.translate(_FLIP)
    return value


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, list | deque | bytearray | dict):
        holder[key] = value
    elif not isinstance(holder, tuple | set | frozenset):
        object.__setattr__(holder, key, value)


def _names(value: Any) -> Iterator[str]:
    """Yield the instance attributes of an object, from its dict and its slots."""
    yield from getattr(value, "__dict__", ())
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if hasattr(value, name):
                yield name


def _is_object(value: Any) -> bool:
    return hasattr(value, "__dict__") or any("__slots__" in vars(base) for base in type(value).__mro__)


def _summary(value: Any) -> Any:
    """Return what stands for a value that is not walked into: something plain, or None for wiring."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value._name_}"
    if isinstance(value, int | float | str | bytes):
        return f"{type(value).__name__}({value!r})"
    if isinstance(value, FunctionType | MethodType | BuiltinFunctionType | type):
        return value.__qualname__
    if isinstance(value, random.Random):
        return repr(value.getstate())
    if isinstance(value, ModuleType):
        return value.__name__
    text = repr(value)
    return None if " at 0x" in text else text


def _covered(path: str, names: frozenset[str]) -> bool:
    if not names:
        return False
    return path in names or any(path.startswith((name + ".", name + "[")) for name in names)


def _leaves(root: object, skip: frozenset[str]) -> Iterator[_Leaf]:
    """Yield every value below `root`, each object once; cycles and aliases end at their first path."""
    seen: dict[int, str] = {id(root): ""}

    def walk(path: str, holder: Any, key: Any, value: Any) -> Iterator[_Leaf]:
        if _covered(without_indexes(path), skip):
            return
        if type(value) in _SCALARS:
            yield _Leaf(path, holder, key, value)
            return
        if isinstance(value, enum.Enum | FunctionType | MethodType | BuiltinFunctionType | type | ModuleType):
            yield _Leaf(path, holder, key, _summary(value))
            return
        if getattr(type(value), "live_attributes", ()) is None:
            return
        first = seen.setdefault(id(value), path)
        if first != path or value is root:
            yield _Leaf(path, holder, key, f"<{first or 'the device'}>")
            return
        yield from inside(path, holder, key, value)

    def inside(path: str, holder: Any, key: Any, value: Any) -> Iterator[_Leaf]:
        if isinstance(value, _BUFFERS):
            for index, byte in enumerate(value):
                yield _Leaf(f"{path}[{index}]", value, index, byte)
            return
        if isinstance(value, _LISTS):
            for index, item in enumerate(value):
                yield from walk(f"{path}[{index}]", value, index, item)
        elif isinstance(value, dict):
            for name in value:
                yield from walk(f"{path}[{name!r}]", value, name, value[name])
        elif isinstance(value, _SETS):
            yield _Leaf(path, holder, key, repr(sorted(value, key=repr)))
        elif not _is_object(value) or isinstance(value, random.Random):
            yield _Leaf(path, holder, key, _summary(value))
            return
        yield from members(path, value)

    def members(path: str, value: Any) -> Iterator[_Leaf]:
        live = getattr(type(value), "live_attributes", ())
        if live is None:
            return
        if live:  # one attribute stands for the whole: a timer is its deadline, a line its level
            for name in live:
                yield from walk(path if len(live) == 1 else f"{path}.{name}", value, name, getattr(value, name))
            return
        dot = f"{path}." if path else ""
        for name in _names(value):
            yield from walk(dot + name, value, name, object.__getattribute__(value, name))

    yield from members("", root)


def _restore(root: Any, path: str, values: Mapping[str, object]) -> None:
    """Give what hangs at `path` (indexes dropped) the values that it has in `values`."""
    wanted = {
        name: value for name, value in values.items() if _covered(without_indexes(name), frozenset((path,)))
    }
    base = path.removesuffix("[]")
    container = _resolve(root, base) if "[]" not in base else None
    if isinstance(container, bytearray | list | deque):
        items = [value for name, value in wanted.items() if re.fullmatch(re.escape(base) + r"\[\d+\]", name)]
        if len(items) == len(wanted):
            container.clear()
            container.extend(items)
            return
    present = {leaf.path: leaf for leaf in _leaves(root, frozenset())}
    for name, value in wanted.items():
        leaf = present.get(name)
        if leaf is not None and not same(leaf.value, value) and type(value) in _SCALARS:
            _put(leaf.holder, leaf.key, value)


def _resolve(root: Any, path: str) -> Any:
    value = root
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


class _Learner:
    """Writes the source of a digest function for the graph that one object has now."""

    def __init__(self, unsaved: frozenset[str]) -> None:
        self._unsaved = unsaved
        self._lines: list[str] = []
        self._values: list[str] = []
        self._names: dict[str, Any] = {"dumps": dumps, "Changed": _Changed, "summary": _summary}
        self._seen: dict[int, str] = {}

    def learn(self, root: Any) -> Callable[[Any], Any]:
        self._seen[id(root)] = "root"
        self._members("", "root", root)
        return self._compiled("digest", f"return dumps(({' '.join(value + ',' for value in self._values)}), 2)")

    def _compiled(self, name: str, *last: str) -> Callable[[Any], Any]:
        body = "".join(f"    {line}\n" for line in (*self._lines, *last))
        exec(compile(f"def {name}(root):\n{body}", f"<{name} of live state>", "exec"), self._names)
        return self._names[name]  # type: ignore[no-any-return]

    def _constant(self, value: Any) -> str:
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def _variable(self, expression: str) -> str:
        name = f"x{len(self._lines)}"
        self._lines.append(f"{name} = {expression}")
        return name

    def _demand(self, condition: str) -> None:
        self._lines.append(f"if not ({condition}): raise Changed")

    def _value(self, path: str, expression: str, value: Any) -> None:
        if _covered(without_indexes(path), self._unsaved):
            return
        kind = type(value)
        if kind in _SCALARS:
            self._scalar(expression)
            return
        if isinstance(value, enum.Enum | FunctionType | MethodType | BuiltinFunctionType | type | ModuleType):
            self._values.append(f"summary({expression})")
            return
        if getattr(kind, "live_attributes", ()) is None:
            return
        known = self._seen.get(id(value))
        if known is not None:
            self._values.append(f"{expression} is {known}")
            return
        variable = self._variable(expression)
        self._seen[id(value)] = variable
        self._demand(f"{variable}.__class__ is {self._constant(kind)}")
        if isinstance(value, _BUFFERS):
            self._buffer(variable)
        elif isinstance(value, _LISTS):
            self._list(path, variable, value)
        elif isinstance(value, dict):
            self._dict(path, variable, value)
        elif isinstance(value, _SETS):
            self._values.append(f"sorted({variable}, key=repr)")
        elif not _is_object(value) or isinstance(value, random.Random):
            self._values.append(f"summary({variable})")
            return
        self._members(path, variable, value)

    def _scalar(self, expression: str) -> None:
        self._values.append(expression)

    def _buffer(self, variable: str) -> None:
        self._values.append(variable)

    def _scalars(self, variable: str, kind: type) -> None:
        # exact lists and tuples are written as they are; an object in them makes dumps refuse
        self._values.append(variable if kind in (list, tuple) else f"[*{variable}]")

    def _scalar_dict(self, variable: str) -> None:
        self._values.append(f"sorted({variable}.items(), key=repr)")

    def _list(self, path: str, variable: str, value: Any) -> None:
        if all(type(item) in _SCALARS for item in value):
            self._scalars(variable, type(value))
            return
        self._demand(f"len({variable}) == {len(value)}")
        for index, item in enumerate(value):
            self._value(f"{path}[{index}]", f"{variable}[{index}]", item)

    def _dict(self, path: str, variable: str, value: Any) -> None:
        if all(type(item) in _SCALARS for item in value.values()):
            self._scalar_dict(variable)
            return
        self._demand(f"len({variable}) == {len(value)}")
        for name in value:
            self._value(f"{path}[{name!r}]", f"{variable}[{self._constant(name)}]", value[name])

    def _members(self, path: str, variable: str, value: Any) -> None:
        live = getattr(type(value), "live_attributes", ())
        if live is None:
            return
        dot = f"{path}." if path else ""
        if live:
            for name in live:
                self._value(path if len(live) == 1 else dot + name, f"{variable}.{name}", getattr(value, name))
            return
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            holder = self._variable(f"{variable}.__dict__")
            self._demand(f"len({holder}) == {len(attributes)}")
        for name in _names(value):
            inner = object.__getattribute__(value, name)
            expression = f"{variable}.{name}"
            if attributes is not None and name in attributes:
                expression = f"{holder}[{name!r}]"
            self._value(dot + name, expression, inner)


class _ScribbleLearner(_Learner):
    """Writes the source of a function that gives every value another one."""

    def learn(self, root: Any) -> Callable[[Any], Any]:
        self._names |= {"another": _another, "another_deadline": _another_deadline, "FLIP": _FLIP}
        self._seen[id(root)] = "root"
        self._members("", "root", root)
        return self._compiled("scribble", *self._values, "return None")

    def _value(self, path: str, expression: str, value: Any) -> None:
        live = getattr(type(value), "live_attributes", ())
        if live == ("deadline",) and not _covered(without_indexes(path), self._unsaved):
            self._values.append(f"{expression}.deadline = another_deadline({expression}.deadline)")
        elif not live:  # what else is wired to the board (a line) is not the device's to lose
            super()._value(path, expression, value)

    def _scalar(self, expression: str) -> None:
        self._values.append(f"{expression} = another({expression})")

    def _buffer(self, variable: str) -> None:
        self._values.append(f"{variable}[:] = bytes({variable}).translate(FLIP)")

    def _scalars(self, variable: str, kind: type) -> None:
        if kind is not tuple:
            self._values.append(f"for i, v in enumerate({variable}): {variable}[i] = another(v)")

    def _list(self, path: str, variable: str, value: Any) -> None:
        if not isinstance(value, tuple):
            super()._list(path, variable, value)
            return
        for index, item in enumerate(value):  # a tuple cannot be scribbled on, what is in it can
            if type(item) not in _SCALARS:
                self._value(f"{path}[{index}]", f"{variable}[{index}]", item)

    def _scalar_dict(self, variable: str) -> None:
        self._values.append(f"for k in {variable}: {variable}[k] = another({variable}[k])")


def _another_deadline(deadline: int | None) -> int:
    return 1 << 62 if deadline is None else deadline + 12_345
