"""A stream that was read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from stressor.vmstate.stream.description import StreamDescription
from stressor.vmstate.stream.parts import (
    Configuration,
    DescriptionPart,
    DeviceSection,
    Part,
    RamBlock,
    RamSection,
)

__all__ = ["Stream"]


@dataclass(frozen=True)
class Stream:
    """A stream: its parts in order, from the first byte to the last; `notes` say what was odd.

    `page_size` is that of guest memory in bytes, 0 when no page travels and nothing says it.
    """

    name: str
    parts: tuple[Part, ...]
    page_size: int
    notes: tuple[str, ...]

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return self.parts[-1].offset + self.parts[-1].size if self.parts else 0

    @cached_property
    def configuration(self) -> Configuration | None:
        """The configuration; machines older than 2.4 have none."""
        return next((part for part in self.parts if isinstance(part, Configuration)), None)

    @cached_property
    def description(self) -> StreamDescription | None:
        """What the stream says of itself."""
        found = (part.description for part in self.parts if isinstance(part, DescriptionPart))
        return next(found, None)

    @cached_property
    def sections(self) -> tuple[DeviceSection, ...]:
        """The device sections, in order."""
        return tuple(part for part in self.parts if isinstance(part, DeviceSection))

    @cached_property
    def ram(self) -> tuple[RamSection, ...]:
        """The sections of guest memory, in order."""
        return tuple(part for part in self.parts if isinstance(part, RamSection))

    @cached_property
    def blocks(self) -> tuple[RamBlock, ...]:
        """The blocks of guest memory."""
        return tuple(block for part in self.ram for block in part.blocks)
