"""Saving by walking the description, a field at a time.

The compiled saver is for values that fit; this one accepts whatever is right all the same (an int in
an `f64`), and says of everything else which field it is and what to do.
"""

from __future__ import annotations

import operator
import struct
from typing import Any, Final

from stressor.errors import StateError
from stressor.vmstate.description import Description
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
from stressor.vmstate.visitor import Writer
from stressor.vmstate.wire import NOT_ARMED, WireWriter

__all__ = ["check_scalar", "key_values", "walk", "write_body"]

_KEY: Final = ScalarType("u64", "Q", 8, 0, 0xFFFF_FFFF_FFFF_FFFF)


def walk(description: Description, obj: Any) -> WireWriter:
    """Write the body; `pre_save` of the description itself has been called.

    Raises StateError for the first value that does not fit; hooks and predicates pass unchanged.
    """
    writer = WireWriter()
    write_body(description, obj, writer)
    return writer


def write_body(
    description: Description, obj: Any, writer: Writer, version: int | None = None
) -> None:
    """Give a writer of any format the body, as `walk` does; only what an older `version` has."""
    _Saver(writer).body(description, obj, "", {}, hook=False, version=version)


def key_values(key: Description | None) -> list[tuple[str, ScalarType]]:
    """Return the numbers of a tree's key: what stands behind `key[i]` in their paths, and the type."""
    if key is None:
        return [("", _KEY)]
    return [(f".{part.name}", part.type) for part in key.fields if isinstance(part, Scalar)]


def check_scalar(path: str, type_: ScalarType, value: Any) -> Any:
    """Return the number to write. Raises StateError for what `type_` cannot hold."""
    if type_.code == "?":
        if value is not True and value is not False:
            raise StateError(
                path, value, f"holds {value!r}, and a boolean is True or False; assign bool(...)"
            )
        return value
    if type_.code == "d":
        if isinstance(value, float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                if int(float(value)) == value:
                    return float(value)
            except OverflowError:
                pass
            raise StateError(
                path, value, f"holds {value}, which f64 cannot hold exactly; use vm.i64 or vm.u64"
            )
        raise StateError(path, value, f"holds {value!r}, and f64 takes a float; assign float(...)")
    try:
        number = operator.index(value)
    except TypeError:
        raise StateError(
            path,
            value,
            f"holds {value!r} ({type(value).__name__}), and {type_.name} takes an int; assign int(...)",
        ) from None
    if not type_.low <= number <= type_.high:
        raise StateError(
            path,
            value,
            f"holds {number:#x}, and {type_.name} takes {type_.low:#x} to {type_.high:#x}; "
            "mask it where it is assigned, or declare a wider field",
        )
    return number


class _Saver:
    """Walks a description over an object, and gives a writer what it finds."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def body(
        self,
        description: Description,
        obj: Any,
        path: str,
        saved: dict[str, Any],
        *,
        hook: bool = True,
        version: int | None = None,
    ) -> None:
        """Write the fields of one object; `saved` are the numbers written for it so far."""
        if hook and description.pre_save is not None:
            description.pre_save(obj)
        for field in description.fields:
            if version is not None and field.since > version:
                continue
            if field.when is None or field.when(obj):
                self._field(field, obj, path, saved)
        for subsection in description.subsections:
            assert subsection.needed is not None
            if subsection.needed(obj):
                self._writer.subsection(path, subsection)
                self.body(subsection, obj, path, saved)
                self._writer.leave(path, subsection)

    def _field(self, field: Field, obj: Any, path: str, saved: dict[str, Any]) -> None:
        name = path + field.name
        if isinstance(field, Unused):
            self._unused(field, obj, f"{path}(unused)", saved)
            return
        if isinstance(field, Temporary):
            value = field.factory(obj)
        elif isinstance(field, Scalar) and field.read is not None:
            value = field.read(obj)
        else:
            try:
                value = getattr(obj, field.attribute)
            except AttributeError:
                raise StateError(
                    name,
                    None,
                    f"{type(obj).__name__} has no attribute {field.attribute!r}; assign it in __init__",
                ) from None
        match field:
            case Scalar():
                number = check_scalar(name, field.type, value)
                self._writer.scalar(name, field.type, number)
                saved[field.name] = saved[field.attribute] = number
            case Buffer():
                self._buffer(field, obj, name, value, saved)
            case Array():
                self._array(field, obj, name, value, saved)
            case Struct() | Temporary():
                if value is None:
                    raise StateError(name, value, "is None; say with when= when it travels")
                self.body(field.description, value, name + ".", {}, version=field.version)
            case Bitmap():
                self._bitmap(field, obj, name, value, saved)
            case Timer():
                self._timer(name, value)
            case Queue():
                self._queue(field, name, value)
            case Tree():
                self._tree(field, name, value)

    def _unused(self, field: Unused, obj: Any, name: str, saved: dict[str, Any]) -> None:
        times = 1
        if field.length is not None:
            times = self._length(field.length, field.maximum, 1, obj, name, saved)
        self._writer.unused(name, times * field.size)

    def _buffer(
        self, field: Buffer, obj: Any, name: str, value: Any, saved: dict[str, Any]
    ) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise StateError(
                name, value, f"holds {type(value).__name__}, and a buffer is a bytearray or bytes"
            )
        size = field.size
        if field.length is not None:
            size = self._length(field.length, field.maximum, field.multiply, obj, name, saved)
        start = self._fitting(field, name, value, size)
        self._writer.buffer(name, bytes(value[start : start + size]), start)

    def _array(self, field: Array, obj: Any, name: str, value: Any, saved: dict[str, Any]) -> None:
        items = self._items(name, value)
        if field.columns is not None:
            self._rows(field, name, items)
            return
        count = field.count
        if field.length is not None:
            count = self._length(field.length, field.maximum, field.multiply, obj, name, saved)
        start = self._fitting(field, name, items, count)
        for index in range(start, start + count):
            self._element(field.element, f"{name}[{index}]", items[index], field.null)

    def _items(self, name: str, value: Any) -> list[Any]:
        try:
            return list(value)
        except TypeError:
            raise StateError(
                name, value, f"holds {type(value).__name__}, and an array is a list"
            ) from None

    def _rows(self, field: Array, name: str, rows: list[Any]) -> None:
        assert field.columns is not None
        for what, found, wanted in (
            ("rows", len(rows), field.count // field.columns),
            *[("columns", len(self._items(name, row)), field.columns) for row in rows],
        ):
            if found != wanted:
                raise StateError(
                    name, rows, f"holds {found} {what}, and must hold {wanted}, as declared"
                )
        for number, row in enumerate(rows):
            for index, item in enumerate(row):
                self._element(field.element, f"{name}[{number}][{index}]", item, field.null)

    def _element(self, element: Element, name: str, item: Any, null: bool = False) -> None:
        if null and item is None:
            self._writer.null(name)
        elif isinstance(element, ScalarType):
            self._writer.scalar(name, element, check_scalar(name, element, item))
        elif isinstance(element, TimerType):
            self._timer(name, item)
        else:
            self.body(element, item, name + ".", {})

    def _length(
        self, named: str, maximum: int, multiply: int, obj: Any, name: str, saved: dict[str, Any]
    ) -> int:
        """Return how many items travel, as the attribute `named` says."""
        if named in saved:
            length = saved[named]
        else:
            try:
                length = getattr(obj, named)
            except AttributeError:
                raise StateError(
                    name,
                    None,
                    f"its length {named!r} is no attribute; assign it in __init__",
                ) from None
        if not isinstance(length, int) or isinstance(length, bool):
            raise StateError(name, length, f"its length {named} is {length!r}; it must be an int")
        if not 0 <= length * multiply <= maximum:
            times = f" times {multiply}" if multiply != 1 else ""
            raise StateError(
                name,
                length,
                f"its length {named} is {length}{times}, and may be 0 to {maximum}; "
                "correct it, or raise maximum=",
            )
        return length * multiply

    def _fitting(self, field: Buffer | Array, name: str, items: Any, count: int) -> int:
        """Return where what travels begins; all of it is there."""
        start = field.start or 0
        partial = field.fixed or field.start is not None
        if len(items) < start + count if partial else len(items) != count:
            reason = f"as {field.length} says" if field.length is not None else "as declared"
            least = "at least " if partial else ""
            raise StateError(
                name,
                items,
                f"holds {len(items)} items, and must hold {least}{start + count}, {reason}",
            )
        return start

    def _bitmap(
        self, field: Bitmap, obj: Any, name: str, value: Any, saved: dict[str, Any]
    ) -> None:
        bits = field.bits
        if field.length is not None:
            bits = self._length(field.length, field.bits, 1, obj, name, saved)
        if not isinstance(value, int) or isinstance(value, bool):
            raise StateError(name, value, f"holds {value!r}, and a bitmap is an int")
        if value < 0 or value >> bits:
            raise StateError(
                name,
                value,
                f"holds {value:#x}, and has {bits} bits; mask it where it is assigned",
            )
        self._writer.bitmap(name, bits, value)

    def _timer(self, name: str, value: Any) -> None:
        deadline = getattr(value, "deadline", value)
        if deadline is None and value is not None:
            self._writer.timer(name, None)
            return
        if not hasattr(value, "deadline"):
            raise StateError(
                name, value, f"holds {value!r}, and a timer is an object with a deadline"
            )
        try:
            number = operator.index(deadline)
            struct.pack(">q", number)
        except (TypeError, struct.error):
            raise StateError(
                name, deadline, f"its deadline is {deadline!r}, and must be a time in ns, or None"
            ) from None
        if number == NOT_ARMED:
            raise StateError(
                name,
                deadline,
                "its deadline is -1, which means not armed on the wire; use None for that",
            )
        self._writer.timer(name, number)

    def _queue(self, field: Queue, name: str, value: Any) -> None:
        try:
            items = list(value)
        except TypeError:
            raise StateError(
                name, value, f"holds {type(value).__name__}, and a queue is a list or deque"
            ) from None
        if len(items) > field.maximum:
            raise StateError(
                name,
                items,
                f"holds {len(items)} elements, and may hold {field.maximum}; raise maximum=, or bound the queue",
            )
        if not field.linked:
            self._writer.count(name, len(items))
        for index, item in enumerate(items):
            if field.linked:
                self._writer.more(name, index, True)
            self._element(field.element, f"{name}[{index}]", item)
        if field.linked:
            self._writer.more(name, len(items), False)

    def _tree(self, field: Tree, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise StateError(name, value, f"holds {type(value).__name__}, and a tree is a dict")
        if len(value) > field.maximum:
            raise StateError(
                name,
                value,
                f"holds {len(value)} elements, and may hold {field.maximum}; raise maximum=",
            )
        parts = key_values(field.key)
        entries = [(self._key(field, name, key, parts), key) for key in value]
        entries.sort(key=lambda entry: entry[0])
        self._writer.count(f"{name}.key", len(entries))
        for index, (numbers, key) in enumerate(entries):
            self._writer.more(f"{name}.key", index, True)
            for (suffix, type_), number in zip(parts, numbers, strict=True):
                self._writer.scalar(f"{name}.key[{index}]{suffix}", type_, number)
            text = ",".join(map(str, numbers))
            self.body(field.element, value[key], f"{name}[{text}].", {})
        self._writer.more(f"{name}.key", len(entries), False)

    def _key(
        self, field: Tree, name: str, key: Any, parts: list[tuple[str, ScalarType]]
    ) -> list[Any]:
        """Return the numbers of one key, checked."""
        numbers = [key] if field.key is None else key
        if not isinstance(numbers, list | tuple) or len(numbers) != len(parts):
            raise StateError(
                name, key, f"has the key {key!r}, and a key is a tuple of {len(parts)} numbers"
            )
        return [
            check_scalar(f"{name}.key{suffix}", type_, number)
            for (suffix, type_), number in zip(parts, numbers, strict=True)
        ]
