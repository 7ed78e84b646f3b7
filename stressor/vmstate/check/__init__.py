"""The static checker: would a state saved by one version load in another, and back?

comparison = check_dumps(read_dump("old.json"), read_dump("new.json"))
"""

from __future__ import annotations

from stressor.vmstate.check.compare import Comparison, check_dumps
from stressor.vmstate.check.difference import Difference, Direction, Kind, Severity, Side, Verdict

__all__ = [
    "Comparison",
    "Difference",
    "Direction",
    "Kind",
    "Severity",
    "Side",
    "Verdict",
    "check_dumps",
]
