"""The description that QEMU writes behind a stream: JSON, typed here, and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from stressor.errors import StreamError

__all__ = [
    "Body",
    "Device",
    "FieldText",
    "StreamDescription",
    "body_size",
    "find_description",
    "find_descriptions",
    "parse_description",
]

LONGEST: Final = 64 << 20
"""Bytes of JSON; a large machine of QEMU has less than one million."""

DEEPEST: Final = 32

_BEGIN: Final = re.compile(rb"\x00\x06(.{4})\{", re.DOTALL)
_TRIES: Final = 16
_USUAL: Final = 1 << 20

_Name = Annotated[str, msgspec.Meta(max_length=255)]
_Size = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
_Version = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 32)]


class FieldText(msgspec.Struct, frozen=True, gc=False):
    """A field: `size` bytes, or `array_len` times `size`. With `index` it is one of an array.

    A structure has its fields in `struct`; a few kinds have them, and subsections, in the field.
    """

    name: _Name
    type: _Name
    size: _Size = 0
    array_len: _Size | None = None
    index: _Size | None = None
    struct: Body | None = None
    version: _Version = 0
    fields: tuple[FieldText, ...] | None = None
    subsections: tuple[Body, ...] = ()


class Body(msgspec.Struct, frozen=True, gc=False):
    """Fields in order, then subsections; `vmsd_name` and `version` stand before a subsection."""

    vmsd_name: _Name = ""
    version: _Version = 0
    fields: tuple[FieldText, ...] = ()
    subsections: tuple[Body, ...] = ()


class Device(msgspec.Struct, frozen=True, gc=False):
    """A section. One saved by code, without a state description, has a `size` and no version.

    `optional` is Stressor's addition: a reader that does not know the section passes it over.
    """

    name: _Name
    instance_id: _Size
    vmsd_name: _Name = ""
    version: _Version = 0
    size: _Size = 0
    fields: tuple[FieldText, ...] = ()
    subsections: tuple[Body, ...] = ()
    optional: bool = False


class StreamDescription(msgspec.Struct, frozen=True, gc=False):
    """Every section that has no length of its own, in the order of the stream."""

    page_size: _Size = 0
    devices: tuple[Device, ...] = ()
    configuration: Body | None = None


_DECODER: Final = msgspec.json.Decoder(StreamDescription)


def parse_description(text: bytes, offset: int) -> StreamDescription:
    """Return the description. Raises StreamError for what is none; `offset` is that of `text`.

    Equal texts of usual size give the same object: a machine's states have one description.
    """
    if len(text) > _USUAL:
        return _parse(text, offset)
    try:
        return _described(text)
    except StreamError as error:
        raise StreamError(error.path, offset, error.problem) from error


def _parse(text: bytes, offset: int) -> StreamDescription:
    try:
        described = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StreamError("description", offset, f"is no description of QEMU's: {error}") from error
    except RecursionError as error:
        raise StreamError("description", offset, "is nested too deeply") from error
    _check_depth(described, offset)
    return described


@lru_cache(8)
def _described(text: bytes) -> StreamDescription:
    return _parse(text, 0)


def _check_depth(described: StreamDescription, offset: int) -> None:
    """Raise StreamError for what is nested deeper than any device is; what follows is recursive."""
    level: list[Body | Device | FieldText] = [*described.devices]
    if described.configuration is not None:
        level.append(described.configuration)
    for _ in range(DEEPEST):
        below: list[Body | Device | FieldText] = []
        for body in level:
            for field in body.fields or ():
                if field.struct is not None:
                    below.append(field.struct)
                if field.fields or field.subsections:
                    below.append(field)
            below += body.subsections
        if not below:
            return
        level = below
    raise StreamError("description", offset, f"is nested more than {DEEPEST} deep")


def find_description(tail: bytes) -> tuple[int, bytes] | None:
    """Find the description that reaches to the end of `tail`; return its tag's offset, and text."""
    start = len(tail)
    for _ in range(_TRIES):  # no byte of JSON is 6: the last one is the tag, or in its length
        start = tail.rfind(b"\6", 0, start)
        if start < 0:
            return None
        if start + 5 + int.from_bytes(tail[start + 1 : start + 5]) == len(tail):
            return start, tail[start + 5 :]
    return None


def find_descriptions(rest: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what may be a description and has something behind it, the last one first.

    `rest` holds no guest memory, in which there may be anything.
    """
    for match in reversed(list(_BEGIN.finditer(rest))[-_TRIES:]):
        start, length = match.start() + 1, int.from_bytes(match[1])
        if length < len(rest) - start - 5:
            yield start, rest[start + 5 : start + 5 + length]


def body_size(body: Body | Device | FieldText) -> int:
    """Return how many bytes the fields and subsections of `body` take, as their sizes say."""
    size = sum(
        field.size if field.array_len is None else field.size * field.array_len
        for field in body.fields or ()
    )
    for part in body.subsections:
        size += 6 + len(part.vmsd_name.encode()) + body_size(part)
    return size
