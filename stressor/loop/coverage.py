"""Which fields left the reset value at a save point: a green run that never moved them is a lie."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from stressor.loop.target import SavedField, Snapshot, Target
from stressor.vmstate.live import same, without_indexes

__all__ = ["FieldCoverage"]

_LAYOUTS = 4096  # more ways for the bytes to lie than this are not told apart any more


class FieldCoverage:
    """Gathers all saved bytes of one target: 0.3 us each, because names are worked out at the end.

    Per layout it keeps the OR and the AND of the bytes as big integers: where they differ, a bit
    took both values.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, list[int]] = {}
        self._sample: dict[Hashable, Snapshot] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Count one save point."""
        number = int.from_bytes(snapshot.data, "big")
        seen = self._seen.get(snapshot.layout)
        if seen is not None:
            seen[0] |= number
            seen[1] &= number
        elif len(self._seen) < _LAYOUTS:
            self._seen[snapshot.layout] = [number, number]
            self._sample[snapshot.layout] = snapshot

    def exercised(self, target: Target, prefix: str) -> frozenset[str]:
        """Return the fields (indexes dropped, no section) that had two values, or one that is not the
        reset value. `target` has to be pristine."""
        reset = {}
        for attribute, value in target.attributes().items():
            path = target.field(attribute).path
            reset[path if path is not None else attribute] = value
        return frozenset(
            without_indexes(path)
            for path, field, bits in self._saved(target, prefix)
            if bits or not _is_reset(field.value, reset.get(path))
        )

    def toggled(self, target: Target, prefix: str) -> frozenset[str]:
        """Return the fields, named as by `exercised`, of which every bit was at 0 and at 1 (of a boolean its
        one); in an array in one element or another."""
        seen: dict[str, int] = {}
        whole: dict[str, int] = {}
        for path, field, bits in self._saved(target, prefix):
            name = without_indexes(path)
            every = 1 if isinstance(field.value, bool) else (1 << 8 * field.size) - 1
            seen[name] = seen.get(name, 0) | bits
            whole[name] = whole.get(name, 0) | every
        return frozenset(name for name, every in whole.items() if every and seen[name] & every == every)

    def _saved(self, target: Target, prefix: str) -> Iterator[tuple[str, SavedField, int]]:
        """Yield each field of each layout with its path (no section) and the bits of it that took both values."""
        for layout, (either, both) in self._seen.items():
            snapshot = self._sample[layout]
            toggled = (either ^ both).to_bytes(len(snapshot.data), "big")
            for field in target.saved_fields(snapshot):
                bits = int.from_bytes(toggled[field.offset : field.offset + field.size], "big")
                yield field.path.removeprefix(prefix), field, bits


def _is_reset(value: object, reset: object) -> bool:
    if reset is None and value == -1:  # a timer that is not armed
        return True
    return same(value, reset)
