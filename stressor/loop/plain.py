"""Values, outputs and exceptions as plain data that a report can print and a record can hold."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path, PurePath

from stressor.loop.finding import Value
from stressor.loop.watchdog import Hung

__all__ = ["output", "outputs", "place", "plain", "said", "section_of", "text", "where"]

_NOT_THEIRS = (str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")
"""What names of files begin with that are no author's: Stressor's, Python's, installed ones, and those of generated code."""

_SECTION = re.compile(r".*?/\d+(#\d+)?(?=\.|$)")


def plain(value: object) -> Value:
    """Return a value as plain data that a record can hold."""
    if value is None or type(value) in (int, float, bool, str, bytes):
        return value  # type: ignore[return-value]
    return (str(value) if isinstance(value, str) else repr(value))[:200]


def text(value: object) -> str:
    """Return a value as short text, whole numbers in hex."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}" if value >= 0 else str(value)
    return str(value)[:80]


def output(event: object) -> tuple[str, object]:
    """Return what an output is called, and its value: `("line", "irq", 1)` gives `("irq", 1)`."""
    match event:
        case ("line", str(name), level):
            return name, level
        case ("sent", data):
            return "sent", data
        case ("memory", int(address), bytes(data)):
            return f"memory at {address:#x}", data
    return "", event


def outputs(events: Sequence[object]) -> str:
    """Return observations as one line of text."""
    return ", ".join(f"{name or 'answer'} {text(value)}" for name, value in map(output, events))[:200]


def said(error: BaseException) -> str:
    """Return what a device raised, in words."""
    return str(error) if isinstance(error, Hung) else f"{type(error).__name__}: {error}"[:200]


def where(error: BaseException) -> str:
    """Return `file:line` of the innermost frame, which is the device's; no absolute paths."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    frame = frames[-1]
    return f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"


def place(error: BaseException) -> str:
    """Return `file:line: ` of the author's line that raised, or called what did; the path as reports print it.

    Where no line is the author's it is that of the innermost frame, and "" where there is none.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
    for frame in reversed(theirs or frames):
        file = PurePath(frame.filename)
        shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
        return f"{shown.as_posix()}:{frame.lineno}: "
    return ""


def section_of(path: str) -> str:
    """Return the section that a field path begins with: `0000:00:02.0/e1000/0` of its fields."""
    found = _SECTION.match(path)
    return found[0] if found else path.partition(".")[0]
