"""A mutant: one way in which one field is lost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Loss", "Mutant"]


class Loss(StrEnum):
    """How a field is lost. Those that change the stream need no change to the device."""

    DROPPED = "dropped"
    """Left out of the description: neither saved nor loaded."""
    AT_RESET = "at reset"
    """Its reset value is in the stream that is loaded."""
    TRUNCATED = "truncated"
    """One bit of it, the highest that was ever seen to move, is not in the stream."""
    SWAPPED = "swapped"
    """Exchanged, in the stream, with the next field of the same type."""
    ELEMENT = "element"
    """One element of an array has its reset value in the stream."""
    NOT_CLEARED = "not cleared"
    """A reset in place leaves it as it is."""
    NEVER_NEEDED = "never needed"
    """A subsection that is never sent."""
    NO_HOOK = "no post_load"
    """What runs after a load does not."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One loss. `field` is a field path with its section, indexes as `[]` unless one element is meant; for a
    subsection, or a hook, the name of its description. `other` is what a field is swapped with."""

    loss: Loss
    field: str
    other: str = ""

    def __str__(self) -> str:
        return f"{self.loss} {self.field}" + (f" with {self.other}" if self.other else "")
