"""Learns an object graph once, and writes functions that digest it or scribble over it."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Sequence
from marshal import dumps  # only ever written, as a digest that tells 1 from True; never read
from typing import Any, Final

from stressor.vmstate.graph import (
    SCALARS,
    covered,
    covering,
    is_frozen,
    is_value,
    key_text,
    member_names,
    summary,
    way_of,
    window,
)
from stressor.vmstate.source import compiled
from stressor.vmstate.values import without_indexes

__all__ = ["Changed", "DigestLearner", "ScribbleLearner", "with_learnt"]

_SHAPES: Final = 16  # graphs that one class takes in turn; more are learnt again each time
_TUPLE: Final = 30  # values: the compiler makes a longer tuple of a list, item by item
_PLAIN: Final = frozenset(SCALARS)
_FLIP: Final = bytes(byte ^ 0xFF for byte in range(256))


class Changed(Exception):
    """The object graph is not the one that was compiled."""


def with_learnt(functions: Sequence[Callable[..., Any]], learnt: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return `functions` with one more, to be tried in this order. Those for graphs in which an object hangs at two places
    are first: one that was learnt from two objects takes one at both places as well."""
    first = 0 if learnt.shares else sum(function.shares for function in functions)  # type: ignore[attr-defined]
    return [*functions[:first], learnt, *functions[first:]][:_SHAPES]


class DigestLearner:
    """Writes the source of a digest function for the graph that one object has now."""

    def __init__(self, unsaved: frozenset[str]) -> None:
        self._unsaved = unsaved
        self._lines: list[str] = []
        self._values: list[str] = []
        self._names: dict[str, Any] = {
            "dumps": dumps, "Changed": Changed, "summary": summary, "SCALARS": _PLAIN,
            "counted": _counted, "key_of": _key, "window": window,
        }  # fmt: skip
        self._seen: dict[int, str] = {}
        self._paths = {"root": ""}
        self._shares = False
        self._shape: list[str] = []
        self._views: list[tuple[str, str, memoryview]] = []

    def learn(self, root: Any) -> Callable[..., Any]:
        """Return the function for the graph that `root` has now; it raises `Changed` for another. What it gives does
        not depend on the order in which attributes were set and keys put in: another one may have been learnt first.

        As a second argument it takes what makes bytes of the values, tuples of them and the graph's shape behind, and the
        version of their format."""
        self._seen[id(root)] = "root"
        self._walk(root)
        values = "".join(
            f"({', '.join(self._values[start : start + _TUPLE])},), " for start in range(0, len(self._values), _TUPLE)
        )
        # what was demanded is part of what a state is: two objects may have the same values, and not the same class
        shape = hashlib.blake2b("\n".join(self._shape).encode("utf-8", "backslashreplace"), digest_size=8).digest()
        return self._compiled("digest(root, dumps=dumps)", f"return dumps(({values}{shape!r}), 2)")

    def _walk(self, root: Any) -> None:
        self._members("", "root", root)
        for path, expression, view in self._views:  # what they show may come behind them
            self._value(path, expression, view, late=True)

    def _compiled(self, signature: str, *last: str) -> Callable[..., Any]:
        name = signature.partition("(")[0]
        body = "".join(f"    {line}\n" for line in (*self._lines, *last))
        exec(compiled(f"def {signature}:\n{body}", f"<{name} of live state>"), self._names)
        function = self._names[name]
        function.shares = self._shares
        return function  # type: ignore[no-any-return]

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

    def _value(self, path: str, expression: str, value: Any, *, live: bool = False, late: bool = False) -> None:
        """Write down one value; `live` says that it stands for a whole, and is a scalar for ever, `late` that all other
        values are written down.

        Where there is nothing yet (None, an empty list) there may be a dict later, which `dumps` would take, in the
        order of its keys: so it is looked at that scalars stay scalars there.
        """
        if covered(without_indexes(path), self._unsaved):
            return
        kind = type(value)
        if kind in SCALARS:
            if value is None and not live:
                self._demand(f"{expression}.__class__ in SCALARS")
            self._scalar(expression)
            return
        way = way_of(kind)
        if way == "named":
            self._values.append(f"summary({expression})")
            return
        if way == "wiring" or getattr(kind, "live_attributes", ()) is None:
            return
        if way != "list" and is_value(value):
            self._unchanging_one(expression)
            return
        if kind is memoryview and not late:
            self._views.append((path, expression, value))
            return
        known = None if way == "list" and issubclass(kind, tuple) else self._seen.get(id(value))
        if known is not None:
            # in a graph where these are two objects, both have to be looked at
            self._demand(f"{expression} is {known}")
            self._shape.append(f"{path} is {self._paths[known]}")
            self._shares = True
            return
        variable = self._variable(expression)
        self._seen[id(value)] = variable
        self._paths[variable] = path
        self._demand(f"{variable}.__class__ is {self._constant(kind)}")
        if kind not in (list, tuple):  # which `dumps` tells apart by itself
            self._shape.append(f"{path} {kind.__module__} {kind.__qualname__}")
        if kind is memoryview and id(value.obj) in self._seen and window(value) is not None:
            owner = self._seen[id(value.obj)]
            self._demand(f"{variable}.obj is {owner}")
            self._shape.append(f"{path} shows {self._paths[owner]}")
            self._shares = True
            self._window(variable)
        elif way == "buffer":
            if isinstance(value, array | memoryview):
                code = "typecode" if isinstance(value, array) else "format"
                self._demand(f"{variable}.{code} == {getattr(value, code)!r}")
                self._shape.append(f"{path} {getattr(value, code)}")
            self._buffer(variable, kind)
        elif way == "list":
            self._list(path, variable, value)
        elif way == "dict":
            self._dict(path, variable, value)
        elif way == "set":
            self._values.append(f"sorted({variable}, key=repr)")
        elif way == "whole":
            self._values.append(f"summary({variable})")
            return
        self._members(path, variable, value)

    def _scalar(self, expression: str) -> None:
        self._values.append(expression)

    def _buffer(self, variable: str, kind: type) -> None:
        self._values.append(variable)

    def _window(self, variable: str) -> None:
        self._values.append(f"window({variable})")

    def _unchanging_one(self, expression: str) -> None:
        self._values.append(f"counted({expression})")

    def _unchanging(self, variable: str, kind: type) -> None:
        items = f"*map(counted, {variable}),"
        self._values.append(f"({items})" if issubclass(kind, tuple) else f"[{items}]")

    def _scalars(self, variable: str, kind: type) -> None:
        # exact lists and tuples are written as they are; an object in them makes dumps refuse
        self._values.append(variable if kind in (list, tuple) else f"[*{variable}]")

    def _scalar_dict(self, variable: str) -> None:
        self._values.append(f"sorted({variable}.items(), key=repr)")

    def _unchanging_dict(self, variable: str) -> None:
        self._values.append(f"sorted([(key_of(k), counted(v)) for k, v in {variable}.items()], key=repr)")

    def _list(self, path: str, variable: str, value: Any) -> None:
        if all(type(item) in SCALARS for item in value):
            if not value or None in value:
                self._demand(f"SCALARS.issuperset(map(type, {variable}))")
            else:
                self._demand(f"not {variable} or {variable}[0].__class__ in SCALARS")
            self._scalars(variable, type(value))
            return
        if all(map(is_value, value)):
            self._unchanging(variable, type(value))
            return
        self._demand(f"len({variable}) == {len(value)}")
        self._shape.append(f"{path} {len(value)}")
        for index, item in enumerate(value):
            self._value(f"{path}[{index}]", f"{variable}[{index}]", item)

    def _dict(self, path: str, variable: str, value: Any) -> None:
        if all(type(item) in SCALARS for pair in value.items() for item in pair):
            self._demand(f"SCALARS.issuperset(map(type, {variable}.values()))")
            self._scalar_dict(variable)
            return
        if all(map(is_value, value.values())):
            self._unchanging_dict(variable)
            return
        self._demand(f"{variable}.keys() == {self._constant(frozenset(value))}")  # to ask a defaultdict for one makes it
        self._shape.append(f"{path} {sorted(map(key_text, value))}")
        for name in sorted(value, key=key_text):
            self._value(f"{path}[{key_text(name)}]", f"{variable}[{self._constant(name)}]", value[name])

    def _members(self, path: str, variable: str, value: Any) -> None:
        live = getattr(type(value), "live_attributes", ())
        if live is None:
            return
        dot = f"{path}." if path else ""
        if live:
            for name in live:
                self._value(
                    path if len(live) == 1 else dot + name,
                    f"{variable}.{name}",
                    getattr(value, name),
                    live=True,
                )
            return
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            holder = self._variable(f"{variable}.__dict__")
            self._demand(f"len({holder}) == {len(attributes)}")
            self._shape.append(f"{path} {sorted(attributes)}")
        for name in sorted(member_names(value)):
            inner = object.__getattribute__(value, name)
            expression = f"{variable}.{name}"
            if attributes is not None and name in attributes:
                expression = f"{holder}[{name!r}]"
            self._value(dot + name, expression, inner)


class ScribbleLearner(DigestLearner):
    """Writes the source of a function that gives every value another one, but for those of the `optional` attributes
    that it is told to keep: one function for all choices of subsections."""

    def __init__(self, unsaved: frozenset[str], optional: frozenset[str]) -> None:
        super().__init__(unsaved)
        self._optional = optional

    def learn(self, root: Any) -> Callable[..., Any]:
        """Return the function, which takes an object and the names that it keeps, for the graph that `root` has now."""
        self._names |= {"another": _another, "another_deadline": _another_deadline, "flip": _flip, "FLIP": _FLIP}
        self._seen[id(root)] = "root"
        self._walk(root)
        return self._compiled("scribble(root, keep)", *self._values, "return None")

    def _value(self, path: str, expression: str, value: Any, *, live: bool = False, late: bool = False) -> None:
        names = covering(without_indexes(path), self._optional)
        if not names:
            self._another(path, expression, value, late)
            return
        optional, self._optional = self._optional, self._optional.difference(names)
        first = len(self._values)
        self._another(path, expression, value, late)
        self._optional = optional
        if self._values[first:]:
            kept = " or ".join(f"{name!r} in keep" for name in names)
            self._values[first:] = [f"if not ({kept}):", *(f"    {line}" for line in self._values[first:])]

    def _another(self, path: str, expression: str, value: Any, late: bool) -> None:
        live = getattr(type(value), "live_attributes", ())
        if live == ("deadline",) and not covered(without_indexes(path), self._unsaved):
            self._values.append(f"{expression}.deadline = another_deadline({expression}.deadline)")
        elif not live:  # what else is wired to the board (a line) is not the device's to lose
            super()._value(path, expression, value, late=late)

    def _members(self, path: str, variable: str, value: Any) -> None:
        if not is_frozen(type(value)):
            super()._members(path, variable, value)

    def _scalar(self, expression: str) -> None:
        # most by far are bytes
        self._values += [
            f"v = {expression}",
            f"{expression} = v ^ 255 if v.__class__ is int and 0 <= v <= 255 else another(v)",
        ]

    def _buffer(self, variable: str, kind: type) -> None:
        line = "{0}[:] = bytes({0}).translate(FLIP)" if kind is bytearray else "flip({0})"  # mostly the first, in half the time
        self._values.append(line.format(variable))

    def _window(self, variable: str) -> None:
        """What it shows gets other values itself."""

    def _unchanging_one(self, expression: str) -> None:
        """It stays: no other value of its class is known."""

    def _unchanging(self, variable: str, kind: type) -> None:
        self._scalars(variable, kind)

    def _unchanging_dict(self, variable: str) -> None:
        self._scalar_dict(variable)

    def _scalars(self, variable: str, kind: type) -> None:
        if kind is not tuple:
            self._values.append(f"for i, v in enumerate({variable}): {variable}[i] = another(v)")

    def _list(self, path: str, variable: str, value: Any) -> None:
        if not isinstance(value, tuple):
            super()._list(path, variable, value)
            return
        for index, item in enumerate(value):  # a tuple cannot be scribbled on, what is in it can
            if type(item) not in SCALARS:
                self._value(f"{path}[{index}]", f"{variable}[{index}]", item)

    def _scalar_dict(self, variable: str) -> None:
        self._values.append(f"for k in {variable}: {variable}[k] = another({variable}[k])")


def _counted(value: Any) -> Any:
    """Return what a digest has of something that never changes. Raises Changed for what may."""
    if type(value) in SCALARS:
        return value
    if not is_value(value):
        raise Changed
    return summary(value)


def _key(key: Any) -> Any:
    return key if type(key) in SCALARS else key_text(key)


def _flip(buffer: Any) -> None:
    """Give each byte of a buffer another value, as far as it can be written to."""
    view = memoryview(buffer)
    if view.nbytes and view.c_contiguous and not view.readonly:
        data = view.cast("B")
        data[:] = bytes(data).translate(_FLIP)


def _another_deadline(deadline: int | None) -> int:
    return 1 << 62 if deadline is None else deadline + 12_345


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
