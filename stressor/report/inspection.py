"""What a stream holds, and how two of them differ, as text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from stressor.report.text import WIDTH, clean, counted, middle
from stressor.vmstate.stream import (
    Comparison,
    DescriptionPart,
    DeviceSection,
    FieldDifference,
    Stream,
)
from stressor.vmstate.wire import NamedField

__all__ = ["comparison_text", "field_value", "size_text", "stream_text"]

_NAMES: Final = 44
_LABELS: Final = 13
_BYTES: Final = 16
_ELEMENT: Final = re.compile(r"(.*)\[(\d+)\]")

_DECIMAL: Final = ("text", "value", "version", "size")
"""Kinds of what is no register."""


def stream_text(
    stream: Stream, selected: Callable[[DeviceSection], bool] | None = None
) -> Iterator[str]:
    """Yield lines: a summary, then each section with its fields, or the selected ones only.

    Raises StreamError for a section whose bytes contradict its description.
    """
    if selected is None:
        yield from _summary(stream)
    first = selected is not None
    for section in stream.sections:
        if selected is None or selected(section):
            if not first:
                yield ""
            first = False
            yield from _section(section)


def comparison_text(before: Stream, after: Stream, comparison: Comparison) -> Iterator[str]:
    """Yield lines: the first divergent field, all others, and sections that one side has."""
    yield from _side("before", before)
    yield from _side("after", after)
    if comparison.differences:
        first, *others = comparison.differences
        yield ""
        yield f"first divergence   {clean(first.path)}"
        yield f"  before           {_half(first.before, WIDTH - 19)}"
        yield f"  after            {_half(first.after, WIDTH - 19)}"
        if others:
            yield ""
            yield f"{counted(len(others), 'other field')} diverged"
            for difference in others:
                yield from _difference(difference)
    for labels, stream in ((comparison.only_before, before), (comparison.only_after, after)):
        if labels:
            yield ""
            yield f"only in {clean(stream.name)}"
            for label in labels:
                yield f"  {clean(label)}"
    yield ""
    if comparison.equal:
        yield f"equal: {counted(comparison.compared, 'section')}, every field"
    else:
        yield f"{comparison.alike} of {counted(comparison.compared, 'section')} equal"
    if before.ram or after.ram:
        yield "guest memory: its blocks are compared, what its pages hold is not"


def size_text(size: int) -> str:
    """Return a number of bytes, in the largest unit that it has at least ten of: `24.5 KB`."""
    for unit, shift in (("GB", 30), ("MB", 20), ("KB", 10)):
        if size >= 1 << shift:
            amount = size / (1 << shift)
            return f"{amount:.0f} {unit}" if amount == int(amount) else f"{amount:.1f} {unit}"
    return f"{size} bytes"


def field_value(field: NamedField, limit: int) -> str:
    """Return a value in at most `limit` columns: hex for registers, bytes as hex."""
    value = field.value
    if isinstance(value, bool):
        return str(value).lower()
    if field.kind == "timer":
        return "not armed" if value is None else f"{value} ns"
    if field.kind == "subsection":
        return f"version {value}"
    if isinstance(value, int) and field.kind not in _DECIMAL:
        if value < 0:
            return str(value)
        return f"{value:#0{2 + 2 * field.size}x}"
    if field.kind == "nullptr":
        return "null pointer"
    if isinstance(value, bytes):
        return _bytes(value, limit)
    if isinstance(value, tuple):
        return middle(", ".join(clean(str(item)) for item in value), limit)
    return middle(clean(str(value)), limit)


def _bytes(value: bytes, limit: int) -> str:
    if len(value) == 1:
        return f"0x{value.hex()}"
    if len(value) <= _BYTES and 3 * len(value) - 1 <= limit:
        return value.hex(" ")
    if not any(value):
        return f"{len(value)} zeros"
    more = f" .. ({len(value)})"
    shown = max(1, min(_BYTES, len(value), (limit - len(more) + 1) // 3))
    return value[:shown].hex(" ") + more


def _summary(stream: Stream) -> Iterator[str]:
    yield f"{clean(stream.name)}: a QEMU stream, {counted(stream.size, 'byte')}"
    configuration = stream.configuration
    if configuration is not None:
        yield _line("machine", clean(configuration.machine))
        for subsection in configuration.subsections:
            for name, value in subsection.values:
                text = field_value(NamedField(name, "value", 0, 0, value), 50)
                yield _line("", f"{clean(name)} {text}")
    if stream.blocks:
        total = sum(block.length for block in stream.blocks)
        pages = f", pages of {size_text(stream.page_size)}" if stream.page_size else ""
        yield _line(
            "memory", f"{size_text(total)} in {counted(len(stream.blocks), 'block')}{pages}"
        )
        full, zero = sum(p.full for p in stream.ram), sum(p.zero for p in stream.ram)
        packed = sum(part.packed for part in stream.ram)
        rest = f", {packed:,} packed" if packed else ""
        size = size_text(sum(part.size for part in stream.ram))
        yield _line("", f"{full:,} full and {zero:,} zero pages{rest}: {size} of the stream")
    held = sum(len(section.data) for section in stream.sections)
    fields = sum(len(section.fields()) for section in stream.sections)
    many = counted(len(stream.sections), "section")
    yield _line("devices", f"{many}, {counted(fields, 'field')}, {counted(held, 'byte')}")
    for part in stream.parts:
        if isinstance(part, DescriptionPart):
            yield _line("description", counted(len(part.text), "byte"))
    for note in stream.notes:
        label = "note"
        for line in textwrap.wrap(clean(note), WIDTH - _LABELS - 2):
            yield _line(label, line)
            label = ""


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABELS}}{text}"


def _section(section: DeviceSection) -> Iterator[str]:
    kind = "" if section.description is not None else ", not described"
    optional = ", optional" if section.optional else ""
    size = counted(len(section.data), "byte")
    yield (
        f"{clean(section.label)}   version {section.version}, {size} at {section.body:#x}"
        f"{kind}{optional}"
    )
    prefix = len(section.label) + 1
    for path, field in _grouped(section.fields()):
        yield from _field(clean(path[prefix:]), field)


def _field(name: str, field: NamedField) -> Iterator[str]:
    kind = clean(field.kind)
    value = field_value(field, WIDTH - _NAMES - 16)
    if len(name) > _NAMES - 3:
        yield f"  {name}"
        name = ""
    yield f"  {name:<{_NAMES - 2}} {kind:<14} {value}".rstrip()


def _grouped(fields: Sequence[NamedField]) -> Iterator[tuple[str, NamedField]]:
    """Yield (path, field); neighbours in an array that are alike are one: `data[3..9]`."""
    place = 0
    while place < len(fields):
        field = fields[place]
        end = place + 1
        element = _ELEMENT.fullmatch(field.path)
        if element is None:
            yield field.path, field
        else:
            begin = int(element[2])
            while end < len(fields) and _goes_on(
                fields[end], field, element[1], begin + end - place
            ):
                end += 1
            last = begin + end - place - 1
            yield field.path if last == begin else f"{element[1]}[{begin}..{last}]", field
        place = end


def _goes_on(field: NamedField, first: NamedField, array: str, index: int) -> bool:
    alike = field.value == first.value and field.kind == first.kind and field.size == first.size
    return alike and field.path == f"{array}[{index}]"


def _side(label: str, stream: Stream) -> Iterator[str]:
    machine = "" if stream.configuration is None else f"  {clean(stream.configuration.machine)},"
    many = counted(len(stream.sections), "section")
    yield f"{label:<8}{clean(stream.name)}{machine or ' '} {many}"
    for note in stream.notes:
        yield f"        note: {clean(note)}"


def _half(field: NamedField | None, limit: int) -> str:
    return "not there" if field is None else field_value(field, limit)


def _difference(difference: FieldDifference) -> Iterator[str]:
    """Yield one line, or more where one has not enough room for both values."""
    name = clean(difference.path)
    room = WIDTH - 8
    before, after = (_half(field, room) for field in (difference.before, difference.after))
    both = f"{before} -> {after}"
    if len(name) < _NAMES - 2 and len(both) <= WIDTH - _NAMES - 1:
        yield f"  {name:<{_NAMES - 2}} {both}"
    else:
        yield f"  {name}"
        if len(both) <= room:
            yield f"      {both}"
        else:
            yield f"      {before}"
            yield f"   -> {after}"
