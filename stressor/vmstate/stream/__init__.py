"""Whole QEMU streams: read from a file, a pipe or an image; named, compared, written back."""

from __future__ import annotations

from stressor.vmstate.stream.open import read_stream
from stressor.vmstate.stream.parts import (
    Command,
    Configuration,
    DescriptionPart,
    DeviceSection,
    EndMark,
    Header,
    Part,
    RamBlock,
    RamSection,
    Subsection,
    Tag,
    Trailing,
)
from stressor.vmstate.stream.reader import Stream

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
    "Stream",
    "Subsection",
    "Tag",
    "Trailing",
    "read_stream",
]
