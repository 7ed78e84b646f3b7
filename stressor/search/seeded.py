"""The fast engine: plans drawn from a seeded generator, at about a microsecond an operation.

Uniform draws are shallow: a bug behind eight queued bytes took 60,000 uniform operations. So this
draws as Hypothesis does: few kinds of operation at a time (a swarm mix for each plan), bursts of
one operation, and values that were met before; every fourth plan is uniform all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import repeat
from random import Random
from typing import NamedTuple

from stressor.loop.cycle import trace_of
from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Source, Strategy
from stressor.loop.target import TargetType
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode, Trace
from stressor.search.hypothesis_engine import DURATIONS, values
from stressor.search.plan import Plan
from stressor.search.seeds import generator

__all__ = ["Draft", "SeededEngine", "fresh_traces"]

_AT_FIRST = 16  # values drawn from an author's strategy before it is used
_GROWING = {100: 48, 1_000: 192}  # and further ones, which depend on the seed, at its 100th ... use
_LENGTHS = (24, 48, 96, 192, 192, 384)  # operations in a plan: deep states take long ways
_BURSTS = (2, 3, 4, 6, 8, 12, 16, 20)
_APART = (13, 40, 100)  # operations between two bursts: the most, half of that is usual
_BATCHES = (8, 16, 24, 32)  # operations between two save points, usually: a cycle costs as much as 40 of them
_FEWEST = 3  # kinds in a swarm mix
_SHARES = (0.3, 0.5, 0.7, 0.9)  # of all kinds in a swarm mix
_DONOR = 4  # operations that drive a donor, which mostly is an earlier subject and in some state already
_MET = 24  # register values remembered
_READY = 48  # operations of each kind that swarm plans choose from: values repeat, and drawing costs a tenth
_FRESH = 16  # traces that may show plainly what was found by poison; by four, one of eight did not
_EPOCH = 128  # plans after which these are drawn anew


class Draft(NamedTuple):
    """Operations that are not cut into batches yet, for each the index of its kind, and the generator that
    the rest of the plan is drawn from."""

    operations: list[Operation]
    kinds: list[int]
    random: Random


class SeededEngine:
    """Draws plans for one target. Plan i depends on the seed, the target's name and i alone."""

    def __init__(self, target_type: TargetType, seed: int, reset_modes: Sequence[ResetMode]) -> None:
        self._name = target_type.name
        self._seed = seed
        self._modes = tuple(reset_modes)
        self._damages = target_type.damages
        self._opening = target_type.opening
        self._plain = {mode: Cycle(mode) for mode in self._modes}
        self._epoch = -1
        self._kinds = [_Kind(at, kind, seed, self._name) for at, kind in enumerate(target_type.operations)]
        self._drawable = self._kinds
        self._evenly = self._each_by_weight()

    def exclude(self, label: str) -> bool:
        """Leave the kind with this label, and damage to what is called so, out of further plans; return
        whether any other kind is left."""
        self._drawable = [kind for kind in self._drawable if kind.label != label]
        self._damages = tuple(damage for damage in self._damages if not damage.endswith(f" {label}"))
        self._evenly = self._each_by_weight()
        return bool(self._drawable)

    def _each_by_weight(self) -> list[_Kind]:
        return [kind for kind in self._drawable for _ in range(kind.times)]

    def plan(self, index: int, draft: Draft | None = None) -> Plan:
        """Return plan `index`, or one of what is in a `draft` for it."""
        draft = draft or self.draft(index)
        batches = self.cut(draft.random, draft.operations)
        return self.assemble(draft, self._opened(batches, index), index)

    def draft(self, index: int, candidate: int = 0, length: int = 0) -> Draft:
        """Return the operations of plan `index`; those of another `candidate` for it are others. Without a
        `length` they are as many as is drawn."""
        random = generator(self._seed, self._name, "plan", index, *[candidate] * bool(candidate))
        if index // _EPOCH != self._epoch:
            self._epoch = index // _EPOCH
            for kind in self._kinds:
                kind.enter(self._epoch)
        # the first ones are short: what is plainly wrong shows in milliseconds
        length = length or _LENGTHS[index if index < 2 else int(random.random() * len(_LENGTHS))]
        return Draft(*self._operations(random, length, uniform=(index + candidate) % 4 == 0), random)

    def assemble(
        self, draft: Draft, batches: tuple[tuple[Operation, ...], ...], index: int, order: Sequence[ResetMode] = ()
    ) -> Plan:
        """Return the plan with a draft's operations cut into `batches`. The first schedule begins with the first
        of the modes in `order`, the second with the second, and so on."""
        random = draft.random
        counts = Counter(draft.kinds)
        drawn = tuple(map(counts.get, range(len(self._kinds)), repeat(0)))
        cycles = self._plain
        if ResetMode.DONOR in cycles:
            cycles = cycles | {ResetMode.DONOR: Cycle(ResetMode.DONOR, self._donor(random))}
        count = len(self._modes)
        turns = [cycles[mode] for mode in order or self._modes] * (len(batches) // count + 2)
        schedules = [turns[first : first + len(batches) - 1] for first in range(count)]
        if self._damages and len(batches) > 1:
            schedule = schedules[index % count]
            at = int(random.random() * len(schedule))
            damage = self._damages[int(random.random() * len(self._damages))]
            schedule[at] = Cycle(schedule[at].mode, schedule[at].operations, (damage, random.getrandbits(20)))
        return Plan(batches, tuple(map(tuple, schedules)), drawn)

    def _operations(self, random: Random, length: int, *, uniform: bool) -> tuple[list[Operation], list[int]]:
        """Return operations, and for each the index of its kind."""
        kinds = self._mix(random, uniform)
        chance, count = random.random, len(kinds)
        if uniform:
            met = [0] * _MET
            mixed = [kinds[int(chance() * count)] for _ in range(length)]
            return [kind.draw(random, met) for kind in mixed], [kind.index for kind in mixed]
        ready = [kind.ready or kind.fill() for kind in kinds]
        apart = _APART[int(len(_APART) * chance())]
        operations: list[Operation] = []
        drawn: list[int] = []
        while True:
            picked = [int(chance() * count) for _ in range(int(chance() * apart))]
            operations += [ready[at][int(chance() * _READY)] for at in picked]
            drawn += [kinds[at].index for at in picked]
            if len(operations) >= length:
                return operations[:length], drawn[:length]
            at = int(chance() * count)
            times = _BURSTS[int(chance() * len(_BURSTS))]
            drawn += [kinds[at].index] * times
            if chance() < 0.3:
                operations += [ready[at][int(chance() * _READY)]] * times
            else:
                operations += [ready[at][int(chance() * _READY)] for _ in range(times)]

    def _opened(
        self, batches: tuple[tuple[Operation, ...], ...], index: int
    ) -> tuple[tuple[Operation, ...], ...]:
        """Put what is asked after each cycle in front; the first plan begins with a cycle on nothing."""
        if not self._opening:
            return batches
        first, *others = ((), *batches) if index == 0 else batches
        return (first, *[self._opening + batch for batch in others])

    def _donor(self, random: Random) -> tuple[Operation, ...]:
        """Return a few operations of any kind."""
        kinds, chance = self._mix(random, True), random.random
        picked = [kinds[int(chance() * len(kinds))] for _ in range(_DONOR)]
        met = [0] * _MET
        return tuple([kind.draw(random, met) for kind in picked])  # too few for what is ready to be filled

    def _mix(self, random: Random, uniform: bool) -> list[_Kind]:
        """Return the kinds that take part, each as often as its weight says (twice for 1)."""
        drawable = self._drawable
        if uniform or len(drawable) <= _FEWEST:
            return self._evenly
        chance = random.random
        share = _SHARES[int(len(_SHARES) * chance())]
        chosen = [kind for kind in drawable if chance() < share]
        while len(chosen) < _FEWEST:
            chosen.append(drawable[int(chance() * len(drawable))])
        mix: list[_Kind] = []
        for kind in chosen:
            mix += [kind] * kind.turns[int(len(kind.turns) * chance())]
        return mix

    @staticmethod
    def cut(random: Random, operations: list[Operation]) -> tuple[tuple[Operation, ...], ...]:
        """Cut operations into batches: a save point can lie before, between and behind any of them."""
        typical = _BATCHES[int(len(_BATCHES) * random.random())]
        batches, start = [], 0
        while start < len(operations):
            size = int(random.random() * 2 * typical)
            batches.append(tuple(operations[start : start + size]))
            start += size
        batches.append(())
        return tuple(batches)


def fresh_traces(target_type: TargetType, seed: int, trace: Trace) -> Iterator[Trace]:
    """Yield, for a trace that ends in poison, a few with a new instance in each cycle: what was written and is
    gone there says more of a loss than what was scribbled over. None where to run one takes long."""
    last = trace[-1]
    if not target_type.walks or not isinstance(last, Cycle) or last.mode is not ResetMode.POISON:
        return
    engine = SeededEngine(target_type, seed, [ResetMode.FRESH])
    for index in range(_FRESH):
        plan = engine.plan(index)
        cycles = [Cycle(ResetMode.FRESH)] * len(plan.schedules[0])
        yield trace_of(plan.batches, cycles, len(plan.batches), len(cycles))


class _Kind:
    """One kind of operation with its arguments' sources turned into drawing functions."""

    __slots__ = (
        "_drawers", "_epoch", "_fixed", "_leading", "_name", "_names", "_seed", "index", "label", "ready", "times",
        "turns",
    )  # fmt: skip

    def __init__(self, index: int, kind: OperationType, seed: int, target: str) -> None:
        self.index = index
        self.times = round(2 * kind.weight)
        self.turns = _turns(kind.weight)
        """How often it may stand in a mix."""
        self._name = kind.name
        self.label = kind.label
        self._leading = kind.leading
        self._drawers = [
            _drawer(source, partial(generator, seed, target, kind.label, position), f"{target}: {kind.label}", position)
            for position, source in enumerate(kind.sources)
        ]
        self._fixed = None if kind.sources else Operation(kind.name, kind.leading)
        self._seed, self._names = seed, (target, kind.label)
        self._epoch = -1
        self.ready: list[Operation] = []

    def enter(self, epoch: int) -> None:
        """Empty `ready` when another epoch begins."""
        if epoch != self._epoch:
            self._epoch = epoch
            self.ready = []

    def fill(self) -> list[Operation]:
        """Return `ready`, filled with operations to choose from, the same throughout an epoch."""
        random = generator(self._seed, *self._names, "epoch", self._epoch)
        met = [0] * _MET
        self.ready = [self.draw(random, met) for _ in range(_READY)]
        return self.ready

    def draw(self, random: Random, met: list[int]) -> Operation:
        """Return a new operation of this kind."""
        drawers = self._drawers
        if len(drawers) == 1:  # most are
            return Operation(self._name, (*self._leading, drawers[0](random, met)))
        if self._fixed is not None:
            return self._fixed
        return Operation(self._name, (*self._leading, *[draw(random, met) for draw in drawers]))


@lru_cache(maxsize=64)
def _turns(weight: float) -> tuple[int, ...]:
    return tuple(max(1, round(2 * weight * (0.6 + 0.4 * step))) for step in range(5))


def _drawer(
    source: Source, random: Callable[[], Random], what: str, position: int
) -> Callable[[Random, list[int]], Argument]:
    match source:
        case OneOf(choices):
            return _one_of(choices)
        case RegisterValue(width):
            return _register_value(8 * width)
        case Duration():
            return _duration
        case Strategy(strategy):
            return _drawn(strategy, random, what, position)


def _one_of(choices: Sequence[Argument]) -> Callable[[Random, list[int]], Argument]:
    count = len(choices)
    return lambda random, met: choices[int(random.random() * count)]


def _drawn(
    strategy: object, random: Callable[[], Random], what: str, position: int
) -> Callable[[Random, list[int]], Argument]:
    pool: list[Argument] = []
    draws = 0
    further: Random | None = None

    def draw(drawing: Random, met: list[int]) -> Argument:
        nonlocal draws, further
        if not draws:
            first = _first if isinstance(strategy, Hashable) else _first.__wrapped__
            pool.extend(first(strategy, what, position))
        draws += 1
        if draws in _GROWING:  # little by little, because it costs milliseconds, and a bug may show before
            further = further or random()
            pool.extend(values(strategy, _GROWING[draws], further, what))
        return pool[int(drawing.random() * len(pool))]

    return draw


@lru_cache(maxsize=1024)
def _first(strategy: object, what: str, position: int) -> list[Argument]:
    """Return the values that every run begins with: the same for all seeds, so they are drawn once."""
    return values(strategy, _AT_FIRST, generator(0, what, position), what)


@lru_cache(maxsize=16)
def _register_value(bits: int) -> Callable[[Random, list[int]], Argument]:
    ones = (1 << bits) - 1
    edges = (0, ones, 1, ones >> 1, 1 << bits - 1)
    single = [1 << bit for bit in range(bits)]

    def draw(random: Random, met: list[int]) -> int:
        chance = random.random()
        if chance >= 0.65:
            value = random.getrandbits(bits)
        elif chance < 0.2:
            value = edges[int(chance * 25)]  # the same number says which: it is below 5
        elif chance < 0.4:
            value = single[int((chance - 0.2) * 5 * bits)]
        elif chance < 0.55:
            value = met[int(random.random() * _MET)] & ones
        else:
            value = random.getrandbits(bits) & random.getrandbits(bits)
        met[value % _MET] = value
        return value

    return draw


def _duration(random: Random, met: list[int]) -> int:
    typical = DURATIONS[int(random.random() * len(DURATIONS))]
    return typical if random.random() < 0.5 else 1 + int(typical * random.random())
