"""Which fields left their reset value at a save point: a green run that never moved them is a lie."""

from __future__ import annotations

from collections.abc import Hashable

from stressor.loop.target import Snapshot, Target
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
        found: set[str] = set()
        for layout, (either, both) in self._seen.items():
            snapshot = self._sample[layout]
            toggled = (either ^ both).to_bytes(len(snapshot.data), "big")
            for field in target.saved_fields(snapshot):
                path = field.path.removeprefix(prefix)
                name = without_indexes(path)
                if name in found:
                    continue
                if any(toggled[field.offset : field.offset + field.size]) or not _is_reset(
                    field.value, reset.get(path)
                ):
                    found.add(name)
        return frozenset(found)


def _is_reset(value: object, reset: object) -> bool:
    if reset is None and value == -1:  # a timer that is not armed
        return True
    return same(value, reset)
