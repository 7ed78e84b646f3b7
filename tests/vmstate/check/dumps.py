"""Small dumps to plant differences in, and the stored ones of real QEMUs."""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

from stressor.vmstate.dump import Dump, DumpedDescription, DumpedDevice, DumpedField, parse_dump

__all__ = ["DATA", "described", "device", "dump", "field", "stored_bytes", "stored_dump", "unused"]

DATA = Path(__file__).parents[1] / "data"


def field(
    name: str,
    size: int = 4,
    *,
    since: int = 0,
    conditional: bool = False,
    count: int | None = None,
    type: str | None = None,
    inner: DumpedDescription | None = None,
) -> DumpedField:
    return DumpedField(
        name=name,
        version=since,
        conditional=conditional,
        count=count,
        size=size,
        type=type,
        description=inner,
    )


def unused(size: int, *, since: int = 0) -> DumpedField:
    return field("unused", size, since=since)


def described(
    *fields: DumpedField,
    name: str = "uart",
    version: int = 1,
    minimum: int = 1,
    subsections: tuple[DumpedDescription, ...] = (),
) -> DumpedDescription:
    return DumpedDescription(
        name=name,
        version=version,
        minimum_version=minimum,
        fields=fields,
        subsections=subsections,
    )


def device(description: DumpedDescription, key: str = "uart") -> DumpedDevice:
    return DumpedDevice(
        name=key,
        version=description.version,
        minimum_version=description.minimum_version,
        description=description,
    )


def dump(
    *descriptions: DumpedDescription, machine: str = "board", **keyed: DumpedDescription
) -> Dump:
    """A dump of devices under the names of their descriptions, or under those that are given."""
    devices = {
        description.name: device(description, description.name) for description in descriptions
    }
    devices |= {key: device(description, key) for key, description in keyed.items()}
    return Dump(machine, devices)


def stored_bytes(name: str) -> bytes:
    return lzma.decompress((DATA / f"{name}.json.xz").read_bytes())


@cache
def stored_dump(name: str) -> Dump:
    return parse_dump(stored_bytes(name), name)
