"""What QEMU's `-dump-vmstate` says about every device that a binary has, as typed data.

The dump is JSON: an object of devices by type name, each with its state description, and the name
of the machine under `vmschkmachine`. QEMU writes it in `migration/savevm.c`. Sizes are those of the
C types: of one element where the field is an array, 0 where the device decides, and for a field
with a description the size of the C struct, which says nothing about the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec

__all__ = ["MACHINE", "Dump", "DumpedDescription", "DumpedDevice", "DumpedField"]

MACHINE = "vmschkmachine"
"""The key under which a dump has its machine type, among the devices."""

Version: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 32)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 48)]


class DumpedField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One field of a description.

    `conditional` says that the device decides whether it travels; then `version` says nothing.
    `count` is the length of an array of fixed length: QEMU writes it from 8.1 on. `type` is ours:
    the name of what the field is, where it is no struct.
    """

    name: str = msgspec.field(name="field")
    version: Version = msgspec.field(name="version_id")
    conditional: bool = msgspec.field(name="field_exists")
    count: Count | None = msgspec.field(name="num", default=None)
    size: Size
    type: str | None = None
    description: DumpedDescription | None = msgspec.field(name="Description", default=None)

    @property
    def unused(self) -> bool:
        """Whether it is padding."""
        return self.name == "unused" and self.description is None


class DumpedDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A description: a device's, one embedded in a field, or a subsection."""

    name: str
    version: Version = msgspec.field(name="version_id")
    minimum_version: Version = msgspec.field(name="minimum_version_id")
    fields: tuple[DumpedField, ...] = msgspec.field(name="Fields", default=())
    subsections: tuple[DumpedDescription, ...] = msgspec.field(name="Subsections", default=())


class DumpedDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A device type. `name` repeats its key, and its versions repeat those of its description."""

    name: str = msgspec.field(name="Name")
    version: Version = msgspec.field(name="version_id")
    minimum_version: Version = msgspec.field(name="minimum_version_id")
    description: DumpedDescription | None = msgspec.field(name="Description", default=None)


@dataclass(frozen=True, slots=True)
class Dump:
    """The devices of a binary by type name, in the order of the dump.

    `machine` is the machine type that it was asked for, "" when it names none.
    """

    machine: str
    devices: dict[str, DumpedDevice]
