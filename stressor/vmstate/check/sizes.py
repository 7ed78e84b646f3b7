"""Whether a field takes as many bytes on both sides, by what the dumps say of it."""

from __future__ import annotations

from typing import Final

from stressor.vmstate.check.difference import Kind, Severity, Verdict
from stressor.vmstate.check.item import Item, opened
from stressor.vmstate.check.padding import SHIFTED

__all__ = ["size_verdict"]

_POINTER: Final = 8
_TIMER: Final = 48
"""sizeof(QEMUTimer) on a 64-bit host."""


def size_verdict(old: Item, new: Item) -> tuple[Kind, Verdict | None]:
    """Return how sizes and types differ, and what that does in both directions; None if not."""
    structs = (old.field.description is not None, new.field.description is not None)
    if structs[0] != structs[1]:
        return Kind.RETYPED, _struct_or_not(old, new)
    if structs[0]:
        return Kind.RESIZED, _counts(old, new)
    if 0 in (old.field.size, new.field.size) and old.field.size != new.field.size:
        return Kind.RESIZED, Verdict(Severity.MAYBE, "one side's size is known to the device only")
    kind, verdict = _leaves(old, new)
    types = (old.field.type, new.field.type)
    if verdict is None and None not in types and types[0] != types[1]:
        return Kind.RETYPED, Verdict(
            Severity.MAYBE, f"as many bytes, but {types[0]} on one side and {types[1]} on the other"
        )
    return kind, verdict


def _leaves(old: Item, new: Item) -> tuple[Kind, Verdict | None]:
    sizes = {old.field.size, new.field.size}
    both_count = None not in (old.field.count, new.field.count)
    if len(sizes) == 1:
        return Kind.RESIZED, _counts(old, new)
    if sizes == {_POINTER, _TIMER}:
        return Kind.RESIZED, Verdict(
            Severity.MAYBE, "fine if it is a timer, once behind a pointer: 8 bytes in the stream"
        )
    if both_count and old.width == new.width:
        return Kind.RETYPED, Verdict(
            Severity.MAYBE, "as many bytes, of elements of another size: the byte order decides"
        )
    return Kind.RESIZED, Verdict(Severity.BREAKS, f"nothing in the stream says its size: {SHIFTED}")


def _counts(old: Item, new: Item) -> Verdict | None:
    counts = (old.field.count, new.field.count)
    if None in counts or counts[0] == counts[1]:
        return None  # before QEMU 8.1 no dump says how many; and one element is no array
    return Verdict(
        Severity.BREAKS,
        f"{counts[0]} elements against {counts[1]}: {SHIFTED}",
    )


def _struct_or_not(old: Item, new: Item) -> Verdict:
    widths = [
        [leaf.width for leaf in opened([item])] if item.field.description else [item.width]
        for item in (old, new)
    ]
    sums = [None if None in side else sum(width or 0 for width in side) for side in widths]
    if None in sums:
        return Verdict(Severity.MAYBE, "a struct on one side only, of a size that no dump says")
    if sums[0] == sums[1]:
        return Verdict(Severity.MAYBE, "a struct on one side only, of as many bytes")
    return Verdict(Severity.BREAKS, f"a struct on one side only: {sums[0]} bytes against {sums[1]}")
