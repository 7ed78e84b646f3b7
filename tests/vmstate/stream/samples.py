"""Streams to read: those that real QEMU binaries wrote, and small ones made by hand.

The stored ones were written by a stopped machine (`-S -nodefaults`) through
`migrate exec:cat > file`; what their full pages held (firmware) is zeroed.
"""

from __future__ import annotations

import io
import lzma
import struct
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from stressor.vmstate.stream import Stream, read_stream

__all__ = [
    "IMAGE",
    "STORED",
    "Pipe",
    "description",
    "device",
    "field",
    "footer",
    "full",
    "header",
    "memory",
    "named",
    "parsed",
    "read",
    "small",
    "stored",
]

DATA = Path(__file__).parent / "data"
STORED = tuple(sorted(path.name.removesuffix(".mig.xz") for path in DATA.glob("*.mig.xz")))
IMAGE = "qemu-7.2-sabrelite.qcow2.xz"

EOF = b"\0"
END_OF_PAGES = struct.pack(">Q", 0x10)


@cache
def stored(name: str) -> bytes:
    """Return a stored file: a stream by its short name, or another by its file's name."""
    file = name if name.endswith(".xz") else f"{name}.mig.xz"
    return lzma.decompress((DATA / file).read_bytes())


@cache
def parsed(name: str) -> Stream:
    return read(stored(name))


def read(data: bytes, **options: Any) -> Stream:
    """Read a stream from memory."""
    return read_stream(io.BytesIO(data), **options)


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time, and in which nobody can seek."""

    def __init__(self, data: bytes, most: int = 4099) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return self._file.readinto(buffer[: self._most])


def header(machine: str = "test") -> bytes:
    name = machine.encode()
    return b"QEVM" + struct.pack(">IBI", 3, 7, len(name)) + name


def memory(records: bytes, *blocks: tuple[str, int], tag: int = 1, version: int = 4) -> bytes:
    """Return a section of guest memory that lists `blocks` and holds `records`."""
    body = b""
    if blocks:
        body = struct.pack(">Q", sum(length for _, length in blocks) | 4)
        body += b"".join(named(name) + struct.pack(">Q", length) for name, length in blocks)
    begin = named("ram") + struct.pack(">II", 0, version) if tag in (1, 4) else b""
    return struct.pack(">BI", tag, 2) + begin + body + records + END_OF_PAGES + footer(2)


def named(name: str) -> bytes:
    return bytes((len(name),)) + name.encode()


def footer(section_id: int) -> bytes:
    return struct.pack(">BI", 0x7E, section_id)


def full(
    name: str, body: bytes, *, instance: int = 0, version: int = 1, section_id: int = 9
) -> bytes:
    """Return a device section."""
    head = struct.pack(">BI", 4, section_id) + named(name) + struct.pack(">II", instance, version)
    return head + body + footer(section_id)


def description(*devices: dict[str, Any], **more: Any) -> bytes:
    """Return the end mark, and the description behind it."""
    text = msgspec.json.encode({**more, "devices": devices})
    return EOF + b"\6" + struct.pack(">I", len(text)) + text


def device(name: str, *fields: dict[str, Any], instance: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "instance_id": instance,
        "vmsd_name": name,
        "version": 1,
        "fields": fields,
        **more,
    }


def field(name: str, type: str, size: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type, "size": size, **more}


def small(body: bytes = b"\1\2\3", *fields: dict[str, Any], **more: Any) -> bytes:
    """Return a stream of one device, `dev/0`, whose body is described by `fields`."""
    fields = fields or (field("a", "uint8", 1), field("b", "uint16", 2))
    return header() + full("dev", body) + description(device("dev", *fields, **more))
