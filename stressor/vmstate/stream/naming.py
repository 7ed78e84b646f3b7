"""Naming every byte of a device section, as the stream's own description says.

A description is flattened into parallel lists, one entry a leaf, and all values are taken by one
`struct` format: no step of Python is taken for a value, and few for a name.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.stream.description import Body, Device, FieldText, body_size
from stressor.vmstate.wire import SUBSECTION, NamedField

__all__ = ["UNDESCRIBED", "name_body", "pack_fields"]

UNDESCRIBED: Final = "undescribed"
"""The kind of bytes of which the stream says nothing."""

LONGEST_PATH: Final = 512

_SIGNED: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SCALARS: Final = {
    **{f"int{8 * size}": (size, code) for size, code in _SIGNED.items()},
    **{f"uint{8 * size}": (size, code) for size, code in _UNSIGNED.items()},
    "bool": (1, "B"),
    "timer": (8, "q"),
    "cpsr": (4, "I"),
    "fpscr": (4, "I"),
    "powered_off": (1, "B"),
    "pci irq state": (16, "16s"),
    "float64": (8, "Q"),
    "CPU_Double_U": (8, "Q"),
}
_SUFFIX: Final = re.compile(" (equal|le|ge)$")
_LISTS: Final = ("qtailq", "qlist")
_TRANSLATED: Final = frozenset(("bool", "timer"))

_field: Callable[[tuple[object, ...]], NamedField] = partial(tuple.__new__, NamedField)
"""Half the cost of NamedField's own constructor, which is written in Python."""


@lru_cache(1024)
def _code(kind: str, size: int) -> str:
    """Return the format of a leaf: a number where `size` is that of its type, or else bytes."""
    known, code = _SCALARS.get(_SUFFIX.sub("", kind), (0, ""))
    return code if known == size else f"{size}s"


def name_body(
    device: Device | None, data: bytes, offset: int, label: str
) -> tuple[NamedField, ...]:
    """Return the fields of a section's body, side by side from its first byte to its last.

    `offset` is where the body lies in the stream, `label` stands in front of each path. A body
    that is not described is one field. Raises StreamError for bytes that contradict `device`.
    """
    if device is None:
        if not data:
            return ()
        return (NamedField(f"{label}.data", UNDESCRIBED, offset, len(data), data),)
    leaves = _Leaves(data, offset, label)
    leaves.body(device, f"{label}.", 0)
    return leaves.named()


class _Leaves:
    """The leaves of one body: parallel lists of path, kind, size; and where values need a look."""

    def __init__(self, data: bytes, offset: int, label: str) -> None:
        self._data = data
        self._offset = offset
        self._label = label
        self._paths: list[str] = []
        self._kinds: list[str] = []
        self._sizes: list[int] = []
        self._codes: list[str] = []
        self._headers: list[tuple[int, int]] = []

    def body(self, body: Body | Device | FieldText, path: str, start: int) -> int:
        """Add the leaves of `body`, which begins at `start`; return where it ends."""
        for field in body.fields or ():
            start = self._field(field, path, start)
        for part in body.subsections:
            start = self._header(part, path, start)
            start = self.body(part, path, start)
        return start

    def _field(self, field: FieldText, path: str, start: int) -> int:
        name = path + field.name
        if field.index is not None:
            name = f"{name}[{field.index}]"
        count = 1 if field.array_len is None else field.array_len
        end = start + field.size * count
        if field.size == 0 or count == 0:
            return start
        if end > len(self._data) or len(name) > LONGEST_PATH:
            raise StreamError(
                name[:LONGEST_PATH], self._offset + start, "is longer than its section, or its name"
            )
        inner: Body | FieldText | None = field.struct
        if inner is None and field.fields is not None:
            inner = field
        if inner is not None and field.type in _LISTS:
            self._list(field, name, start)
        elif inner is not None and body_size(inner) == field.size:
            self._structs(inner, field, name, count, start)
        else:
            self._scalars(field, name, count)
        return end

    def _scalars(self, field: FieldText, name: str, count: int) -> None:
        code = _code(field.type, field.size)
        if field.array_len is None:
            self._leaf(name, field.type, field.size, code)
            return
        self._paths += [f"{name}[{index}]" for index in range(count)]
        self._kinds += [field.type] * count
        self._sizes += [field.size] * count
        self._codes.append(f"{count}{code}" if len(code) == 1 else code * count)

    def _structs(
        self,
        inner: Body | FieldText,
        field: FieldText,
        name: str,
        count: int,
        start: int,
    ) -> None:
        if field.array_len is None:
            self.body(inner, f"{name}.", start)
            return
        first, codes, headers = len(self._paths), len(self._codes), len(self._headers)
        element = f"{name}[0]."
        self.body(inner, element, start)
        suffixes = [path[len(element) :] for path in self._paths[first:]]
        kinds, sizes = self._kinds[first:], self._sizes[first:]
        repeated = self._headers[headers:]
        for index in range(1, count):
            element = f"{name}[{index}]."
            self._headers += [
                (place + index * len(suffixes), version) for place, version in repeated
            ]
            self._paths += [element + suffix for suffix in suffixes]
        self._kinds += kinds * (count - 1)
        self._sizes += sizes * (count - 1)
        self._codes += self._codes[codes:] * (count - 1)

    def _list(self, field: FieldText, name: str, start: int) -> None:
        """Add a linked list: a marker 1 in front of each element, 0 behind the last.

        The description keeps one element only, so this works when all of them are alike.
        """
        stride = body_size(field) + 1
        count, rest = divmod(field.size - 1, stride)
        piece = self._data[start : start + field.size]
        if rest or piece[:-1:stride] != b"\1" * count or piece[-1]:
            self._leaf(name, field.type, field.size, f"{field.size}s")
            return
        for index in range(count):
            self._leaf(f"{name}.more[{index}]", "marker", 1, "B")
            self.body(field, f"{name}[{index}].", start + index * stride + 1)
        self._leaf(f"{name}.more[{count}]", "marker", 1, "B")

    def _header(self, part: Body, path: str, start: int) -> int:
        name = part.vmsd_name.encode()
        size = len(name) + 6
        header = bytes((SUBSECTION, len(name))) + name if len(name) < 256 else b""
        where = f"{path}({part.vmsd_name})"
        if not header or not self._data.startswith(header, start) or len(self._data) < start + size:
            raise StreamError(
                where[:LONGEST_PATH], self._offset + start, "the subsection described is not here"
            )
        version = int.from_bytes(self._data[start + size - 4 : start + size])
        self._headers.append((len(self._paths), version))
        self._leaf(where, "subsection", size, f"{size}s")
        return start + size

    def _leaf(self, path: str, kind: str, size: int, code: str) -> None:
        self._paths.append(path)
        self._kinds.append(kind)
        self._sizes.append(size)
        self._codes.append(code)

    def named(self) -> tuple[NamedField, ...]:
        """Return the fields, with their values. Raises StreamError when they miss a byte."""
        sizes = self._sizes
        offsets = list(accumulate(sizes, initial=self._offset))
        if offsets.pop() != self._offset + len(self._data):
            raise StreamError(
                self._label, self._offset, f"has {len(self._data)} bytes, and others are described"
            )
        values: list[object] = list(struct.unpack(">" + "".join(self._codes), self._data))
        kinds = self._kinds
        if not _TRANSLATED.isdisjoint(kinds):
            for place, kind in enumerate(kinds):
                if kind == "timer" and values[place] == -1:
                    values[place] = None
                elif kind == "bool" and values[place] in (0, 1):
                    values[place] = values[place] == 1
        for place, version in self._headers:
            values[place] = version
        return tuple(map(_field, zip(self._paths, kinds, offsets, sizes, values, strict=True)))


def pack_fields(fields: tuple[NamedField, ...]) -> bytes:
    """Return the bytes that were named: each value written again by its kind and size."""
    pieces = []
    for path, kind, _, size, value in fields:
        if isinstance(value, bytes):
            pieces.append(value)
        elif kind == "subsection":
            name = path[path.rindex("(") + 1 : -1].encode()
            pieces.append(bytes((SUBSECTION, len(name))) + name + struct.pack(">I", value))
        elif value is None:
            pieces.append(b"\xff" * size)
        else:
            pieces.append(int(value).to_bytes(size, signed=value < 0))
    return b"".join(pieces)
