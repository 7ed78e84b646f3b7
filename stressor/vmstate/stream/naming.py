"""Naming every byte of a device section, as the stream's own description says.

A description is flattened into parallel lists, one entry a leaf, and all values are taken by one
`struct` format: no step of Python is taken for a value, and few for a name.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.stream.description import Body, Device, FieldText, body_size
from stressor.vmstate.wire import SUBSECTION, NamedField

__all__ = ["UNDESCRIBED", "name_body", "pack_fields"]

UNDESCRIBED: Final = "undescribed"
"""The kind of bytes of which the stream says nothing."""

MOST_ELEMENTS: Final = 4096
"""A longer array of bytes is one field, as a buffer is: a name for each costs 200 bytes."""

LONGEST_PATH: Final = 512
MOST_NOTHINGS: Final = 100_000

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
        self._nothing = 0

    def body(self, body: Body | Device | FieldText, path: str, start: int) -> int:
        """Add the leaves of `body`, which begins at `start`; return where it ends."""
        fields = body.fields or ()
        if len({field.name for field in fields}) == len(fields):
            for field in fields:
                start = self._field(field, path, start, field.index)
        else:
            for field, index in _numbered(fields):
                start = self._field(field, path, start, index)
        for part in body.subsections:
            start = self._header(part, path, start)
            start = self.body(part, path, start)
        return start

    def _field(self, field: FieldText, path: str, start: int, index: int | None) -> int:
        """Add one field; `index` is its own in an array, or that of the first of its elements."""
        name = path + field.name
        count = 1 if field.array_len is None else field.array_len
        end = start + field.size * count
        if end == start:
            self._pass_nothing(name, start)
            return start
        if end > len(self._data) or len(name) > LONGEST_PATH:
            raise StreamError(
                name[:LONGEST_PATH], self._offset + start, "is longer than its section, or its name"
            )
        inner: Body | FieldText | None = field.struct
        if inner is None and field.fields is not None:
            inner = field
        if inner is not None and body_size(inner) != field.size and field.type not in _LISTS:
            inner = None
        if field.array_len is None:
            self._one(inner, field, name if index is None else f"{name}[{index}]", start)
        elif inner is None or field.type in _LISTS:
            self._scalars(field, name, index or 0, count)
        else:
            self._structs(inner, name, index or 0, count, start)
        return end

    def _pass_nothing(self, name: str, start: int) -> None:
        """Count a field of no size: a few are usual, and many times many would take for ever."""
        self._nothing += 1
        if self._nothing > MOST_NOTHINGS:
            raise StreamError(name[:LONGEST_PATH], self._offset + start, "has no size, like many")

    def _one(self, inner: Body | FieldText | None, field: FieldText, name: str, start: int) -> None:
        if inner is None:
            self._leaf(name, field.type, field.size, _code(field.type, field.size))
        elif field.type in _LISTS:
            self._list(field, name, start)
        else:
            self.body(inner, f"{name}.", start)

    def _scalars(self, field: FieldText, name: str, first: int, count: int) -> None:
        if field.size == 1 and count > MOST_ELEMENTS:
            self._leaf(name, field.type, count, f"{count}s")
            return
        code = _code(field.type, field.size)
        self._paths += [f"{name}[{index}]" for index in range(first, first + count)]
        self._kinds += [field.type] * count
        self._sizes += [field.size] * count
        self._codes.append(f"{count}{code}" if len(code) == 1 else code * count)

    def _structs(
        self, inner: Body | FieldText, name: str, first: int, count: int, start: int
    ) -> None:
        """Add an array of structures: the first is walked, the others have the same leaves."""
        leaves, codes, headers = len(self._paths), len(self._codes), len(self._headers)
        element = f"{name}[{first}]."
        end = self.body(inner, element, start)
        if len(self._headers) > headers:  # what stands in a header of each has to be looked at
            for index in range(1, count):
                end = self.body(inner, f"{name}[{first + index}].", end)
            return
        suffixes = [path[len(element) :] for path in self._paths[leaves:]]
        kinds, sizes = self._kinds[leaves:], self._sizes[leaves:]
        for index in range(first + 1, first + count):
            element = f"{name}[{index}]."
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
        paths = self._paths
        if len(set(paths)) != len(paths):
            paths = list(_told_apart(paths))
        return tuple(map(_field, zip(paths, kinds, offsets, sizes, values, strict=True)))


def _numbered(fields: tuple[FieldText, ...]) -> Iterator[tuple[FieldText, int | None]]:
    """Yield fields with their index in an array; those of one name are parts of one array.

    QEMU since 9.2 cuts an array where null pointers begin or end, and gives the last element no
    index.
    """
    counts = Counter(field.name for field in fields)
    following: dict[str, int] = {}
    for field in fields:
        index = field.index
        if counts[field.name] > 1:
            index = following.get(field.name, 0) if index is None else index
            following[field.name] = index + (field.array_len or 1)
        yield field, index


def _told_apart(paths: list[str]) -> Iterator[str]:
    """Yield the paths; the second of one path has `#2` behind it. QEMU saves some members twice."""
    seen: Counter[str] = Counter()
    for path in paths:
        seen[path] += 1
        yield path if seen[path] == 1 else f"{path}#{seen[path]}"


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
