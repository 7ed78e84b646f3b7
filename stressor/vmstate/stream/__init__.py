"""Whole QEMU streams: read from a file, a pipe or an image; named, compared, written back."""

from __future__ import annotations

from stressor.vmstate.stream.compare import Comparison, FieldDifference, compare_streams
from stressor.vmstate.stream.loader import Loaded, load_stream
from stressor.vmstate.stream.open import Opened, read_stream
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
from stressor.vmstate.stream.whole import Stream
from stressor.vmstate.stream.writer import StreamWriter, write_stream

__all__ = [
    "Command",
    "Comparison",
    "Configuration",
    "DescriptionPart",
    "DeviceSection",
    "EndMark",
    "FieldDifference",
    "Header",
    "Loaded",
    "Opened",
    "Part",
    "RamBlock",
    "RamSection",
    "Stream",
    "StreamWriter",
    "Subsection",
    "Tag",
    "Trailing",
    "compare_streams",
    "load_stream",
    "read_stream",
    "write_stream",
]
