"""Why a field did not come back from a load."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from stressor.loop.finding import ABSENT, Cause, FieldChange
from stressor.loop.ledger import Ledger
from stressor.loop.plain import text
from stressor.loop.saved import Saved
from stressor.loop.target import Target
from stressor.loop.trace import ResetMode
from stressor.vmstate.live import same, without_indexes

__all__ = ["causes"]


def causes(
    subject: Target, changes: Iterable[FieldChange], saved: Saved, ledger: Ledger
) -> Iterator[tuple[Cause, str, FieldChange]]:
    """Yield for the first index of every field that diverged its cause, what tells so, and the change.

    `saved` is what the snapshot that was loaded carries.
    """
    named: set[str] = set()

    def lost_first(change: FieldChange) -> tuple[bool, bool, int]:
        # what stands as before the load was lost; lines, and what has a third value, mostly follow from that
        info = subject.field(ledger.attribute(change))
        field = saved.get(f"{ledger.prefix}{info.path}")
        place = -1 if info.path is None else field.offset if field is not None else sys.maxsize
        return info.output, not same(change.after, change.reset), place

    for change in sorted(changes, key=lost_first):
        name = without_indexes(change.path)
        if name in named:
            continue
        named.add(name)
        info = subject.field(ledger.attribute(change))
        field = saved.get(f"{ledger.prefix}{info.path}")
        if info.path is None:
            yield Cause.NEVER_SAVED, _unnamed(subject, change, saved, ledger), change
        elif field is None and same(change.before, change.reset):
            # at its reset value it need not travel: it is the reset that did not bring that back
            yield Cause.NOT_CLEARED, "it had its reset value and did not travel; reset left another", change
        elif field is None:
            yield Cause.NEVER_SAVED, "described, but not among the saved bytes", change
        elif field.path != change.path:
            yield Cause.NOT_LOADED, f"saved by way of {info.path}, then not there after load", change
        elif not _equal_saved(field.value, change.before) and (not info.converted or _is_cut(change.before, field.value)):
            yield Cause.TRUNCATED, f"saved as {text(field.value)}", change
        elif _is_truncation(change.before, change.after) and not same(change.after, change.reset):
            yield Cause.TRUNCATED, "the low bits came back, the others did not", change
        else:
            yield Cause.NOT_LOADED, f"saved as {text(field.value)}, then not there after load", change


def _unnamed(subject: Target, change: FieldChange, saved: Saved, ledger: Ledger) -> str:
    """Return what is known of the loss of what no saved field has. Its cause is one for all values that are lost."""
    attribute = ledger.attribute(change)
    if subject.field(attribute).converted:  # a class with a load of its own, which may save anything under any name
        if ledger.mode is not ResetMode.DONOR and change.after != ABSENT and not same(change.after, change.reset):
            cut = _is_truncation(change.before, change.after)
            return "the load gave it a value, " + ("of which the high bits are lost" if cut else "but another one")
        why = "nothing that is saved is called so" if saved.pieces else "what is saved has no names"
    else:
        why = "no saved field carries it" if saved.pieces else "what is saved has no names"
    fixed = ledger.mode is ResetMode.POISON and same(change.before, subject.pristine_attributes().get(attribute))
    return why + ("; if nothing ever changes it, name it in unsaved" if fixed else "")


def _equal_saved(saved: object, live: object) -> bool:
    if live is None and saved == -1:  # a timer that is not armed
        return True
    return saved == live


def _is_truncation(before: object, after: object) -> bool:
    """Return whether `after` is what is left of `before` in a narrower or signed field, and something is."""
    return after != 0 and _is_cut(before, after)


def _is_cut(before: object, after: object) -> bool:
    if not isinstance(before, int) or not isinstance(after, int) or before == after or before in (0, 1):
        return False
    return any(
        after in (before & (1 << bits) - 1, (before & (1 << bits) - 1) - (1 << bits))
        for bits in (4, 7, 8, 15, 16, 31, 32, 63)
    )
