"""The only file that knows Hypothesis, and only its public API.

* `values` draws plain values from a strategy, for the seeded engine. It decodes seeded bytes with
  `fuzz_one_input`: unlike a normal run that takes no notice of constants in whatever modules happen
  to be imported, so that adding a device to a run changes nothing for the others.
* `operations` and `traces` are the operations of a target as strategies: the engine for tests.
* `drawn_traces` lets Hypothesis draw a number of them.
* `polish` hands a short failing trace to Hypothesis to make it smaller still.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any, NamedTuple, TypeVar, cast

from hypothesis import HealthCheck, Phase, assume, example, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, NoSuchExample
from hypothesis.strategies import SearchStrategy

from stressor.errors import UsageError
from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Source, Strategy
from stressor.loop.target import TargetType
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode, Step, Trace

__all__ = [
    "DURATIONS",
    "Explored",
    "SearchStrategy",
    "any_of",
    "drawn_traces",
    "exploring",
    "operations",
    "operations_by",
    "polish",
    "traces",
    "values",
]

T = TypeVar("T")

DURATIONS = (1, 1_000, 10_000, 100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 100_000_000, 1_000_000_000)
"""Virtual time to let pass (ns), in both engines; each a bit more or less."""

_DEADLINE = settings(deadline=200).deadline  # Hypothesis' own, unless it was set
_ROUNDS = 4  # of polishing, each from the best so far
_TOGETHER = 16  # values drawn in one go

_QUIET = settings(
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    derandomize=True,
)


def values(strategy: object, count: int, random: Random, what: str) -> list[Argument]:
    """Return up to `count` values drawn from a strategy, at least one; `what` names it in errors.

    Raises UsageError for what is not a strategy, gives nothing, or gives more than plain data.
    """
    if not isinstance(strategy, SearchStrategy):
        raise UsageError(f"{what}: {strategy!r:.60} is no Hypothesis strategy; use hypothesis.strategies")
    together = st.lists(strategy, min_size=_TOGETHER, max_size=_TOGETHER)
    decode, found = _decoder()
    size = 64 * _TOGETHER
    drawn: list[Argument] = []
    for _ in range(8 * count):
        if len(drawn) >= count:
            break
        try:
            if decode(together, random.randbytes(size)) is None:
                size = min(2 * size, 1 << 16)  # the bytes ran out before the values did
        except HypothesisException as error:
            raise UsageError(f"{what}: the strategy gives no values ({error}); widen it") from error
        drawn.extend(_plain(item, what) for item in found)
    if not drawn:
        raise UsageError(f"{what}: the strategy {str(strategy)[:60]} gives no values; widen it")
    return drawn[:count]


@cache
def _decoder() -> tuple[Callable[[st.SearchStrategy[Any], bytes], object], list[object]]:
    """Return a function that decodes bytes by a strategy, and the list in which the values then are.

    One for all strategies, since setting up a test costs Hypothesis a millisecond or two.
    """
    wanted: list[st.SearchStrategy[Any]] = []
    found: list[object] = []

    @settings(_QUIET)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        found.extend(data.draw(wanted[0]))

    def decode(strategy: st.SearchStrategy[Any], data: bytes) -> object:
        wanted[:] = [strategy]
        found.clear()
        return draw.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]

    return decode, found


def _plain(value: object, what: str) -> Argument:
    if value is None or type(value) in (int, float, bool, str, bytes):
        return cast("Argument", value)
    if isinstance(value, tuple | list):
        return tuple(_plain(item, what) for item in value)
    raise UsageError(
        f"{what}: the strategy gives {type(value).__name__}; arguments are plain data "
        "(int, float, bool, str, bytes, None, tuples), so build the object inside the operation"
    )


def _source(source: Source, what: str) -> st.SearchStrategy[Any]:
    match source:
        case OneOf(choices):
            return st.sampled_from(choices)
        case RegisterValue(width):
            bits = 8 * width
            one_bit = st.integers(0, bits - 1).map(lambda bit: 1 << bit)
            edges = st.sampled_from((0, (1 << bits) - 1, 1))
            return edges | one_bit | st.integers(0, (1 << bits) - 1)
        case Duration():
            return st.sampled_from(DURATIONS) | st.integers(1, DURATIONS[-1])
        case Strategy(strategy):
            return cast("st.SearchStrategy[Any]", strategy).map(lambda value: _plain(value, what))


def operations(kind: OperationType) -> st.SearchStrategy[Operation]:
    """Return the operations of one kind as a strategy."""
    sources = [_source(source, kind.label) for source in kind.sources]
    return st.tuples(*sources).map(lambda drawn: Operation(kind.name, kind.leading + drawn))


def operations_by(kind: OperationType, make: Callable[[Operation], T]) -> st.SearchStrategy[T]:
    """Return what `make` makes of the operations of one kind as a strategy."""

    @st.composite
    def made(draw: Callable[[st.SearchStrategy[Operation]], Operation]) -> T:
        return make(draw(operations(kind)))  # mapped, it would be printed as the call

    return made()


def any_of(strategies: Sequence[st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Return what any of the strategies draws."""
    return st.one_of(*strategies)


def traces(
    target_type: TargetType, reset_modes: Sequence[ResetMode], *, longest: int = 60
) -> st.SearchStrategy[Trace]:
    """Return whole traces of a target as a strategy: a swarm mix of kinds, and cycles between them."""

    @st.composite
    def trace(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Trace:
        kinds = draw(st.lists(st.sampled_from(target_type.operations), min_size=1, max_size=8, unique=True))
        step = st.one_of(*(operations(kind) for kind in kinds))
        donor = st.lists(step, max_size=8).map(tuple)
        plain = [mode for mode in reset_modes if mode is not ResetMode.DONOR]
        cycles: list[st.SearchStrategy[Step]] = [st.sampled_from(plain).map(Cycle)] if plain else []
        if ResetMode.DONOR in reset_modes:
            cycles.append(donor.map(lambda operations: Cycle(ResetMode.DONOR, operations)))
        steps = draw(st.lists(st.one_of(step, step, step, *cycles), min_size=1, max_size=longest))
        assume(any(isinstance(step, Cycle) for step in steps))
        return tuple(steps)

    return trace()


class Explored(NamedTuple):
    """A Hypothesis test; whether what failed in earlier runs is tried first, and whether to shrink."""

    test: Callable[[], None]
    reuses: bool
    shrinks: bool


def exploring(
    name: str,
    check: Callable[[Any], None],
    *,
    numbers: int,
    argument: Callable[[int], object],
    pinned: Sequence[Trace],
    given_settings: object,
    examples: int | None,
    given_seed: int | None,
    insisting: bool,
    carried: Mapping[str, object],
) -> Explored:
    """Return a Hypothesis test that gives `check` what `argument` makes of numbers below `numbers`, as
    often as settings say.

    A number is not simpler for being smaller, so shrinking is left to whoever knows what it stands for.
    `name` is what it is called, in its database too. `pinned` are explicit examples. `given_settings`
    are the user's own; else those of the profile hold, with `examples` as the most that are tried, if
    given. Hypothesis' own deadline is none, as a plan is many operations. `carried` is what decorators
    left on the user's function. `given_seed` makes way for the user's `seed` and `derandomize` unless
    it is `insisting`; then nothing that was kept of earlier runs takes part, as with Hypothesis' own.
    Raises UsageError for what are no settings.
    """
    if given_settings is not None and not isinstance(given_settings, settings):
        raise UsageError(f"settings={given_settings!r:.60}: give hypothesis.settings(...)")
    if given_settings is not None and any(key.endswith("settings_applied") for key in carried):
        raise UsageError("settings were given twice; leave out @settings, or settings=")
    decorated = (value for value in carried.values() if isinstance(value, settings))
    chosen = given_settings or next(decorated, None)
    if chosen is None:
        chosen = settings() if examples is None else settings(max_examples=examples)
    if chosen.deadline == _DEADLINE:
        chosen = settings(chosen, deadline=None)
    phases = chosen.phases
    chosen = settings(chosen, phases=set(phases) - {Phase.shrink, Phase.explain})
    if insisting:
        chosen = settings(chosen, database=None, derandomize=False)
    _decoder()  # which may not be made within a test

    @st.composite
    def plans(draw: Callable[[st.SearchStrategy[int]], int]) -> object:
        return argument(draw(st.integers(0, numbers - 1)))  # mapped, it would be printed as the call

    def test(plan: object) -> None:
        check(plan)

    test.__name__ = test.__qualname__ = re.sub(r"\W", "_", name)
    vars(test).update({key: value for key, value in carried.items() if "settings" not in key})
    wrapped = given(plan=plans())(test)
    for trace in reversed(pinned):
        wrapped = example(trace)(wrapped)
    own = chosen.derandomize or any("seed" in key and value is not None for key, value in carried.items())
    if given_seed is not None and (insisting or not own):
        wrapped = seed(given_seed)(wrapped)  # settings come after it, as it takes away the database
    return Explored(chosen(wrapped), Phase.reuse in phases and not insisting, Phase.shrink in phases)


def drawn_traces(
    target_type: TargetType, reset_modes: Sequence[ResetMode], count: int, seed_: int
) -> list[Trace]:
    """Return `count` traces as Hypothesis draws them, at a few hundred microseconds an operation.

    Hypothesis also draws constants that it finds in imported modules of yours, so unlike plans of
    the seeded engine these can change when a run takes in another device.
    """
    found: list[Trace] = []

    @seed(seed_)
    @settings(_QUIET, max_examples=count, phases=[Phase.generate], derandomize=False)
    @given(traces(target_type, reset_modes))
    def draw(trace: Trace) -> None:
        found.append(trace)

    draw()
    return found


def polish(trace: Trace, simpler: Callable[[Step], Sequence[Step]], fails: Callable[[Trace], bool]) -> Trace:
    """Return the smallest trace that Hypothesis finds to fail still: fewer steps, simpler arguments.

    `simpler` gives the candidates for a step, simplest first. Everything is encoded in booleans: of
    these, and only these, Hypothesis draws the same whatever else is imported. `trace` has to be
    short (up to a dozen steps), and comes back unchanged when nothing smaller is found.
    """
    best = trace
    for _ in range(_ROUNDS):
        smaller = _smallest(_parts_of(best, simpler), best, fails)
        if smaller == best:
            break
        best = smaller
    return best



def _smallest(parts: st.SearchStrategy[Trace], best: Trace, fails: Callable[[Trace], bool]) -> Trace:
    """Return the smallest of all failing traces that Hypothesis tried, also on its way."""

    def attempt(candidate: Trace) -> bool:
        nonlocal best
        failed = bool(candidate) and _size(candidate) <= _size(best) and fails(candidate)
        if failed:
            best = candidate
        return failed

    @settings(_QUIET, max_examples=48, phases=[Phase.generate])
    @given(parts)
    def explore(candidate: Trace) -> None:
        attempt(candidate)

    explore()
    with suppress(NoSuchExample):
        find(parts, attempt, settings=settings(_QUIET, max_examples=24), random=Random(0))
    return best


def _parts_of(trace: Trace, simpler: Callable[[Step], Sequence[Step]]) -> st.SearchStrategy[Trace]:
    choices = [(*simpler(step)[:6], step) for step in trace]

    @st.composite
    def parts(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Trace:
        steps = []
        for options in choices:
            if not draw(st.booleans()) and not draw(st.booleans()):
                continue  # False is the simplest: the step is dropped
            index = sum(draw(st.booleans()) << bit for bit in range(3)) if len(options) > 1 else 0
            steps.append(options[min(index, len(options) - 1)])
        return tuple(steps)

    return parts()


def _size(trace: Trace) -> tuple[int, int]:
    return len(trace), sum(len(repr(step)) for step in trace)
