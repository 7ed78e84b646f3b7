"""A description of ours in the shape of QEMU's dump."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from stressor.vmstate.description import Description
from stressor.vmstate.dump.model import MACHINE, Dump, DumpedDescription, DumpedDevice, DumpedField
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

__all__ = ["dump_of", "encode_dump"]


def dump_of(description: Description, name: str | None = None) -> DumpedDevice:
    """Return what QEMU would dump for a device with this description.

    `name` is the device type's, by default the description's. Sizes are bytes in the stream, of one
    element where there are several, 0 where only the device knows; QEMU's are those of its C types,
    which are others for structs alone. `Validate` is left out, as in QEMU: it does not travel.
    """
    return DumpedDevice(
        name=description.name if name is None else name,
        version=description.version,
        minimum_version=description.minimum_version,
        description=_description(description),
    )


def encode_dump(dump: Dump) -> bytes:
    """Return the dump as indented JSON, which `parse_dump` reads back."""
    whole: dict[str, object] = dict(dump.devices)
    if dump.machine:
        whole = {MACHINE: {"Name": dump.machine}, **whole}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


class _Shape(NamedTuple):
    """What the dump says of a kind of field, beside what it says of every field."""

    type: str | None
    size: int
    number: int | None = None
    description: Description | None = None


def _description(description: Description) -> DumpedDescription:
    return DumpedDescription(
        name=description.name,
        version=description.version,
        minimum_version=description.minimum_version,
        fields=tuple(_field(field) for field in description.fields),
        subsections=tuple(_description(subsection) for subsection in description.subsections),
    )


def _field(field: Field) -> DumpedField:
    shape = _shape(field)
    return DumpedField(
        name=field.name,
        version=field.since,
        conditional=field.when is not None,
        count=shape.number,
        size=shape.size,
        type=shape.type,
        description=None if shape.description is None else _description(shape.description),
    )


def _shape(field: Field) -> _Shape:
    match field:
        case Scalar():
            return _Shape(field.type.name, field.type.size)
        case Buffer():
            return _Shape("buffer" if field.length is None else "variable buffer", field.size)
        case Struct() | Temporary():
            return _Shape(None, _size(field.description), None, field.description)
        case Bitmap() if field.length is not None:
            return _Shape("variable bitmap", 0)
        case Bitmap():
            return _Shape("bitmap", (field.bits + 63) // 64 * 8)
        case Timer():
            return _Shape("timer", 8)
        case Unused() if field.length is not None:
            return _Shape("variable padding", 0)
        case Unused():
            return _Shape(None, field.size)
        case Array(null=True):
            return _elements("variable array with nulls", field.element, None)
        case Array(length=None):
            return _elements("array", field.element, field.count)
        case Array():
            return _elements("variable array", field.element, None)
        case Tree():
            return _elements("variable tree", field.element, None)
        case Queue():
            return _elements("linked queue" if field.linked else "queue", field.element, None)
    raise TypeError(f"no shape for {type(field).__name__}")


def _elements(what: str, element: Element, count: int | None) -> _Shape:
    if isinstance(element, ScalarType | TimerType):
        return _Shape(f"{what} of {element.name}", element.size, count)
    return _Shape(what, _size(element), count, element)


def _size(description: Description) -> int:
    """Return the bytes of one body without subsections; 0 when only the device knows."""
    total = 0
    for field in description.fields:
        shape = _shape(field)
        if not shape.size or field.when is not None or "queue" in (shape.type or ""):
            return 0
        if "variable" in (shape.type or ""):
            return 0
        total += shape.size * (1 if shape.number is None else shape.number)
    return total
