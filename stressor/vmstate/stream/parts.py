"""What a stream consists of: parts that lie side by side, from its first byte to its last."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from stressor.vmstate.stream.description import Device, StreamDescription
from stressor.vmstate.stream.naming import name_body
from stressor.vmstate.wire import NamedField

__all__ = [
    "Command",
    "Configuration",
    "DescriptionPart",
    "DeviceSection",
    "EndMark",
    "Header",
    "Part",
    "RamBlock",
    "RamSection",
    "Subsection",
    "Tag",
    "Trailing",
]


class Tag(IntEnum):
    """The byte that a part begins with."""

    EOF = 0
    START = 1
    PART = 2
    END = 3
    FULL = 4
    SUBSECTION = 5
    VMDESCRIPTION = 6
    CONFIGURATION = 7
    COMMAND = 8
    FOOTER = 0x7E


@dataclass(frozen=True)
class Part:
    """`size` bytes at `offset` of the stream."""

    offset: int
    size: int


@dataclass(frozen=True)
class Header(Part):
    """The magic number `QEVM` and the version of the format, 3."""

    version: int


@dataclass(frozen=True)
class Subsection(Part):
    """A subsection of the configuration: its raw body, and what it says by name."""

    name: str
    version: int
    data: bytes
    values: tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Configuration(Part):
    """The machine type that saved the stream, and what the loading side must have alike."""

    machine: str
    subsections: tuple[Subsection, ...]

    def value(self, name: str) -> object:
        """Return a value of a subsection, None when it does not travel."""
        for subsection in self.subsections:
            for found, value in subsection.values:
                if found == name:
                    return value
        return None

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The migration capabilities that the stream was written with, as far as it says."""
        found = self.value("capabilities")
        return found if isinstance(found, tuple) else ()


@dataclass(frozen=True)
class RamBlock:
    """A block of guest memory: its name and its length in bytes."""

    name: str
    length: int


@dataclass(frozen=True)
class _Section(Part):
    """What every section has. `name`, `instance` and `version` of a PART or END are its START's.

    `occurrence` counts the sections of the same name and instance before it, those that begin one.
    """

    tag: Tag
    section_id: int
    name: str
    instance: int
    version: int
    occurrence: int
    footer: bool

    @property
    def label(self) -> str:
        """`name/instance`; the second one of the same name in a stream has `#2` behind it."""
        again = f"#{self.occurrence + 1}" if self.occurrence else ""
        return f"{self.name}/{self.instance}{again}"

    @property
    def header_size(self) -> int:
        """How many bytes stand in front of the body."""
        if self.tag in (Tag.PART, Tag.END):
            return 5
        return 14 + len(self.name.encode("utf-8", "surrogateescape"))


@dataclass(frozen=True)
class RamSection(_Section):
    """A piece of guest memory that was passed over: counts of pages, and the blocks when listed."""

    blocks: tuple[RamBlock, ...]
    full: int
    zero: int
    packed: int


@dataclass(frozen=True)
class DeviceSection(_Section):
    """The state of one device: the bytes of its body, and what the stream says they are.

    `description` is None when the stream does not describe them; the body is then one field.
    """

    data: bytes
    description: Device | None

    @property
    def body(self) -> int:
        """The offset of the body in the stream."""
        return self.offset + self.header_size

    @property
    def optional(self) -> bool:
        """Whether the writer allows a reader that does not know the section to pass it over."""
        return self.description is not None and self.description.optional

    def fields(self) -> tuple[NamedField, ...]:
        """Name every byte of the body, in order; offsets are those of the stream.

        Scalars are numbers, a buffer is one field of bytes. Raises StreamError when the bytes
        contradict their description.
        """
        return self._fields

    @cached_property
    def _fields(self) -> tuple[NamedField, ...]:
        return name_body(self.description, self.data, self.body, self.label)


@dataclass(frozen=True)
class Command(Part):
    """A command to the loading side, passed over by its length."""

    number: int
    data: bytes


@dataclass(frozen=True)
class EndMark(Part):
    """The byte behind the last section."""


@dataclass(frozen=True)
class DescriptionPart(Part):
    """The JSON text that describes every device section."""

    text: bytes
    description: StreamDescription


@dataclass(frozen=True)
class Trailing(Part):
    """Bytes behind the end that are no part of the stream."""
