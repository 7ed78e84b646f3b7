"""Which field of one version is which of the other.

Fields are aligned by name first: the longest sequence of names that both have in the same order.
What lies between two such anchors is aligned by what the bytes are: structs by their description,
structs opened against the same fields without one, padding against fields of the same size, and
fields of the same size at the same place, which were renamed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple, TypeAlias

from stressor.vmstate.check.item import Item, opened, tail_of

__all__ = ["Block", "align", "alike", "common"]

_MOST_PAIRS: Final = 200_000
"""So many pairs of one name are tried; beyond, the nth is paired with the nth only."""

_ALIKE: Final = 0.6
_LONGEST_RUN: Final = 100
_LONGEST_NAME: Final = 200
"""Beyond these, fields and names are not compared with each other for likeness: it is quadratic."""

Run: TypeAlias = Sequence[Item]


class Block(NamedTuple):
    """Fields of the old version and those of the new that stand in their place.

    One and one is a pair; one side empty is a field that only the other has; several are as many
    bytes as those of the other side.
    """

    old: tuple[Item, ...]
    new: tuple[Item, ...]


def common(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return the index pairs of a longest common subsequence, in order."""
    if old == new:
        return [(index, index) for index in range(len(old))]
    places: dict[Hashable, list[int]] = {}
    for index, key in enumerate(new):
        places.setdefault(key, []).append(index)
    candidates = [(index, places.get(key, [])) for index, key in enumerate(old)]
    if sum(len(found) for _, found in candidates) > _MOST_PAIRS:
        turn: dict[Hashable, int] = {}
        for index, key in enumerate(old):
            number = turn[key] = turn.get(key, -1) + 1
            candidates[index] = (index, candidates[index][1][number : number + 1])
    return _longest_increasing(candidates)


class _Chain(NamedTuple):
    old: int
    new: int
    before: _Chain | None


def _longest_increasing(candidates: Sequence[tuple[int, list[int]]]) -> list[tuple[int, int]]:
    """Return a longest chain that increases in both indexes (the method of Hunt and Szymanski)."""
    ends: list[int] = []
    chains: list[_Chain] = []
    for index, places in candidates:
        for place in reversed(places):  # from behind, so that a chain has each old index once
            length = bisect_left(ends, place)
            chain = _Chain(index, place, chains[length - 1] if length else None)
            ends[length : length + 1] = [place]
            chains[length : length + 1] = [chain]
    found = []
    last = chains[-1] if chains else None
    while last is not None:
        found.append((last.old, last.new))
        last = last.before
    return found[::-1]


def align(old: Run, new: Run) -> list[Block]:
    """Return the blocks of two descriptions' fields, in order; every field is in exactly one."""
    blocks: list[Block] = []
    keys = ([_key(item) for item in run] for run in (old, new))
    for old_gap, new_gap, pair in _between(old, new, *keys):
        blocks += _gap(old_gap, new_gap)
        if pair is not None:
            blocks.append(pair)
    return blocks


def alike(old: str, new: str) -> bool:
    """Return whether two names look like one that was changed."""
    if max(len(old), len(new)) > _LONGEST_NAME:
        return old == new
    if tail_of(old) == tail_of(new):
        return True
    return SequenceMatcher(None, old, new, False).ratio() >= _ALIKE


def _between(
    old: Run, new: Run, old_keys: Sequence[Hashable], new_keys: Sequence[Hashable]
) -> Iterator[tuple[Run, Run, Block | None]]:
    """Yield what stands before each pair of equal keys, and the pair; at the end the rest."""
    old_from = new_from = 0
    for old_at, new_at in common(old_keys, new_keys):
        yield old[old_from:old_at], new[new_from:new_at], Block((old[old_at],), (new[new_at],))
        old_from, new_from = old_at + 1, new_at + 1
    yield old[old_from:], new[new_from:], None


def _key(item: Item) -> Hashable:
    return ("unused", item.width) if item.field.unused else item.field.name


def _gap(old: Run, new: Run) -> list[Block]:
    """Align what has no name in common."""
    if not old or not new:
        return _singles(old, new)
    blocks: list[Block] = []
    for old_gap, new_gap, pair in _between(old, new, _struct_keys(old), _struct_keys(new)):
        blocks += _without_structs(old_gap, new_gap)
        if pair is not None:
            blocks.append(pair)
    return blocks


def _struct_keys(run: Run) -> list[Hashable]:
    """Return the name of each item's description; what is no struct is like nothing else."""
    return [item if item.field.description is None else item.field.description.name for item in run]


def _without_structs(old: Run, new: Run) -> list[Block]:
    if not old or not new:
        return _singles(old, new)
    old_leaves, new_leaves = opened(old), opened(new)
    if old_leaves == list(old) and new_leaves == list(new):  # nothing was opened
        return _by_bytes(old, new)
    old_keys, new_keys = (
        [tail_of(leaf.field.name) for leaf in run] for run in (old_leaves, new_leaves)
    )
    if not common(old_keys, new_keys):
        return _by_bytes(old, new)
    blocks: list[Block] = []
    for old_gap, new_gap, pair in _between(old_leaves, new_leaves, old_keys, new_keys):
        blocks += _by_bytes(old_gap, new_gap)
        if pair is not None:
            blocks.append(pair)
    return blocks


def _by_bytes(old: Run, new: Run) -> list[Block]:
    """Align runs by where bytes end on both sides, when both have as many; else by likeness."""
    old_ends, new_ends = _ends(old), _ends(new)
    if old_ends is None or new_ends is None or not old_ends or not new_ends:
        return _by_likeness(old, new)
    if old_ends[-1] != new_ends[-1]:
        return _by_likeness(old, new)
    blocks: list[Block] = []
    old_from = new_from = 0
    for old_at, new_at in common(old_ends, new_ends):
        run = tuple(old[old_from : old_at + 1]), tuple(new[new_from : new_at + 1])
        blocks.append(Block(*run))
        old_from, new_from = old_at + 1, new_at + 1
    return blocks


def _ends(run: Run) -> list[int] | None:
    """Return the byte at which each item ends; None when one's size is not known."""
    ends: list[int] = []
    for item in run:
        width = item.width
        if width is None:
            return None
        ends.append(width + (ends[-1] if ends else 0))
    return ends


def _by_likeness(old: Run, new: Run) -> list[Block]:
    if len(old) == len(new) == 1 and _may_pad(old[0], new[0]):
        return [Block(tuple(old), tuple(new))]
    keys: list[Hashable] = list(old)
    following = 0
    for index, item in enumerate(old if max(len(old), len(new)) <= _LONGEST_RUN else ()):
        for place in range(following, len(new)):
            if _may_be(item, new[place]):
                keys[index] = new[place]
                following = place + 1
                break
    blocks: list[Block] = []
    for old_gap, new_gap, pair in _between(old, new, keys, list(new)):
        blocks += _singles(old_gap, new_gap)
        if pair is not None:
            blocks.append(pair)
    return blocks


def _may_be(old: Item, new: Item) -> bool:
    if old.field.unused or new.field.unused:
        return False
    if (old.field.description is None) != (new.field.description is None):
        return False
    return old.width == new.width and alike(old.field.name, new.field.name)


def _may_pad(old: Item, new: Item) -> bool:
    """Return whether one is padding, and a multiple of the other, whose count is not known."""
    if old.field.unused == new.field.unused:
        return False
    padding, field = (old, new) if old.field.unused else (new, old)
    if field.width is None or padding.width is None or field.field.count is not None:
        return False
    return padding.width % field.width == 0


def _singles(old: Run, new: Run) -> list[Block]:
    return [Block((item,), ()) for item in old] + [Block((), (item,)) for item in new]
