"""Everything that is drawn derives from one integer seed and stable names."""

from __future__ import annotations

from hashlib import sha256
from random import Random

__all__ = ["derived", "generator"]


def derived(seed: int, *names: str | int) -> int:
    """Return a 64-bit seed for a purpose, so that adding another purpose changes nothing for this one."""
    text = "\0".join(map(str, (seed, *names)))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def generator(seed: int, *names: str | int) -> Random:
    """Return a generator of its own for a purpose."""
    return Random(derived(seed, *names))
