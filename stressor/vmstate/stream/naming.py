"""Naming every byte of a device section, as the stream's own description says.

A description is flattened into parallel lists, one entry a leaf, and all values are taken by one
`struct` format: no step of Python is taken for a value, and few for a name. Who reads the states of
one machine again and again pays for the names once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

from stressor.errors import StreamError
from stressor.vmstate.stream.description import Body, Device, FieldText, body_size
from stressor.vmstate.stream.layout import Layout, leaf_code
from stressor.vmstate.wire import SUBSECTION, NamedField

__all__ = ["UNDESCRIBED", "name_body"]

UNDESCRIBED: Final = "undescribed"
"""The kind of bytes of which the stream says nothing."""

MOST_ELEMENTS: Final = 4096
"""A longer array of bytes is one field, as a buffer is: a name for each costs 200 bytes."""

LONGEST_PATH: Final = 512
MOST_LAYOUTS: Final = 256
LARGEST_KEPT: Final = 64 << 10
"""Bytes of a body whose layout is kept: a device of QEMU seldom has more."""

MOST_NOTHINGS: Final = 100_000

_LISTS: Final = ("qtailq", "qlist")

_name_of: Callable[[FieldText], str] = attrgetter("name")


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
    key = id(device), len(data), label
    device_and_layout = _layouts.get(key)
    if device_and_layout is None:
        leaves = _Leaves(data, offset, label)
        leaves.body(device, f"{label}.", 0)
        layout = leaves.layout()
        if leaves.fixed and len(data) <= LARGEST_KEPT:
            if len(_layouts) >= MOST_LAYOUTS:
                _layouts.clear()
            _layouts[key] = device, layout
    else:
        layout = device_and_layout[1]
    return layout.fields(data, offset)


_layouts: Final[dict[tuple[int, int, str], tuple[Device, Layout]]] = {}
"""The layouts of devices by identity; each is kept alive here, so that no other has its number."""


class _Shape(NamedTuple):
    """The leaves of a structure: what stands behind its own path, and the rest of each."""

    inner: Body | FieldText
    size: int
    suffixes: list[str]
    kinds: list[str]
    sizes: list[int]
    codes: list[str]

    def fits(self, field: FieldText) -> bool:
        """Return whether `field` is one structure that has these leaves."""
        alike = field.size == self.size and field.struct == self.inner
        return alike and field.array_len is None and field.type not in _LISTS


class _Leaves:
    """Flattens a description into the leaves of one body: parallel lists of path, kind, size, code.

    `fixed` says that another body of the same description has the same leaves.
    """

    def __init__(self, data: bytes, offset: int, label: str) -> None:
        self._data = data
        self._offset = offset
        self._label = label
        self._paths: list[str] = []
        self._kinds: list[str] = []
        self._sizes: list[int] = []
        self._codes: list[str] = []
        self._headers: list[tuple[int, int, bytes]] = []
        self.fixed = True
        self._shape: _Shape | None = None
        self._nothing = 0

    def body(self, body: Body | Device | FieldText, path: str, start: int) -> int:
        """Add the leaves of `body`, which begins at `start`; return where it ends."""
        if len(path) > LONGEST_PATH:
            raise StreamError(path[:LONGEST_PATH], self._offset + start, "is too long a name")
        fields = body.fields or ()
        if len(set(map(_name_of, fields))) != len(fields):
            for field, index in _numbered(fields):
                start = self._field(field, path, start, index)
        else:
            for field in fields:
                inner = field.struct or field.fields
                if field.size and inner is None and field.array_len is None is field.index:
                    # Most fields are like this; half of all time was spent on calls from here.
                    self._paths.append(path + field.name)
                    self._kinds.append(field.type)
                    self._sizes.append(field.size)
                    self._codes.append(leaf_code(field.type, field.size))
                    start += field.size
                else:
                    start = self._field(field, path, start, field.index)
        for part in body.subsections:
            start = self._header(part, path, start)
            start = self.body(part, path, start)
        return start

    def _field(self, field: FieldText, path: str, start: int, index: int | None) -> int:
        """Add one field; `index` is its own in an array, or that of the first of its elements."""
        name = path + field.name
        shape = self._shape
        if shape is not None and shape.fits(field):
            self._again(shape, f"{name}." if index is None else f"{name}[{index}].")
            return start + field.size
        count = 1 if field.array_len is None else field.array_len
        end = start + field.size * count
        if end == start:
            self._pass_nothing(name, start)
            return start
        if end > len(self._data):
            raise StreamError(
                name[:LONGEST_PATH], self._offset + start, "is longer than its section"
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
            self._structs(inner, name, index or 0, count, field.size, start)
        return end

    def _pass_nothing(self, name: str, start: int) -> None:
        """Count a field of no size: a few are usual, and many times many would take for ever."""
        self._nothing += 1
        if self._nothing > MOST_NOTHINGS:
            raise StreamError(name[:LONGEST_PATH], self._offset + start, "has no size, like many")

    def _one(self, inner: Body | FieldText | None, field: FieldText, name: str, start: int) -> None:
        if inner is None:
            self._leaf(name, field.type, field.size, leaf_code(field.type, field.size))
        elif field.type in _LISTS:
            self._list(field, name, start)
        else:
            self._walk(inner, f"{name}.", start)

    def _walk(self, inner: Body | FieldText, path: str, start: int) -> _Shape | None:
        """Add the leaves of a structure; return them, for others like it, if that can be done."""
        leaves, codes, headers = len(self._paths), len(self._codes), len(self._headers)
        self.body(inner, path, start)
        self._shape = None
        if len(self._headers) == headers:  # or each one's subsections have to be looked at
            self._shape = _Shape(
                inner,
                sum(self._sizes[leaves:]),
                [name[len(path) :] for name in self._paths[leaves:]],
                self._kinds[leaves:],
                self._sizes[leaves:],
                self._codes[codes:],
            )
        return self._shape

    def _again(self, shape: _Shape, path: str) -> None:
        """Add the leaves of another structure of the same shape."""
        self._paths += [path + suffix for suffix in shape.suffixes]
        self._kinds += shape.kinds
        self._sizes += shape.sizes
        self._codes += shape.codes

    def _scalars(self, field: FieldText, name: str, first: int, count: int) -> None:
        if field.size == 1 and count > MOST_ELEMENTS:
            self._leaf(name, field.type, count, f"{count}s")
            return
        code = leaf_code(field.type, field.size)
        self._paths += [f"{name}[{index}]" for index in range(first, first + count)]
        self._kinds += [field.type] * count
        self._sizes += [field.size] * count
        self._codes.append(f"{count}{code}" if len(code) == 1 else code * count)

    def _structs(
        self, inner: Body | FieldText, name: str, first: int, count: int, size: int, start: int
    ) -> None:
        """Add an array of structures: the first is walked, the others have the same leaves."""
        shape = self._walk(inner, f"{name}[{first}].", start)
        for index in range(1, count):
            element = f"{name}[{first + index}]."
            if shape is None:
                self.body(inner, element, start + index * size)
            else:
                self._again(shape, element)

    def _list(self, field: FieldText, name: str, start: int) -> None:
        """Add a linked list: a marker 1 in front of each element, 0 behind the last.

        The description keeps one element only, so this works when all of them are alike.
        """
        self.fixed = False
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
        where, size = f"{path}({part.vmsd_name})", len(name) + 6
        if len(name) > 255:
            raise StreamError(where[:LONGEST_PATH], self._offset + start, "has too long a name")
        self._headers.append((len(self._paths), start, bytes((SUBSECTION, len(name))) + name))
        self._leaf(where, "subsection", size, f"{size}s")
        return start + size

    def _leaf(self, path: str, kind: str, size: int, code: str) -> None:
        self._paths.append(path)
        self._kinds.append(kind)
        self._sizes.append(size)
        self._codes.append(code)

    def layout(self) -> Layout:
        """Return the layout. Raises StreamError when the leaves have another size."""
        if sum(self._sizes) != len(self._data):
            raise StreamError(
                self._label, self._offset, f"has {len(self._data)} bytes, and others are described"
            )
        return Layout(self._paths, self._kinds, self._sizes, self._codes, self._headers)


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
