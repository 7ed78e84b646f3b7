"""The rules for fields that stand in the place of other bytes: of padding, or of other fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from stressor.vmstate.check.difference import Difference, Kind, Severity, Verdict
from stressor.vmstate.check.item import Item, Presence, presence
from stressor.vmstate.check.scene import Scene

__all__ = ["PREDICATE", "SHIFTED", "judge_bytes"]

SHIFTED: Final = "what follows is read shifted"
PREDICATE: Final = "only where its field_exists says so"

_SKIPPED: Final = Verdict(Severity.FINE, "saved, and skipped as padding of the same size")
_ZERO: Final = Verdict(Severity.FINE, "the padding was saved as zeros, so the field loads as zero")
_OTHER: Final = Verdict(
    Severity.MAYBE, "as many bytes under other names: only the device knows what they mean"
)


def judge_bytes(scene: Scene, old: Sequence[Item], new: Sequence[Item]) -> list[Difference]:
    """Judge fields and padding that take the place of as many bytes of the other side."""
    forward, backward = _mismatch(old, new, scene.old), _mismatch(new, old, scene.new)
    found = []
    retyped = False
    for item, others in _overlaps(old, new):
        if all(other.field.unused for other in others):
            verdicts = forward or _SKIPPED, backward or _ZERO
            sides = item.side(), others[0].side()
            found.append(scene.difference(Kind.PADDED, item.path, *sides, *verdicts))
        elif not retyped:
            retyped = True
            verdicts = forward or _OTHER, backward or _OTHER
            sides = item.side(), others[0].side()
            found.append(scene.difference(Kind.RETYPED, item.path, *sides, *verdicts))
    for item, others in _overlaps(new, old):
        if all(other.field.unused for other in others):
            verdicts = forward or _ZERO, backward or _SKIPPED
            sides = others[0].side(), item.side()
            found.append(scene.difference(Kind.REUSED, item.path, *sides, *verdicts))
    return found


def _overlaps(
    items: Sequence[Item], others: Sequence[Item]
) -> Iterator[tuple[Item, Sequence[Item]]]:
    """Yield each item that is no padding, with those that take its place on the other side."""
    start = 0
    for item in items:
        end = start + (item.width or 0)
        if not item.field.unused:
            yield item, list(_between(others, start, end)) or others
        start = end


def _between(items: Sequence[Item], start: int, end: int) -> Iterator[Item]:
    at = 0
    for item in items:
        after = at + (item.width or 0)
        if at < end and after > start:
            yield item
        at = after


def _mismatch(writers: Sequence[Item], readers: Sequence[Item], stream: int) -> Verdict | None:
    """Return why one side does not stand for the other in a stream, None when it does."""
    saved = {presence(item.links) for item in writers}
    read = {presence(item.links, stream) for item in readers}
    if Presence.MAYBE in saved | read:
        return Verdict(Severity.MAYBE, f"one of them travels {PREDICATE}")
    if saved != read or len(saved) > 1:
        return Verdict(Severity.BREAKS, f"one of them is not in every version: {SHIFTED}")
    if sum(item.width or 0 for item in writers) != sum(item.width or 0 for item in readers):
        return Verdict(
            Severity.MAYBE, "the same size only if it is an array of as many elements as fit"
        )
    return None
