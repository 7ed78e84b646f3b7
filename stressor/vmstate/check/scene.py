"""Where a difference is judged."""

from __future__ import annotations

from stressor.vmstate.check.difference import Difference, Kind, Side, Verdict

__all__ = ["Scene"]


class Scene:
    """Where a judgement takes place: a section or subsection of a device, old and new.

    `old` and `new` are the versions under which the two sides save it.
    """

    __slots__ = ("new", "old", "section")

    def __init__(self, section: str, old: int, new: int) -> None:
        self.section = section
        self.old = old
        self.new = new

    def within(self, old: int, new: int) -> Scene:
        """Return the scene of a subsection."""
        return Scene(self.section, old, new)

    def difference(
        self,
        kind: Kind,
        path: str,
        old: Side | None,
        new: Side | None,
        forward: Verdict,
        backward: Verdict,
    ) -> Difference:
        return Difference(kind, self.section, path, old, new, forward, backward)
