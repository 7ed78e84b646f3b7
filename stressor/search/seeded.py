"""The fast engine: plans drawn from a seeded generator, at about a microsecond an operation.

Uniform draws are shallow: a bug behind eight queued bytes took 60,000 uniform operations. So this
draws as Hypothesis does: few kinds of operation at a time (a swarm mix for each plan), bursts of
one operation, and values that were met before; every fourth plan is uniform all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Source, Strategy
from stressor.loop.target import TargetType
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode
from stressor.search.hypothesis_engine import DURATIONS, values
from stressor.search.plan import Plan
from stressor.search.seeds import generator

__all__ = ["SeededEngine"]

_GROWING = {1: 16, 100: 48, 1_000: 192}  # values drawn from an author's strategy at its first, 100th ... use
_LENGTHS = (12, 24, 48, 48, 96, 96, 192)  # operations in a plan
_BURSTS = (2, 3, 4, 6, 8, 12, 16, 20)
_FEWEST = 3  # kinds in a swarm mix
_DONOR = 4  # operations that drive a donor, which mostly is an earlier subject and in some state already
_MET = 24  # register values remembered
_READY = 48  # operations of each kind that swarm plans choose from: values repeat, and drawing costs a tenth
_EPOCH = 64  # plans after which these are drawn anew


class SeededEngine:
    """Draws plans for one target. Plan i depends on the seed, the target's name and i alone."""

    def __init__(self, target_type: TargetType, seed: int, reset_modes: Sequence[ResetMode]) -> None:
        self._name = target_type.name
        self._seed = seed
        self._modes = tuple(reset_modes)
        self._damages = target_type.damages
        self._plain = {mode: Cycle(mode) for mode in self._modes}
        self._epoch = -1
        self._kinds = [_Kind(at, kind, seed, self._name) for at, kind in enumerate(target_type.operations)]
        self._weights = [kind.weight for kind in target_type.operations]

    def exclude(self, label: str) -> bool:
        """Leave the kind with this label out of further plans; return whether any other is left."""
        for at, kind in enumerate(self._kinds):
            if kind.label == label:
                self._weights[at] = 0.0
        return any(self._weights)

    def plan(self, index: int) -> Plan:
        """Return plan `index`."""
        random = generator(self._seed, self._name, "plan", index)
        if index // _EPOCH != self._epoch:
            self._epoch = index // _EPOCH
            for kind in self._kinds:
                kind.enter(self._epoch)
        length = _LENGTHS[int(random.random() * len(_LENGTHS))]
        operations, kinds = self._operations(random, length, uniform=index % 4 == 0)
        batches = _cut(random, operations)
        counts = Counter(kinds)
        drawn = tuple(counts[at] for at in range(len(self._kinds)))
        cycles = self._plain
        if ResetMode.DONOR in cycles:
            driven = tuple(self._operations(random, _DONOR, uniform=False)[0])
            cycles = cycles | {ResetMode.DONOR: Cycle(ResetMode.DONOR, driven)}
        count = len(self._modes)
        turns = [cycles[mode] for mode in self._modes] * (len(batches) // count + 2)
        schedules = [turns[first : first + len(batches) - 1] for first in range(count)]
        if self._damages and len(batches) > 1:
            schedule = schedules[index % count]
            at = int(random.random() * len(schedule))
            damage = self._damages[int(random.random() * len(self._damages))]
            schedule[at] = Cycle(schedule[at].mode, schedule[at].operations, (damage, random.getrandbits(20)))
        return Plan(batches, tuple(map(tuple, schedules)), drawn)

    def _operations(self, random: Random, length: int, *, uniform: bool) -> tuple[list[Operation], list[int]]:
        """Return operations, and for each the index of its kind."""
        kinds, met = self._mix(random, uniform), [0] * _MET
        chance = random.random
        burst = 0.0 if uniform else (0.02, 0.05, 0.15)[int(3 * chance())]
        operations: list[Operation] = []
        drawn: list[int] = []
        while len(operations) < length:
            kind = kinds[int(chance() * len(kinds))]
            if chance() >= burst:
                operations.append(kind.draw(random, met) if uniform else kind.ready[int(chance() * _READY)])
                drawn.append(kind.index)
                continue
            times = _BURSTS[int(chance() * len(_BURSTS))]
            drawn.extend([kind.index] * times)
            if chance() < 0.3:
                operations.extend([kind.ready[int(chance() * _READY)]] * times)
            else:
                operations.extend([kind.ready[int(chance() * _READY)] for _ in range(times)])
        return operations[:length], drawn[:length]

    def _mix(self, random: Random, uniform: bool) -> list[_Kind]:
        """Return the kinds that take part, each as often as its weight says (twice for 1)."""
        kinds = self._kinds
        if uniform or len(kinds) <= 3:
            return [kind for kind, weight in zip(kinds, self._weights, strict=True) for _ in range(round(2 * weight))]
        share = (0.3, 0.5, 0.7, 0.9)[int(4 * random.random())]
        drawable = [(kind, weight) for kind, weight in zip(kinds, self._weights, strict=True) if weight]
        chosen = [pair for pair in drawable if random.random() < share]
        while len(chosen) < min(_FEWEST, len(drawable)):
            chosen.append(drawable[int(random.random() * len(drawable))])
        mix: list[_Kind] = []
        for kind, weight in chosen:
            mix.extend([kind] * max(1, round(2 * weight * (0.5 + 2 * random.random()))))
        return mix


def _cut(random: Random, operations: list[Operation]) -> tuple[tuple[Operation, ...], ...]:
    """Cut operations into batches: a save point can lie before, between and behind any of them."""
    typical = (2, 6, 10, 16)[int(4 * random.random())]
    batches, start = [], 0
    while start < len(operations):
        size = int(random.random() * 2 * typical)
        batches.append(tuple(operations[start : start + size]))
        start += size
    batches.append(())
    return tuple(batches)


class _Kind:
    """One kind of operation with its arguments' sources turned into drawing functions."""

    __slots__ = ("_drawers", "_epoch", "_fixed", "_leading", "_name", "_names", "_ready", "_seed", "index", "label")

    def __init__(self, index: int, kind: OperationType, seed: int, target: str) -> None:
        self.index = index
        self._name = kind.name
        self.label = kind.label
        self._leading = kind.leading
        self._drawers = [
            _drawer(source, generator(seed, target, kind.label, position), f"{target}: {kind.label}")
            for position, source in enumerate(kind.sources)
        ]
        self._fixed = None if kind.sources else Operation(kind.name, kind.leading)
        self._seed, self._names = seed, (target, kind.label)
        self._epoch = -1
        self._ready: list[Operation] = []

    def enter(self, epoch: int) -> None:
        """Let `ready` be the operations of this epoch."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._ready = []

    @property
    def ready(self) -> list[Operation]:
        """Operations of this kind to choose from, the same throughout an epoch."""
        if not self._ready:
            random = generator(self._seed, *self._names, "epoch", self._epoch)
            met = [0] * _MET
            self._ready = [self.draw(random, met) for _ in range(_READY)]
        return self._ready

    def draw(self, random: Random, met: list[int]) -> Operation:
        if self._fixed is not None:
            return self._fixed
        return Operation(self._name, (*self._leading, *[draw(random, met) for draw in self._drawers]))


def _drawer(source: Source, random: Random, what: str) -> Callable[[Random, list[int]], Argument]:
    match source:
        case OneOf(choices):
            return _one_of(choices)
        case RegisterValue(width):
            return _register_value(8 * width)
        case Duration():
            return _duration
        case Strategy(strategy):
            return _drawn(strategy, random, what)


def _one_of(choices: Sequence[Argument]) -> Callable[[Random, list[int]], Argument]:
    count = len(choices)
    return lambda random, met: choices[int(random.random() * count)]


def _drawn(strategy: object, random: Random, what: str) -> Callable[[Random, list[int]], Argument]:
    pool: list[Argument] = []
    draws = 0

    def draw(drawing: Random, met: list[int]) -> Argument:
        nonlocal draws
        draws += 1
        if draws in _GROWING:  # little by little, because it costs milliseconds, and a bug may show before
            pool.extend(values(strategy, _GROWING[draws], random, what))
        return pool[int(drawing.random() * len(pool))]

    return draw


def _register_value(bits: int) -> Callable[[Random, list[int]], Argument]:
    ones = (1 << bits) - 1
    edges = (0, ones, 1, ones >> 1, 1 << bits - 1)

    def draw(random: Random, met: list[int]) -> int:
        chance = random.random()
        if chance < 0.2:
            value = edges[int(random.random() * len(edges))]
        elif chance < 0.4:
            value = 1 << int(random.random() * bits)
        elif chance < 0.55:
            value = met[int(random.random() * _MET)] & ones
        elif chance < 0.65:
            value = random.getrandbits(bits) & random.getrandbits(bits)
        else:
            value = random.getrandbits(bits)
        met[value % _MET] = value
        return value

    return draw


def _duration(random: Random, met: list[int]) -> int:
    typical = DURATIONS[int(random.random() * len(DURATIONS))]
    return typical if random.random() < 0.5 else 1 + int(typical * random.random())
