"""State descriptions as QEMU's `-dump-vmstate` has them: read, and written from our own."""

from __future__ import annotations

from stressor.vmstate.dump.model import Dump, DumpedDescription, DumpedDevice, DumpedField
from stressor.vmstate.dump.read import parse_dump, read_dump
from stressor.vmstate.dump.render import dump_of, encode_dump

__all__ = [
    "Dump",
    "DumpedDescription",
    "DumpedDevice",
    "DumpedField",
    "dump_of",
    "encode_dump",
    "parse_dump",
    "read_dump",
]
