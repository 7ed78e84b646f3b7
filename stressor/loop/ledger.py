"""Turns states and outputs that differ into divergences, and keeps one for each fingerprint."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Oracle
from stressor.loop.operations import Kinds
from stressor.loop.plain import output, outputs, plain
from stressor.loop.saved import Saved, bytes_of, is_buffer
from stressor.loop.target import SavedField, Snapshot, Target, TargetType
from stressor.loop.trace import Operation, ResetMode
from stressor.vmstate.values import differing, same, without_indexes

__all__ = ["Attributes", "Ledger"]

_OBJECT: Final = "an object of its own"

Attributes = Mapping[str, object]


class Ledger:
    """The divergences of one investigation. `step` and `mode` say where it stands."""

    def __init__(self, target_type: TargetType, oracles: Collection[Oracle]) -> None:
        self._type = target_type
        self.prefix = target_type.prefix
        self._kinds = Kinds(target_type.operations)
        self._oracles = oracles
        self._attributes: dict[str, str] = {}
        self.step = 0
        self.mode: ResetMode | None = None
        self.found: dict[str, Divergence] = {}

    def changes(
        self, target: Target, before: Attributes, after: Attributes, reset: Attributes
    ) -> list[FieldChange]:
        """Return each live attribute that differs, declared unsaved ones left out, in order."""
        changes = []
        for attribute in differing(before, after):
            info = target.field(attribute)
            if info.unsaved is not None:
                continue
            path = self.prefix + info.called(attribute)
            old, new, at_reset = (values.get(attribute, ABSENT) for values in (before, after, reset))
            changes.append(FieldChange(path, plain(old), plain(new), plain(at_reset), info.width))
            self._attributes[path] = attribute
        return _gathered(changes)

    def saved_changes(self, target: Target, one: Snapshot, other: Snapshot) -> list[FieldChange]:
        """Return each saved field that differs; at least one change when the bytes do."""
        first, second = (Saved(target.saved_fields(snapshot, whole=True)) for snapshot in (one, other))
        before, after = _but_equal(first, second), _but_equal(second, first)
        changes = [
            FieldChange(path, old.value if old else ABSENT, new.value if new else ABSENT, width=(old or new).size)  # type: ignore[union-attr]
            for path in (*before, *(name for name in after if name not in before))
            for old, new in [(before.get(path), after.get(path))]
            if old is None or new is None or not same(old.value, new.value)
        ]
        return changes or [FieldChange(f"{self._type.prefix}bytes", len(one.data), len(other.data))]

    def output_change(self, step: Operation, wanted: list[object], answer: list[object]) -> FieldChange:
        """Name the first output in which two lists of observations differ."""
        for index in range(max(len(wanted), len(answer))):
            old = wanted[index] if index < len(wanted) else None
            new = answer[index] if index < len(answer) else None
            if old == new and type(old) is type(new):
                continue
            lone = index >= len(wanted) or index >= len(answer)
            old_name, old_value = output(old) if index < len(wanted) - 1 else ("", old)
            new_name, new_value = output(new) if index < len(answer) - 1 else ("", new)
            name = old_name or new_name
            if not name:
                return FieldChange(self._type.prefix + self.label(step), plain(old), plain(new))
            if lone or old_name != new_name:
                old_value = old_value if old_name == name else "nothing"
                new_value = new_value if new_name == name else "nothing"
            return FieldChange(self._type.prefix + name, plain(old_value), plain(new_value))
        return FieldChange(self._type.prefix + self.label(step), outputs(wanted), outputs(answer))

    def label(self, step: Operation) -> str:
        """Return what reports call an operation: `read lsr`."""
        kind = self._kinds.of(step)
        return kind.label if kind is not None else step.name

    def split(
        self,
        oracle: Oracle,
        cause: Cause,
        changes: list[FieldChange],
        target: Target,
        *,
        labels: tuple[str, str],
        detail: str = "",
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        """Add one divergence for each field among `changes`."""
        named: set[str] = set()
        for change in changes:
            if without_indexes(change.path) not in named:
                named.add(without_indexes(change.path))
                others = [other for other in changes if other is not change]
                self.add(
                    self.divergence(
                        oracle, cause, [change, *others], target,
                        labels=labels, detail=detail, before=before, after=after,
                    )
                )

    def divergence(
        self,
        oracle: Oracle,
        cause: Cause,
        changes: Sequence[FieldChange],
        target: Target,
        *,
        labels: tuple[str, str] = ("before save", "after load"),
        detail: str = "",
        before: bytes = b"",
        after: bytes = b"",
        equal: int = 0,
    ) -> Divergence:
        """Return the divergence that begins with the first of `changes`, where the trace now is."""
        attribute = self.attribute(changes[0])
        mode = None if oracle is Oracle.RUNS_ALONE else self.mode
        return Divergence(
            oracle, cause, changes[0], self.step, mode, labels, detail, tuple(changes[1:]), equal,
            target.field(attribute).declared, None, before, after, attribute,
        )

    def add(self, divergence: Divergence) -> None:
        """Keep a divergence, unless its oracle is off or its fingerprint is there already."""
        if divergence.oracle in self._oracles:
            self.found.setdefault(divergence.fingerprint(self._type.name).id, divergence)

    def attribute(self, change: FieldChange) -> str:
        """Return the live attribute behind a change, as far as there is one."""
        return self._attributes.get(change.path, change.path.removeprefix(self._type.prefix))


def _gathered(changes: list[FieldChange]) -> list[FieldChange]:
    """Return changes without those below others: where an object came or went, or became one with another, or two."""
    above = {change.path for change in changes}
    kept = [change for change in changes if not any(place in above for place in _places(change.path))]
    parted = {place for change in changes for place in _places(change.path)} if len(kept) < len(changes) else ()
    return [
        replace(
            change,
            before=_OBJECT if change.before == ABSENT else change.before,
            after=_OBJECT if change.after == ABSENT else change.after,
        )
        if change.path in parted
        else change
        for change in kept
    ]


def _places(path: str) -> list[str]:
    """Return the paths above one."""
    return [path[: found.start()] for found in re.finditer(r"[.\[]", path) if found.start()]


def _but_equal(one: Saved, other: Saved) -> dict[str, SavedField]:
    """Return the pieces of `one` by path, but buffers that are the same in `other`."""
    return {
        field.path: field
        for piece in one.pieces.values()
        if not (is_buffer(piece) and piece.path in other.pieces and other.pieces[piece.path].value == piece.value)
        for field in bytes_of(piece)
    }
