"""Saving by walking the description, a field at a time.

The compiled saver is for values that fit; this one accepts whatever is right all the same (an int in
an `f64`), and says of everything else which field it is and what to do.
"""

from __future__ import annotations

import operator
import struct
from typing import Any

from stressor.errors import StateError
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Timer,
    Unused,
)
from stressor.vmstate.wire import NOT_ARMED, WireWriter

__all__ = ["check_scalar", "walk"]


def walk(description: Description, obj: Any) -> WireWriter:
    """Write the body; `pre_save` of the description itself has been called.

    Raises StateError for the first value that does not fit; hooks and predicates pass unchanged.
    """
    writer = WireWriter()
    _Saver(writer).body(description, obj, "", {}, hook=False)
    return writer


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

    def __init__(self, writer: WireWriter) -> None:
        self._writer = writer

    def body(
        self,
        description: Description,
        obj: Any,
        path: str,
        saved: dict[str, Any],
        *,
        hook: bool = True,
    ) -> None:
        """Write the fields of one object; `saved` are the numbers written for it so far."""
        if hook and description.pre_save is not None:
            description.pre_save(obj)
        for field in description.fields:
            if field.when is None or field.when(obj):
                self._field(field, obj, path, saved)
        for subsection in description.subsections:
            assert subsection.needed is not None
            if subsection.needed(obj):
                self._writer.subsection(path, subsection)
                self.body(subsection, obj, path, saved)

    def _field(self, field: Field, obj: Any, path: str, saved: dict[str, Any]) -> None:
        name = path + field.name
        if isinstance(field, Unused):
            self._writer.unused(name, field.size)
            return
        if isinstance(field, Scalar) and field.read is not None:
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
            case Struct():
                self.body(field.description, value, name + ".", {})
            case Bitmap():
                self._bitmap(field, name, value)
            case Timer():
                self._timer(name, value)
            case Queue():
                self._queue(field, name, value)

    def _buffer(
        self, field: Buffer, obj: Any, name: str, value: Any, saved: dict[str, Any]
    ) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise StateError(
                name, value, f"holds {type(value).__name__}, and a buffer is a bytearray or bytes"
            )
        size = field.size if field.length is None else self._length(field, obj, name, saved)
        self._writer.buffer(name, bytes(value[: self._fitting(field, name, value, size)]))

    def _array(self, field: Array, obj: Any, name: str, value: Any, saved: dict[str, Any]) -> None:
        try:
            items = list(value)
        except TypeError:
            raise StateError(
                name, value, f"holds {type(value).__name__}, and an array is a list"
            ) from None
        count = field.count if field.length is None else self._length(field, obj, name, saved)
        for index in range(self._fitting(field, name, items, count)):
            self._element(field.element, f"{name}[{index}]", items[index])

    def _element(self, element: ScalarType | Description, name: str, item: Any) -> None:
        if isinstance(element, ScalarType):
            self._writer.scalar(name, element, check_scalar(name, element, item))
        else:
            self.body(element, item, name + ".", {})

    def _length(self, field: Buffer | Array, obj: Any, name: str, saved: dict[str, Any]) -> int:
        assert field.length is not None
        if field.length in saved:
            length = saved[field.length]
        else:
            try:
                length = getattr(obj, field.length)
            except AttributeError:
                raise StateError(
                    name,
                    None,
                    f"its length {field.length!r} is no attribute; assign it in __init__",
                ) from None
        if not isinstance(length, int) or isinstance(length, bool):
            raise StateError(
                name, length, f"its length {field.length} is {length!r}; it must be an int"
            )
        if not 0 <= length <= field.maximum:
            raise StateError(
                name,
                length,
                f"its length {field.length} is {length}, and may be 0 to {field.maximum}; "
                "correct it, or raise maximum=",
            )
        return length

    def _fitting(self, field: Buffer | Array, name: str, items: Any, length: int) -> int:
        """Return how many items travel."""
        if len(items) < length if field.fixed else len(items) != length:
            reason = f"as {field.length} says" if field.length is not None else "as declared"
            least = "at least " if field.fixed else ""
            raise StateError(
                name, items, f"holds {len(items)} items, and must hold {least}{length}, {reason}"
            )
        return length

    def _bitmap(self, field: Bitmap, name: str, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise StateError(name, value, f"holds {value!r}, and a bitmap is an int")
        if value < 0 or value >> field.bits:
            raise StateError(
                name,
                value,
                f"holds {value:#x}, and has {field.bits} bits; mask it where it is assigned",
            )
        self._writer.bitmap(name, field.bits, value)

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
            self._writer.count(f"{name}.count", len(items))
        for index, item in enumerate(items):
            if field.linked:
                self._writer.more(f"{name}.more[{index}]", True)
            self._element(field.element, f"{name}[{index}]", item)
        if field.linked:
            self._writer.more(f"{name}.more[{len(items)}]", False)
