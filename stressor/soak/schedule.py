"""Which target is next, and for how long: decided from tallies alone, so that equal tallies decide alike.

Each target has a share of the time. A part of all time is dealt out evenly, so that quiet targets are not
forgotten; the rest goes where it pays, that is, where jobs lately saw new fields or found something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["GIVE_UP", "Tally", "budget", "next_target", "shares"]

GIVE_UP: Final = 3
"""After so many jobs in a row that came to nothing, a target is left alone."""

_EVEN: Final = 0.4
"""The part of all time that is dealt out evenly."""
_FADES: Final = 0.8
"""What a job paid counts so much less with each later one."""
_FINDING: Final = 4.0
"""A new finding pays as much as so many new fields."""
_SHORTEST: Final = 1.0
_LONGEST: Final = 60.0
_OVERHEAD: Final = 0.04
"""The part of a job that may go into opening its target, and into gathering what it came to."""


@dataclass
class Tally:
    """What is remembered of one target.

    `paid` and `spent` are what its jobs paid and the seconds that they took, faded. `overhead` is that
    of its jobs, in seconds. `troubles` counts the last jobs in a row that came to nothing. `due` is when
    its turn comes, on a clock that runs the slower the greater its share is.
    """

    name: str
    paid: float = 0.0
    spent: float = 0.0
    overhead: float = 0.0
    troubles: int = 0
    due: float = 0.0
    retired: str = field(default="")
    """Why it gets no more jobs; empty while it does."""

    def ended(self, seconds: float, overhead: float, new_fields: int, new_findings: int) -> None:
        """Count a job that came to a result."""
        self.paid = self.paid * _FADES + new_fields + _FINDING * new_findings
        self.spent = self.spent * _FADES + seconds
        self.overhead = overhead if not self.overhead else (self.overhead + overhead) / 2
        self.troubles = 0

    def failed(self) -> None:
        """Count a job that came to nothing."""
        self.troubles += 1


def shares(tallies: Sequence[Tally]) -> dict[str, float]:
    """Return the share of each target that still gets jobs; together they are 1."""
    active = [tally for tally in tallies if not tally.retired]
    rates = {tally.name: tally.paid / tally.spent if tally.spent else 0.0 for tally in active}
    total = sum(rates.values())
    even = 1 / max(1, len(active))
    return {
        name: even if total <= 0 else _EVEN * even + (1 - _EVEN) * rate / total for name, rate in rates.items()
    }


def next_target(tallies: Sequence[Tally]) -> Tally | None:
    """Return the target whose turn it is, and put its next turn off; None when none is left.

    Among those whose turn comes at the same time it is the first.
    """
    active = [tally for tally in tallies if not tally.retired]
    if not active:
        return None
    chosen = min(active, key=lambda tally: tally.due)
    chosen.due += budget(chosen) * 2**chosen.troubles / shares(tallies)[chosen.name]
    return chosen


def budget(tally: Tally) -> float:
    """Return how many seconds its next job may search: so many that its overhead is a small part."""
    return min(_LONGEST, max(_SHORTEST, tally.overhead / _OVERHEAD))
