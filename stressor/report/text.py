"""Values, times and foreign text as a report prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stressor.loop.finding import Value

__all__ = [
    "WIDTH",
    "clean",
    "counted",
    "duration",
    "listed",
    "megabytes",
    "middle",
    "plain",
    "seconds",
    "short",
    "values",
]

WIDTH = 80
"""Columns of every report."""

_BYTES_SHOWN = 12


def clean(text: str) -> str:
    """Return text that came from a target with everything escaped that a terminal could obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def middle(text: str, limit: int) -> str:
    """Return `text` with so much of its middle left out that `limit` columns hold it."""
    if len(text) <= limit:
        return text
    head = max(0, (limit - 3) // 2)
    tail = max(0, limit - 3 - head)
    return text[:head] + "..." + (text[-tail:] if tail else "")


def plain(value: object, width: int = 0, limit: int = 59) -> str:
    """Return a value in at most `limit` columns; `width` is its size in bytes, 0 when unknown."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return middle(_integer(value, width), limit)
    if isinstance(value, str):
        return middle(clean(value) or "''", limit)
    if isinstance(value, bytes):
        return middle(_window(value, 0), limit)
    if isinstance(value, tuple):
        return middle("(" + ", ".join(plain(item) for item in value) + ")", limit)
    return middle(clean(repr(value)), limit)


def values(before: Value, after: Value, width: int = 0, limit: int = 59) -> tuple[str, str]:
    """Return two values that differ; of long bytes only the part around the first difference."""
    if isinstance(before, bytes) and isinstance(after, bytes):
        place = next(
            (
                index
                for index, pair in enumerate(zip(before, after, strict=False))
                if pair[0] != pair[1]
            ),
            min(len(before), len(after)),
        )
        start = max(0, place - 2) if max(len(before), len(after)) > _BYTES_SHOWN else 0
        return middle(_window(before, start), limit), middle(_window(after, start), limit)
    return plain(before, width, limit), plain(after, width, limit)


def duration(nanoseconds: int) -> str:
    """Return virtual time in the largest unit that is not above it: `1.04 ms`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if nanoseconds >= size:
            amount = nanoseconds / size
            return f"{amount:.3g} {unit}" if amount < 1000 else f"{amount:.0f} {unit}"
    return f"{nanoseconds} ns"


def seconds(amount: float) -> str:
    """Return host time: `8 ms`, `0.4 s`, `75 s`, `12 min`, `3.5 h`."""
    if 0 < amount < 0.0995:
        return f"{max(1, round(1000 * amount))} ms"
    if amount < 10:
        return f"{amount:.1f} s"
    if amount < 120:
        return f"{amount:.0f} s"
    if amount < 7200:
        return f"{amount / 60:.0f} min"
    return f"{amount / 3600:.1f} h"


def counted(number: int, noun: str) -> str:
    """Return `1 cycle`, `20,000 cycles`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short(number: float) -> str:
    """Return a number in about three digits: `1.5`, `9,870`, `12.3 k`, `4.56 M`, `123 G`."""
    for unit, size, limit in (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, 1e4)):
        if number >= limit:
            amount = number / size
            return f"{amount:,.0f} {unit}" if amount >= 99.95 else f"{amount:.3g} {unit}"
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def megabytes(size: int) -> str:
    """Return bytes of memory: `212 MB`, `3.4 GB`."""
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size >> 20} MB"


def listed(items: Sequence[str], indent: int, limit: int = 0) -> str:
    """Return items with commas, broken into lines of 80 columns indented by `indent`.

    With a `limit` only so many are named, and how many more there are.
    """
    shown = list(items[:limit] if limit else items)
    words = [item + "," for item in shown[:-1]] + shown[-1:]
    if len(shown) < len(items):
        words.append(f"and {len(items) - len(shown)} more")
    return _filled(words, indent)


def _filled(words: Iterable[str], indent: int) -> str:
    lines = [""]
    for word in words:
        if lines[-1] and indent + len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return ("\n" + " " * indent).join(lines)


def _integer(value: int, width: int) -> str:
    if value < 0 or (not width and value < 10):
        return str(value) if value.bit_length() < 64 else f"{value:#x}"
    return f"{value:#0{2 + 2 * width}x}"


def _window(data: bytes, start: int) -> str:
    if not data:
        return "no bytes"
    if len(data) <= _BYTES_SHOWN:
        return data.hex(" ")
    part = data[start : start + _BYTES_SHOWN]
    lead = f"+{start:#x}: " if start else ""
    return f"{lead}{part.hex(' ') or 'end'} .. ({len(data)} bytes)"
