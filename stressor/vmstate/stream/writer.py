"""Streams written: one that was read, byte for byte, and one of sections of our own."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import msgspec

from stressor.errors import StreamError
from stressor.vmstate.section import Section
from stressor.vmstate.stream.configuration import pack_configuration
from stressor.vmstate.stream.layout import pack_fields
from stressor.vmstate.stream.parts import (
    Command,
    Configuration,
    DescriptionPart,
    DeviceSection,
    EndMark,
    Header,
    Part,
    Tag,
)
from stressor.vmstate.stream.reader import MAGIC, VERSION
from stressor.vmstate.stream.whole import Stream
from stressor.vmstate.wire import NamedField

__all__ = ["StreamWriter", "Writable", "write_stream"]

_COPY: Final = 1 << 20
_ELEMENT: Final = re.compile(r"(.*)\[\d+\]")

_TYPES: Final = {
    **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    "boolean": "bool",
    "f64": "float64",
    "count": "uint32",
    "marker": "uint8",
    "unused": "unused_buffer",
}
"""QEMU's names for the kinds of field that are called otherwise here."""


class Writable(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""


class Original(Protocol):
    """The file that a stream was read from, or the state in its image."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to an offset."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes."""


def write_stream(stream: Stream, out: Writable, original: Original | None = None) -> None:
    """Write a stream that was read, from its parts: the bytes are those that were read.

    What was passed over (guest memory) is copied from `original`. Raises StreamError when there
    is such and no original, or when the original ends before.
    """
    for part in stream.parts:
        known = _pack(part)
        out.write(known)
        offset, missing = part.offset + len(known), part.size - len(known)
        while missing:
            if original is None:
                raise StreamError("stream", offset, "was passed over; give what it was read from")
            original.seek(offset)
            piece = original.read(min(missing, _COPY))
            if not piece:
                raise StreamError("stream", offset, "the original ends before: truncated")
            out.write(piece)
            offset, missing = offset + len(piece), missing - len(piece)


def _pack(part: Part) -> bytes:
    """Return the bytes of a part as far as they are known: all, or none of guest memory's."""
    match part:
        case Header():
            return MAGIC + struct.pack(">I", part.version)
        case Configuration():
            return pack_configuration(part)
        case DeviceSection():
            return _pack_section(part)
        case Command():
            head = struct.pack(">BHH", Tag.COMMAND, part.number, len(part.data))
            return head + part.data
        case EndMark():
            return bytes((Tag.EOF,))
        case DescriptionPart():
            return struct.pack(">BI", Tag.VMDESCRIPTION, len(part.text)) + part.text
        case _:
            return b""


def _pack_section(part: DeviceSection) -> bytes:
    header = struct.pack(">BI", part.tag, part.section_id)
    if part.tag in (Tag.START, Tag.FULL):
        name = part.name.encode("utf-8", "surrogateescape")
        header += bytes((len(name),)) + name + struct.pack(">II", part.instance, part.version)
    footer = struct.pack(">BI", Tag.FOOTER, part.section_id) if part.footer else b""
    return header + pack_fields(part.fields()) + footer


class StreamWriter:
    """Writes a stream of our own sections, with the description that names every byte.

    `machine` is the machine type for the configuration section; without it there is none.
    """

    def __init__(self, out: Writable, *, machine: str | None = None) -> None:
        self._out = out
        self._devices: list[dict[str, object]] = []
        self._finished = False
        out.write(MAGIC + struct.pack(">I", VERSION))
        if machine is not None:
            name = machine.encode()
            out.write(struct.pack(">BI", Tag.CONFIGURATION, len(name)) + name)

    def add(self, section: Section, obj: Any, *, optional: bool = False) -> None:
        """Write the section of `obj`. A reader that does not know it passes an `optional` one over.

        Raises StateError when a value cannot be saved; nothing is written then.
        """
        description, section_id = section.description, len(self._devices)
        body = description.save(obj)
        name = description.name.encode()
        device: dict[str, object] = {
            "name": description.name,
            "instance_id": section.instance,
            "vmsd_name": description.name,
            "version": description.version,
            "fields": list(_described(description.fields_of(body))),
        }
        if optional:
            device["optional"] = True
        self._devices.append(device)
        head = struct.pack(">BIB", Tag.FULL, section_id, len(name)) + name
        versions = struct.pack(">II", section.instance, description.version)
        footer = struct.pack(">BI", Tag.FOOTER, section_id)
        self._out.write(head + versions + body + footer)

    def finish(self) -> None:
        """Write the end mark and the description."""
        text = msgspec.json.encode({"devices": self._devices})
        self._out.write(struct.pack(">BBI", Tag.EOF, Tag.VMDESCRIPTION, len(text)) + text)


def _described(fields: Iterable[NamedField]) -> Iterator[dict[str, object]]:
    """Yield the fields as QEMU describes them; the bytes of a buffer are one field again."""
    buffer: dict[str, object] | None = None
    size = 0
    for field in fields:
        element = _ELEMENT.fullmatch(field.path) if field.kind == "buffer" else None
        name = element[1] if element else field.path
        if buffer is not None and element and buffer["name"] == name:
            size += 1
            continue
        if buffer is not None:
            yield {**buffer, "size": size}
            buffer = None
        if element:
            buffer, size = {"name": name, "type": "buffer"}, 1
        else:
            yield {"name": name, "type": _TYPES.get(field.kind, field.kind), "size": field.size}
    if buffer is not None:
        yield {**buffer, "size": size}
