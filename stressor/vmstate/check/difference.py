"""What two dumps differ in, and what that means for a machine that moves between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = ["FINE", "Difference", "Direction", "Kind", "Severity", "Side", "Verdict"]


class Severity(IntEnum):
    """What becomes of a saved state that crosses a difference."""

    FINE = 0
    """It loads."""
    MAYBE = 1
    """It loads or breaks by what the dump does not say: a predicate, a length, a meaning."""
    BREAKS = 2
    """Whenever it is saved, it is refused or misread."""

    def __str__(self) -> str:
        return self.name.lower()


class Direction(StrEnum):
    """From which binary to which a machine moves."""

    FORWARD = "old -> new"
    BACKWARD = "new -> old"


class Kind(StrEnum):
    """What a difference is."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    MOVED = "moved"
    RESIZED = "resized"
    RETYPED = "retyped"
    REVERSIONED = "re-versioned"
    CONDITIONAL = "field-exists"
    PADDED = "padded"
    REUSED = "padding-reused"
    VERSION = "version"
    MINIMUM_VERSION = "minimum-version"
    MISSING_SECTION = "missing-section"
    NEW_SECTION = "new-section"
    MISSING_SUBSECTION = "missing-subsection"
    NEW_SUBSECTION = "new-subsection"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a difference does in one direction, and why."""

    severity: Severity
    reason: str = ""


FINE = Verdict(Severity.FINE)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: a field, description or device as its dump has it.

    Of a field `version` is its `version_id`, `size` the bytes of one element and `count` how many
    there are, None where the dump does not say. What does not apply is None.
    """

    name: str
    version: int
    minimum_version: int | None = None
    conditional: bool | None = None
    size: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference in a section. `path` is "" where it is the section itself.

    `section` is the device type. A side is None where there is nothing.
    """

    kind: Kind
    section: str
    path: str
    old: Side | None
    new: Side | None
    forward: Verdict
    backward: Verdict

    def verdict(self, direction: Direction) -> Verdict:
        """Return what it does in a direction."""
        return self.forward if direction is Direction.FORWARD else self.backward

    @property
    def full_path(self) -> str:
        """Section and path, as ignored ones are named: `serial/state.ier`."""
        return f"{self.section}/{self.path}" if self.path else self.section
