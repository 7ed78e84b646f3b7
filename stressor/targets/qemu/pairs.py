"""Registers that choose what another one answers: found by trying, on a machine that is thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Final

from stressor.targets.qemu.bench import Bench
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Learnt, Pair

__all__ = ["learn_pairs"]

_INDEXES: Final = (0, 1, 2, 4, 8, 9, 16, 0, 1, 2)
_AGAIN: Final = 3
"""The indexes that are written; the last ones come again, and have to give the same again."""

_DIFFERENT: Final = 3
_NEAR: Final = 4
"""A data register is at most so many registers away from its index."""

_PLACES: Final = 64
_MOST: Final = 6

Place = tuple[Region, int, int]


def learn_pairs(bench: Bench, learnt: Sequence[Learnt]) -> tuple[Pair, ...]:
    """Return the pairs of index and data register of a machine's regions."""
    found: list[Pair] = []
    for _, group in groupby(learnt, key=_block):
        places = [place for one in group if not one.region.config for place in _places(one)]
        found += islice(_pairs(bench, places[:_PLACES]), _MOST)
    return tuple(found)


def _block(one: Learnt) -> tuple[str, int]:
    """Return what regions have in common that may have to do with each other: a few ports side by
    side, as the index and the data of a clock are; others are alone."""
    region = one.region
    return ("", region.base // 8) if region.ports and region.size <= 4 else (region.name, 0)


def _places(one: Learnt) -> list[Place]:
    width = one.width
    offsets = [register.offset for register in one.registers if register.width == width]
    if one.region.size <= _PLACES * width:
        offsets = [*range(0, one.region.size - width + 1, width)]
    return [(one.region, offset, width) for offset in offsets if not one.kills(offset, width)]


def _pairs(bench: Bench, places: Sequence[Place]) -> Iterator[Pair]:
    for number, (region, index, width) in enumerate(places):
        around = places[max(0, number - _NEAR) : number + _NEAR + 1]
        near = [place for place in around if place != places[number] and place[2] == width]
        for other, offset, _ in near:
            commands: list[str] = []
            for value in _INDEXES[:-_AGAIN]:
                commands += region.write(index, width, value)
                commands += other.write(offset, width, 0x11 * (value + 1))
            reads = []
            for value in _INDEXES:
                commands += region.write(index, width, value) + other.read(offset, width)
                reads.append(len(commands) - 1)
            answers = bench.ask(commands)
            if answers and _chosen_by_index([int(answers[read], 16) for read in reads]):
                yield Pair(region.name, index, other.name, offset, width)


def _chosen_by_index(said: Sequence[int]) -> bool:
    """Return whether answers depend on the index, repeat, and are not the index itself."""
    mirrors = said == [*_INDEXES]
    return len(set(said)) >= _DIFFERENT and said[-_AGAIN:] == said[:_AGAIN] and not mirrors
