"""Markdown for the summary of a job: bounded, and text of a target so that Markdown makes nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from stressor.report.text import clean, middle

__all__ = ["bounded", "fenced", "plain"]

_LARGEST: Final = 512 << 10
"""Bytes of a summary: GitHub drops one of more than a megabyte whole, and other steps write to it too."""

_MEANT: Final = re.compile(r"([\\`*_{}\[\]()#+!|~<>&-])")


def plain(text: str) -> str:
    """Return text in one line, bounded, with everything escaped that Markdown could obey."""
    return _MEANT.sub(r"\\\1", clean(middle(text, 120)))


def fenced(block: str) -> str:
    """Return a block between fences that are longer than any in it."""
    ticks = max(map(len, re.findall("`+", block)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}text\n{block.rstrip()}\n{fence}\n"


def bounded(parts: Iterable[str]) -> str:
    """Return as many of the parts as a summary holds, and whether that is all."""
    text = ""
    left = _LARGEST
    for part in parts:
        left -= len(part.encode())
        if left < 0:
            return text + "\nThe rest is too long to be shown here.\n"
        text += part
    return text
