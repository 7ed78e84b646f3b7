"""Steers a search towards states that no save point has seen.

For each plan several drafts are drawn, each with another mix of operations, and one that goes on from where
the last good one led. A scout, a device of its own, runs them: to run forty operations costs as much as one cycle. The
draft that leads to the newest states for its length becomes the plan, and its save points lie there. What counts is the
live state, not what is saved of it: a forgotten field is one of those that have to move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from contextlib import nullcontext
from copy import copy
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, TypeAlias

from stressor.errors import TargetError
from stressor.loop.target import Target, TargetType
from stressor.loop.trace import Operation, ResetMode
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.search.plan import Plan
from stressor.search.seeded import Draft, SeededEngine

__all__ = ["SteeredEngine"]

_DRAFTS: Final = 4
"""Drafts that a plan is chosen from."""
_PLAIN: Final = 3
"""First plans that have one draft only, of all kinds of operations alike: to draw a mix begins with a millisecond, in which
most losses are found."""
_LENGTH: Final = 128
"""Operations in a draft."""
_FIRST_LENGTH: Final = 64
"""The same in the first plan: what is plainly wrong is to show at once."""
_AHEAD: Final = 192
"""Operations of the last good draft that another one goes on from."""
_STEP: Final = 4
"""Operations between two looks at a small state."""
_FIRST_APART: Final = 2
"""How many times that in the first plan: a look costs as much as seven operations, and there nearly all that is seen is new."""
_LARGE: Final = 256
"""Values in a state that is looked at half as often."""
_MOST_POINTS: Final = 6
"""Save points in a steered plan; the first plan has one, the second two, and so on."""
_BEHIND: Final = 24
"""Operations behind the last save point."""
_FEW: Final = 4
"""Plans with no other save points than these: first comes what is new. Later ones have as many more as any plan,
since to run the operations costs more by then than what is new is worth."""
_BY_CHANCE: Final = 4
"""One plan of so many is not steered."""
_LONGEST_PAUSE: Final = 64
"""Plans without steering when it finds nothing new any more."""

_FIELD: Final = 100
"""What a save point is worth for a field that never moved before; for each bit of one, up to so many bits; and for
fields that never moved together."""
_BIT: Final = 4
_MOST_BITS: Final = 16
_MOST_WORTH: Final = (1 << _MOST_BITS) - 1
_BROKEN: Final = -1
"""Stands for a value of its own, that an invariant does not hold: mostly that is so for a few operations only."""
_COMBINATION: Final = 1
_MOST_COMBINATIONS: Final = 1 << 16
"""Combinations that are remembered; then they do not count any more."""
_LENGTHS: Final = 32
"""Bits of a mask that stand for lengths of a container."""
_SEQUENCES: Final = (bytes, bytearray, list, tuple)

_ORDER: Final = (ResetMode.POISON, ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.DONOR)
"""The reset modes, those first that most losses show in; what poison shows is told by other traces, see `fresh_traces`."""

_Moved: TypeAlias = dict[int, int]
"""Which values of a state differ from those of a new device, and in which bits."""


class _Point(NamedTuple):
    """A state that a scout passed: after how many operations, how many values it has, and what had moved."""

    place: int
    size: int
    moved: _Moved


class SteeredEngine:
    """Draws plans for one target, most of them steered. Plan i depends on the seed, the target, and the plans
    before it; they have to be asked for in order.

    `watchdog` ends what a scout hangs in.
    """

    def __init__(
        self, target_type: TargetType, seed: int, reset_modes: Sequence[ResetMode], watchdog: Watchdog
    ) -> None:
        self._type = target_type
        self._engine = SeededEngine(target_type, seed, reset_modes)
        self._order = [mode for mode in _ORDER if mode in reset_modes]
        self._watchdog = watchdog
        self._seen: dict[int, _Seen] = {}
        self._good: Draft | None = None
        self._died = False
        self._pause = 0
        self._next = 0

    def exclude(self, label: str) -> bool:
        """Leave the kind with this label out of further plans; return whether any other is left."""
        self._good = None
        return self._engine.exclude(label)

    def plan(self, index: int) -> Plan:
        """Return plan `index`."""
        if index < self._next or index % _BY_CHANCE == _BY_CHANCE - 1:
            return self._engine.plan(index)
        draft, points = self._chosen(index)
        news = False
        for point in points:
            seen = self._seen[point.size]
            news |= seen.gain(point.moved) > _COMBINATION
            seen.add(point.moved)
        self._pause = 0 if news else min(_LONGEST_PAUSE, 2 * self._pause + 1)
        self._next = index + 1 + self._pause
        if draft is None or not points:
            return self._engine.plan(index, draft)
        self._good = draft if news else self._good
        places = {point.place for point in points}
        if index >= _FEW:
            places.update(accumulate(map(len, self._engine.cut(draft.random, draft.operations))))
        end = max(places) + _BEHIND  # a batch follows the last save point, if need be an empty one
        operations = draft.operations[:end]
        batches = tuple(tuple(operations[start:stop]) for start, stop in pairwise(sorted({0, *places, end})))
        return self._engine.assemble(draft._replace(kinds=draft.kinds[:end]), batches, index, self._order)

    def _chosen(self, index: int) -> tuple[Draft | None, list[_Point]]:
        """Return the best draft and its save points; no draft when there is nothing new in any, and no save points
        for the first one that a device dies of, which is worth a plan as it is."""
        best: tuple[Draft | None, list[_Point]] = None, []
        highest = 0.0
        plain = index < _PLAIN
        first = _DRAFTS - index * plain  # which makes a plain one uniform
        for candidate in range(first, first + (1 if plain else _DRAFTS)):
            draft = self._engine.draft(index, candidate, min(_LENGTH, _FIRST_LENGTH * (index + 1)))
            if candidate == first and self._good is not None:
                good = self._good
                draft = Draft(
                    good.operations[:_AHEAD] + draft.operations, good.kinds[:_AHEAD] + draft.kinds, draft.random
                )
            passed = self._scouted(draft.operations, _FIRST_APART if index == 0 else 1)
            if passed is None:
                if self._died:
                    continue
                self._died = True
                return draft, []
            points, gain = self._best(passed, min(_MOST_POINTS, index + 1))
            worth = gain / (len(points) + len(draft.operations) / 80)
            if worth > highest:
                best, highest = (draft, points), worth
        return best

    def _scouted(self, operations: Sequence[Operation], apart: int) -> list[_Point] | None:
        """Return what states a scout passes, looked at `apart` times as rarely as else; None when it does not come to the end."""
        watchdog = self._watchdog
        with watchdog.within(watchdog.short) if watchdog.hung else nullcontext():
            return self._walk(operations, apart)

    def _walk(self, operations: Sequence[Operation], apart: int) -> list[_Point] | None:
        passed: list[_Point] = []
        scout = self._type.open()
        watchdog = self._watchdog
        watchdog.inside = True
        try:
            at, seen = 0, self._of(scout.state())
            while at < len(operations):
                watchdog.beats += 1
                done, broken = self._advance(scout, operations[at : at + apart * seen.step])
                at += done
                values = scout.state()
                seen = self._of(values)
                moved = seen.moved(values)
                if broken:
                    moved[_BROKEN] = _MOST_WORTH
                passed.append(_Point(at, len(values), moved))
        except TargetError:
            raise
        except RAISED:
            return None
        finally:
            watchdog.inside = False
            scout.close()
        return passed

    def _advance(self, scout: Target, operations: Sequence[Operation]) -> tuple[int, bool]:
        """Run operations up to where a rule does not hold, which may be so for one of them only; return how many
        these are, and whether there was such a place."""
        if not self._type.invariants:
            scout.execute(operations)
            return len(operations), False
        for done, operation in enumerate(operations, 1):
            scout.execute((operation,))
            if scout.broken() is not None:
                return done, True
        return len(operations), False

    def _of(self, values: Sequence[object]) -> _Seen:
        """Return what was seen of states of this size; the first one of a size counts as that of a new device."""
        if len(values) not in self._seen:
            self._seen[len(values)] = _Seen(values)
        return self._seen[len(values)]

    def _best(self, passed: Sequence[_Point], most: int) -> tuple[list[_Point], int]:
        """Return up to so many save points that see the most new together, and how much that is."""
        seen = {size: seen.branch() for size, seen in self._seen.items()}
        left, total = [*passed], 0
        points: list[_Point] = []
        while left and len(points) < most:
            gain, at = max((seen[point.size].gain(point.moved), -at) for at, point in enumerate(left))
            if not gain or (points and gain <= _COMBINATION):
                break
            point = left.pop(-at)
            seen[point.size].add(point.moved)
            points.append(point)
            total += gain
        return points, total


class _Seen:
    """What save points saw of states of one size: which bits of which values, and which values together."""

    def __init__(self, values: Sequence[object]) -> None:
        self._reset = [_kept(value) for value in values]
        self._bits: _Moved = {}
        self._combinations: set[frozenset[int]] = set()
        self._earlier: Set[frozenset[int]] = frozenset()
        self.step = _STEP * (1 + sum(map(_weight, self._reset)) // _LARGE)
        """Operations from one look at such a state to the next."""

    def branch(self) -> _Seen:
        """Return another that goes on from here, to be thrown away before this one sees more."""
        other = copy(self)
        other._bits = {**self._bits}
        other._earlier, other._combinations = self._combinations, set()
        return other

    def moved(self, values: Iterable[object]) -> _Moved:
        """Return what differs from a new device, and how."""
        return {
            at: _difference(value, reset)
            for at, (value, reset) in enumerate(zip(values, self._reset, strict=True))
            if value != reset
        }

    def gain(self, moved: _Moved) -> int:
        """Return what a save point would be worth."""
        gain, bits = 0, self._bits
        for at, mask in moved.items():
            seen = bits.get(at)
            if seen is None:
                gain += _FIELD
            new = mask & ~(seen or 0)
            if new:
                gain += _BIT * min(_MOST_BITS, new.bit_count())
        together = frozenset(moved)
        known = together in self._combinations or together in self._earlier
        return gain if known or len(self._combinations) >= _MOST_COMBINATIONS else gain + _COMBINATION

    def add(self, moved: _Moved) -> None:
        """Take it as a save point."""
        for at, mask in moved.items():
            self._bits[at] = self._bits.get(at, 0) | mask
        self._combinations.add(frozenset(moved))


def _kept(value: object) -> object:
    """Return a value as it is, and for a container that may change a copy."""
    if isinstance(value, bytearray):
        return bytes(value)
    return [*value] if isinstance(value, list) else value


def _weight(value: object) -> int:
    """Return how much there is to compare; bytes are compared in one go."""
    if isinstance(value, bytes):
        return 1 + len(value) // 64
    return len(value) if isinstance(value, list | tuple) else 1


def _difference(value: object, reset: object) -> int:
    """Return a mask of the bits in which two different values differ; of lists, of the elements, and of what is
    no number, one for each way to be set."""
    if isinstance(value, int) and isinstance(reset, int):
        return value ^ reset
    if isinstance(value, _SEQUENCES) and isinstance(reset, _SEQUENCES):
        if len(value) != len(reset):
            return 1 << len(value).bit_length()
        if isinstance(value, bytes | bytearray) and isinstance(reset, bytes | bytearray):
            return (int.from_bytes(value) ^ int.from_bytes(reset)) << _LENGTHS
        return sum(1 << at for at, (one, other) in enumerate(zip(value, reset, strict=True)) if one != other) << _LENGTHS
    return 2 if value is None else 1
