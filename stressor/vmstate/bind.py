"""A description against a real instance: whether every field has an attribute that can carry it."""

from __future__ import annotations

from array import array
from collections import deque
from difflib import get_close_matches
from typing import Any, NoReturn

from stressor.errors import DescriptionError
from stressor.vmstate.condition import Condition
from stressor.vmstate.description import Description
from stressor.vmstate.graph import slots_of
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Element,
    Field,
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

__all__ = ["check_instance"]

_SEQUENCES = (list, tuple, bytearray, bytes, deque, array)


def check_instance(description: Description, obj: Any) -> None:
    """Raise DescriptionError, with class, field and cure, for the first field that does not fit."""
    if description.needed is not None:
        raise DescriptionError(
            description.name,
            "",
            "is the whole state and has needed=",
            "only subsections have it; remove it",
        )
    check = _Check(type(obj).__name__)
    check.fields(description, obj, "")
    for attribute in description.unsaved:
        check.unsaved(obj, attribute)


class _Check:
    """The check of one class; `owner` is its name in messages."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def fields(self, description: Description, obj: Any, path: str) -> None:
        """Check the fields of one object, and what is embedded in it."""
        for field in description.fields:
            if not isinstance(field, Unused):
                self._field(description, field, obj, path)
            elif field.length is not None:
                self._number(description, field.length, "length", obj, path, path + "(unused)")
            self._condition(description, field.name, field.when, obj, path)
        for rule in description.validate:
            self._condition(description, "", rule.predicate, obj, path)
        for subsection in description.subsections:
            self._condition(subsection, "", subsection.needed, obj, path)
            self.fields(subsection, obj, path)

    def _condition(
        self, description: Description, field: str, test: object, obj: Any, path: str
    ) -> None:
        """Check that every attribute that a condition looks at is there."""
        if not isinstance(test, Condition):
            return
        own = {name: part for part in description.fields for name in (part.name, part.attribute)}
        where = f"{path}{field or description.name}"
        for dotted in test.paths():
            inner, at = obj, path
            for name in dotted.split("."):
                if field and at == path and name in own and not hasattr(obj, name):
                    break  # `when=` also sees what was read before it, by the names of the fields
                inner = self._get(inner, name, at, where, f"correct the condition {test.text!r}")
                at += f"{name}."

    def unsaved(self, obj: Any, attribute: str) -> None:
        """Check that an attribute that is named as unsaved is there."""
        path = ""
        for name in attribute.split("."):
            if obj is None:
                return  # an optional part that is not there
            name, indexed, _ = name.partition("[")
            obj = self._get(
                obj, name, path, attribute, "remove it from unsaved, or correct the name"
            )
            path += f"{name}."
            if indexed:
                return

    def _wrong(self, path: str, problem: str, cure: str) -> NoReturn:
        raise DescriptionError(self._owner, path, problem, cure)

    def _get(self, obj: Any, name: str, path: str, field: str, cure: str) -> Any:
        try:
            return getattr(obj, name)
        except AttributeError:
            names = [*getattr(obj, "__dict__", ()), *slots_of(type(obj))]
            close = get_close_matches(name, names, 1)
            if close:
                cure = f"did you mean {close[0]!r}?"
            owner = (
                f"the {type(obj).__name__} in {path.removesuffix('.')}"
                if path
                else type(obj).__name__
            )
            self._wrong(field, f"{owner} has no attribute {name!r}", cure)

    def _field(self, description: Description, field: Field, obj: Any, path: str) -> None:
        name = path + field.name
        if isinstance(field, Temporary):
            value = field.factory(obj)
        elif isinstance(field, Scalar) and field.read is not None:
            value = field.read(obj)
            if field.attribute != field.name:
                self._attribute(field, obj, path)
        else:
            value = self._attribute(field, obj, path)
        match field:
            case Scalar():
                self._scalar(name, field.type, value)
                if isinstance(field.maximum, str):
                    self._number(description, field.maximum, "maximum", obj, path, name)
            case Buffer():
                self._kind(name, value, (bytearray, bytes), "a buffer", "assign a bytearray")
                self._count(description, field, obj, path, len(value), field.size, "bytes")
            case Array():
                self._array(description, field, obj, path, value)
            case Struct() if value is None and field.when is not None and not field.when(obj):
                pass
            case Struct() | Temporary():
                self._object(name, value)
                self.fields(field.description, value, name + ".")
            case Bitmap():
                self._kind(name, value, (int,), "a bitmap", "assign an int")
                if field.length is not None:
                    self._number(description, field.length, "length", obj, path, name)
            case Timer():
                self._timer(name, value)
            case Queue():
                self._queue(field, name, value)
            case Tree():
                self._tree(field, name, value)

    def _attribute(self, field: Field, obj: Any, path: str) -> Any:
        cure = "assign it in __init__, or correct attribute="
        return self._get(obj, field.attribute, path, path + field.name, cure)

    def _kind(
        self, name: str, value: object, kinds: tuple[type, ...], what: str, cure: str
    ) -> None:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self._wrong(name, f"holds {_kind(value)}, which cannot carry {what}", cure)

    def _scalar(self, name: str, type_: ScalarType, value: Any) -> None:
        if type_.code == "?":
            self._kind(name, value, (bool,), "a boolean", "assign True or False, or use vm.u8")
        elif type_.code == "d":
            self._kind(name, value, (float, int), "an f64", "assign a float")
            if isinstance(value, int):
                self._wrong(name, f"holds {_kind(value)}, and f64 loads a float", "assign a float, such as 0.0")
        elif isinstance(value, bool):
            self._wrong(
                name,
                f"holds a bool, and {type_.name} loads an int",
                "use vm.boolean, or assign 0 or 1",
            )
        elif not hasattr(value, "__index__"):
            self._wrong(
                name,
                f"holds {_kind(value)}, which cannot carry {type_.name}",
                "assign an int, in __init__ already",
            )
        elif type(value) is not int:
            self._wrong(
                name,
                f"holds {_kind(value)}, and {type_.name} loads a plain int",
                "put it behind read= and write=, or assign an int",
            )

    def _count(
        self,
        description: Description,
        field: Buffer | Array,
        obj: Any,
        path: str,
        found: int,
        declared: int,
        what: str,
    ) -> None:
        name = path + field.name
        if field.length is not None:
            self._number(description, field.length, "length", obj, path, name)
        elif field.start is not None:
            if found < field.start + declared:
                self._wrong(
                    name,
                    f"holds {found} {what}, and {field.start} to "
                    f"{field.start + declared - 1} are declared",
                    "make the two agree",
                )
        elif found != declared:
            self._wrong(
                name, f"holds {found} {what}, and {declared} are declared", "make the two agree"
            )

    def _number(
        self, description: Description, carrier: str, what: str, obj: Any, path: str, name: str
    ) -> None:
        """Check the attribute that holds a length, or the bound of a number."""
        for other in description.fields:
            if isinstance(other, Scalar) and other.name == carrier:
                if other.read is not None:
                    return
                carrier = other.attribute
        number = self._get(obj, carrier, path, name, f"name the attribute that holds the {what}")
        if not isinstance(number, int) or isinstance(number, bool):
            self._wrong(
                name,
                f"has the {what} {carrier!r}, which holds {_kind(number)}",
                f"a {what} is an int",
            )

    def _array(
        self, description: Description, field: Array, obj: Any, path: str, value: Any
    ) -> None:
        name = path + field.name
        self._kind(name, value, _SEQUENCES, "an array", "assign a list")
        if field.columns is None:
            self._count(description, field, obj, path, len(value), field.count, "elements")
            self._elements(name, field.element, value, field.null)
            return
        if len(value) != field.count // field.columns:
            rows = field.count // field.columns
            self._wrong(
                name, f"holds {len(value)} rows, and {rows} are declared", "make the two agree"
            )
        for index, row in enumerate(value):
            inner = f"{name}[{index}]"
            self._kind(inner, row, _SEQUENCES, "a row", "assign a list of lists")
            if len(row) != field.columns:
                self._wrong(
                    inner,
                    f"holds {len(row)} elements, and {field.columns} are declared",
                    "make the two agree",
                )
            self._elements(inner, field.element, row, field.null)

    def _elements(self, name: str, element: Element, value: Any, null: bool = False) -> None:
        for index, item in enumerate(value):
            if null and item is None:
                continue
            if isinstance(element, ScalarType):
                self._scalar(f"{name}[{index}]", element, item)
            elif isinstance(element, TimerType):
                self._timer(f"{name}[{index}]", item)
            else:
                self._object(f"{name}[{index}]", item)
                self.fields(element, item, f"{name}[{index}].")

    def _timer(self, name: str, value: object) -> None:
        if not hasattr(value, "deadline"):
            self._wrong(
                name,
                f"holds {_kind(value)}, and a timer has a deadline",
                "assign self.clock.timer(...), or anything with a deadline",
            )

    def _object(self, name: str, value: Any) -> None:
        if value is None or isinstance(value, (int, float, str, dict, *_SEQUENCES)):
            self._wrong(
                name,
                f"holds {_kind(value)}, and a struct is an object with attributes",
                "assign an object",
            )

    def _queue(self, field: Queue, name: str, value: Any) -> None:
        self._kind(name, value, (list, deque), "a queue", "assign a list or deque")
        limit = getattr(value, "maxlen", None)
        if limit is not None and limit < field.maximum:
            self._wrong(
                name,
                f"is a deque of at most {limit}, and maximum is {field.maximum}",
                "make the two agree",
            )
        self._elements(name, field.element, value)
        if isinstance(field.element, Description):
            assert field.factory is not None
            item = field.factory()
            self._object(f"{name}[]", item)
            self.fields(field.element, item, f"{name}[].")

    def _tree(self, field: Tree, name: str, value: Any) -> None:
        self._kind(name, value, (dict,), "a tree", "assign a dict")
        width = 0 if field.key is None else len(field.key.fields)
        for key, item in value.items():
            if not (isinstance(key, tuple) and len(key) == width if width else type(key) is int):
                what = f"a tuple of {width} numbers" if width else "an int"
                self._wrong(name, f"has the key {key!r}, and a key is {what}", "correct the key")
            self._object(f"{name}[{key!r}]", item)
            self.fields(field.element, item, f"{name}[{key!r}].")
        item = field.factory()
        self._object(f"{name}[]", item)
        self.fields(field.element, item, f"{name}[].")


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
