"""Which fields left their reset value at a save point, and how far: a green run that never moved them is a lie."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stressor.errors import TargetError
from stressor.loop.columns import MOST_VALUES, Layout, Place, Run, SeenField, take_apart
from stressor.loop.saved import is_buffer, parted
from stressor.loop.target import SavedField, Snapshot, StillbornError, Target, TargetType
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.vmstate.live import without_indexes
from stressor.vmstate.values import Values, name_of, pieces_of
from stressor.vmstate.wire import WHOLE_BUFFER

__all__ = ["MOST_VALUES", "CoveredElement", "CoveredField", "FieldCoverage", "covered", "saved_at_reset"]

_HELD: Final = 8 << 20
"""Saved bytes that are kept before they are taken apart."""
_POINTS: Final = 4096
"""Save points that are kept before they are taken apart."""
_LAYOUTS: Final = 4096
"""More ways for the bytes to lie than this are not named any more."""
_NO_FIELD: Final = {"count", "footer", "header", "marker", "subsection", "unused"}
_ONE_BIT: Final = {"bool", "boolean"}
_TEXT: Final = "value"
_ALONE: Final = {_TEXT, WHOLE_BUFFER}


@dataclass(frozen=True, slots=True)
class CoveredField:
    """What save points saw of one field; all elements of an array together.

    `points` are the save points at which it differed from its reset value: any of its elements did.
    `values` is how many values it had there, the reset value counted, `MOST_VALUES` + 1 for all that are more;
    of an array, those of all its elements. `toggled` of its `width` bits had both values, the
    reset value counted; text has no bits.
    """

    path: str
    points: int
    values: int
    toggled: int
    width: int


@dataclass(frozen=True, slots=True)
class CoveredElement:
    """One element of an array, or a field that is none: `bits` is the mask of those that had both
    values, as a big-endian number of `width` bits."""

    path: str
    bits: int
    width: int


class FieldCoverage:
    """Gathers all saved bytes of one target, some thousand save points at a time.

    They are taken apart by columns: the bytes of all save points of one layout are ORed and ANDed as big
    integers, and only elements that moved are looked at. `prefix` stands before every path, and is dropped;
    `reset` is what a new device saves, None where it cannot: then its attributes tell.
    What is kept is bounded, and what comes of it depends on the save points alone.
    """

    def __init__(self, prefix: str = "", reset: Snapshot | None = None) -> None:
        self.points = 0
        """The save points that were taken apart; others are `pending`, or the target had no names for them."""
        self.pending = 0
        self.unnamed = 0
        self._prefix = prefix
        self._reset = reset
        self._held: dict[Hashable, tuple[Snapshot, list[bytes]]] = {}
        self._size = 0
        self._layouts: dict[Hashable, Layout | None] = {}
        self._runs: dict[str, Run] = {}
        self._named_bits: dict[str, list[str]] = {}
        self._fields: dict[str, SeenField] = {}
        self._saved: dict[str, bytes] | None = None
        self._attributes: dict[str, dict[str, object]] | None = None
        self._carriers: dict[str, str] = {}
        self._pristine_of: dict[str, Values] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Count one save point."""
        held = self._held.get(snapshot.layout)
        if held is None:
            self._held[snapshot.layout] = snapshot, [snapshot.data]
        else:
            held[1].append(snapshot.data)
        self._size += len(snapshot.data)
        self.pending += 1

    def add_all(self, snapshots: Iterable[Snapshot], target: Target) -> None:
        """Count a run's save points, and `settle`."""
        for snapshot in snapshots:
            self.add(snapshot)
        self.settle(target)

    def settle(self, target: Target) -> None:
        """Take the save points apart when many are kept. To be called between two runs; a target names
        what it, or another one of its type, has saved."""
        if self._size > _HELD or self.pending > _POINTS:
            self._take_apart(target)

    def fields(self, target: Target) -> dict[str, CoveredField]:
        """Return what was seen of each field that was ever saved, by its path (indexes dropped, no
        section), in the order in which they were first saved."""
        self._take_apart(target)
        return {field.path: field for field in covered(self._fields, self._runs)}

    def of(self, target_type: TargetType) -> tuple[CoveredField, ...]:
        """Return what was seen of each field that there is, also of those that were never saved; of none where
        a device cannot be saved at all, or saves what has no names."""
        try:
            target = target_type.open()
        except StillbornError:
            return ()
        try:
            found = self.fields(target)
        finally:
            target.close()
        if self.unnamed and not self.points:
            return ()
        return tuple(found.get(name) or CoveredField(name, 0, 1, 0, 0) for name in target_type.fields)

    def elements(self, target: Target) -> dict[str, CoveredElement]:
        """Return which bits toggled of each element that was ever saved, by its path (no section)."""
        self._take_apart(target)
        found = {}
        for run in self._runs.values():
            bits, size = run.bits, run.size
            for index, path in enumerate(run.names()):
                mask = int.from_bytes(bits[index * size : (index + 1) * size])
                found[path] = CoveredElement(path, mask, run.width)
                for place, named in enumerate(self._named_bits.get(path, ())):
                    found[named] = CoveredElement(named, mask >> place & 1, 1)
        return found

    def _take_apart(self, target: Target) -> None:
        held, self._held = self._held, {}
        self._size = self.pending = 0
        for key, (sample, rows) in held.items():
            if key not in self._layouts:
                self._layouts[key] = self._named(target, sample) if len(self._layouts) < _LAYOUTS else None
            layout = self._layouts[key]
            if layout is None:
                self.unnamed += len(rows)
            else:
                self.points += len(rows)
                take_apart(layout, rows)

    def _named(self, target: Target, sample: Snapshot) -> Layout | None:
        if self._saved is None:
            saved = target.saved_fields(self._reset, whole=True) if self._reset is not None else ()
            data = self._reset.data if self._reset is not None else b""
            self._saved = {field.path: data[field.offset : field.offset + field.size] for field in saved}
        image = bytearray(len(sample.data))
        places: list[Place] = []
        for run_of in self._runs_in(target.saved_fields(sample, whole=True)):
            first = run_of[0]
            buffer = first.size if is_buffer(first) else 0
            size, start = 1 if buffer else first.size, first.offset
            path = first.path.removeprefix(self._prefix)
            field = self._fields.setdefault(_name(path), SeenField())
            run = self._runs.get(path)
            width = 0 if first.kind == _TEXT else 1 if first.kind in _ONE_BIT else 8 * size
            if run is None:
                run = self._runs[path] = Run(field, size, width)
            elif size > run.size:  # a bitmap of variable length, or text
                run.size, run.width = size, width
            for other in run_of[len(run.paths) :]:
                run.paths.append(other.path.removeprefix(self._prefix))
            run.buffer = max(run.buffer, buffer)
            resets = [*self._resets(target, run_of)]
            known = [reset for reset in resets if reset]
            field.had(size, known)
            end = start + size * (buffer or len(run_of))
            whole = b"".join(known) if len(known) == len(resets) else None
            if whole is not None and len(whole) == end - start:
                image[start:end] = whole
                run.saw(whole, whole)
            elif first.kind != _TEXT:
                whole = None
                run.saw(*(b"".join(reset or fill * size for reset in resets) for fill in (b"\0", b"\xff")))
            places.append(Place(run, start, end, whole))
        return Layout(places, int.from_bytes(image)) if places else None

    def _resets(self, target: Target, run_of: list[SavedField]) -> Iterator[bytes | None]:
        """Yield the reset value of each element, None where there is none; of a buffer as many bytes at a time as
        are known."""
        assert self._saved is not None
        for piece in run_of:
            saved = self._saved.get(piece.path, b"")
            if not is_buffer(piece):
                yield saved or self._encoded(target, piece)
                continue
            path, saved = piece.path.removeprefix(self._prefix), saved[: piece.size]
            pristine = self._pristine(target, _name(path))
            head, first = parted(path)
            whole = pristine.pieces.get(head)
            if isinstance(whole, bytearray):
                saved += whole[first + len(saved) : first + piece.size]
            if saved:
                yield saved
            for at in range(first + len(saved), first + piece.size):
                value = pristine.get(f"{head}[{at}]")
                yield value.to_bytes() if isinstance(value, int) and 0 <= value < 256 else None

    def _runs_in(self, fields: Iterable[SavedField]) -> Iterator[list[SavedField]]:
        """Yield neighbours of one field and size together; bits that have names are noted and left out."""
        run: list[SavedField] = []
        name = head = ""
        end = length = 0
        for field in fields:
            path, kind, offset, size, _ = field
            # most pieces by far are further elements of one array: to drop their index would be slow
            if offset == end and size == length and head and path.startswith(head) and path[len(head) : -1].isdigit():
                run.append(field)
                end += size
                continue
            if kind in _NO_FIELD or not size:
                continue
            if run and offset < end:  # another bit of the number before
                first = run[-1].path.removeprefix(self._prefix)
                bits = self._named_bits.setdefault(first, [first])
                bare = path.removeprefix(self._prefix)
                if bare not in bits:
                    bits.append(bare)
                continue
            before, name = name, _name(path)
            if run and (name, offset, size) == (before, end, length) and kind not in _ALONE:
                run.append(field)
            else:
                if run:
                    yield run
                run, length = [field], size
                head = path[: path.rindex("[") + 1] if path.endswith("]") and kind not in _ALONE else ""
            end = offset + size
        if run:
            yield run

    def _encoded(self, target: Target, field: SavedField) -> bytes | None:
        """Return the reset value of what a new device does not save, None when there is none."""
        path, size = field.path.removeprefix(self._prefix), field.size
        value = self._pristine(target, _name(path)).get(path)
        if field.kind == "timer" and value is None:
            return b"\xff" * size
        if field.kind == "bitmap" and isinstance(value, int):
            words = [value >> shift & 0xFFFF_FFFF_FFFF_FFFF for shift in range(0, 8 * size, 64)]
            return b"".join(word.to_bytes(8) for word in words)
        if isinstance(value, float) and size == 8:
            return struct.pack(">d", value)
        if isinstance(value, int) and value.bit_length() <= 8 * size - (value < 0):
            return value.to_bytes(size, signed=value < 0)
        return value if isinstance(value, bytes) and len(value) == size else None

    def _pristine(self, target: Target, name: str) -> Values:
        """Return what a new device has in the elements of a field, by their paths."""
        if self._attributes is None:
            self._attributes = {}
            for attribute, value in pieces_of(target.pristine_attributes()).items():
                self._attributes.setdefault(name_of(attribute, value), {})[attribute] = value
            self._carriers = {target.field(base).path or base: base for base in self._attributes}
        if name not in self._pristine_of:
            base = self._carriers.get(name, name)
            self._pristine_of[name] = Values({
                self._carried(target, attribute, value): value
                for attribute, value in self._attributes.get(base, {}).items()
            })  # fmt: skip
        return self._pristine_of[name]

    @staticmethod
    def _carried(target: Target, attribute: str, value: object) -> str:
        """Return the path of the field that carries an attribute."""
        if type(value) is not bytearray:
            return target.field(attribute).path or attribute
        return (target.field(f"{attribute}[0]").path or f"{attribute}[0]").rpartition("[")[0]


def covered(fields: Mapping[str, SeenField], runs: Mapping[str, Run]) -> tuple[CoveredField, ...]:
    """Return what was seen of each of `fields`, in their order; `runs` by the path of their first element."""
    bits = dict.fromkeys(fields, 0)
    widths = dict.fromkeys(fields, 0)
    for path, run in runs.items():
        bits[_name(path)] += int.from_bytes(run.bits).bit_count()
        widths[_name(path)] += run.width * len(run)
    return tuple(
        CoveredField(name, field.points, field.count, bits[name], widths[name]) for name, field in fields.items()
    )


def saved_at_reset(target: Target, watchdog: Watchdog) -> Snapshot | None:
    """Return what a new device saves; None where it cannot, which its first cycle will find."""
    with watchdog.watching():
        try:
            return watchdog.run(target.save)
        except TargetError:
            raise
        except RAISED:
            return None


def _name(path: str) -> str:
    return without_indexes(path) if "[" in path else path
