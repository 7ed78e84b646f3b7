"""The configuration section: the machine's type, and what the loading side must have alike."""

from __future__ import annotations

import struct
from typing import Final

from stressor.vmstate.stream.description import Body, body_size
from stressor.vmstate.stream.parts import Configuration, Subsection, Tag
from stressor.vmstate.stream.source import Source

__all__ = ["pack_configuration", "read_configuration"]

LONGEST_NAME: Final = 4096
MOST_CAPABILITIES: Final = 256

_PREFIX: Final = b"configuration/"


def read_configuration(source: Source, described: Body | None) -> Configuration:
    """Take the section, the tag included. Raises StreamError.

    `described` gives the lengths of subsections that are not known here.
    """
    begin = source.position
    source.skip(1, "configuration")
    length = source.number(4, "configuration")
    if length > LONGEST_NAME:
        raise source.refuse("configuration", f"the machine's name has {length} bytes", 4)
    machine = source.take(length, "configuration").decode("utf-8", "surrogateescape")
    subsections = []
    while _subsection_next(source):
        subsections.append(_read_subsection(source, described))
    return Configuration(begin, source.position - begin, machine, tuple(subsections))


def _subsection_next(source: Source) -> bool:
    head = source.peek(2 + len(_PREFIX))
    return head[:1] == bytes((Tag.SUBSECTION,)) and head[2:] == _PREFIX


def _read_subsection(source: Source, described: Body | None) -> Subsection:
    begin = source.position
    source.skip(1, "configuration")
    name = source.text("configuration")
    version = source.number(4, f"({name})")
    body = source.position
    values: tuple[tuple[str, object], ...] = ()
    match name.removeprefix("configuration/"):
        case "target-page-bits":
            data = source.take(4, f"({name})")
            bits = int.from_bytes(data)
            if not 10 <= bits <= 16:
                raise source.refuse(f"({name})", f"pages of 2 to the power of {bits} bytes", 4)
            values = (("target_page_bits", bits),)
        case "capabilities":
            names, data = _capabilities(source, f"({name})")
            values = (("capabilities", names),)
        case "uuid":
            data = source.take(16, f"({name})")
            values = (("uuid", data.hex()),)
        case _:
            sizes = [body_size(part) for part in _parts(described) if part.vmsd_name == name]
            if not sizes:
                raise source.refuse(f"({name})", "is not known, and nothing says how long it is")
            data = source.take(sizes[0], f"({name})")
            values = (("data", data),)
    size = source.position - begin
    assert source.position - body == len(data)
    return Subsection(begin, size, name, version, data, values)


def _parts(described: Body | None) -> tuple[Body, ...]:
    return () if described is None else described.subsections


def _capabilities(source: Source, path: str) -> tuple[tuple[str, ...], bytes]:
    count = source.number(4, path)
    if count > MOST_CAPABILITIES:
        raise source.refuse(path, f"{count} capabilities, and at most {MOST_CAPABILITIES}", 4)
    names, pieces = [], [struct.pack(">I", count)]
    for _ in range(count):
        name = source.text(path)
        names.append(name)
        raw = name.encode("utf-8", "surrogateescape")
        pieces += [bytes((len(raw),)), raw]
    return tuple(names), b"".join(pieces)


def pack_configuration(part: Configuration) -> bytes:
    """Return the bytes of the section, from its values."""
    machine = part.machine.encode("utf-8", "surrogateescape")
    pieces = [struct.pack(">BI", Tag.CONFIGURATION, len(machine)), machine]
    for subsection in part.subsections:
        name = subsection.name.encode("utf-8", "surrogateescape")
        pieces += [
            bytes((Tag.SUBSECTION, len(name))),
            name,
            struct.pack(">I", subsection.version),
            subsection.data,
        ]
    return b"".join(pieces)
