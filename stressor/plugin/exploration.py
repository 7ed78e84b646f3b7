"""One oracle on one device, explored by Hypothesis; what it finds is looked into, shrunk and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from stressor.config import Configuration
from stressor.errors import TargetError, UsageError
from stressor.findings.store import Store
from stressor.loop.events import Statistics
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.target import TargetType
from stressor.loop.trace import Cycle, ResetMode, Trace, is_trace
from stressor.loop.watchdog import Watchdog
from stressor.plugin.explicit import findings_of
from stressor.search.campaign import Campaign
from stressor.search.hypothesis_engine import exploring
from stressor.search.regressions import again
from stressor.search.seeded import SeededEngine
from stressor.search.seeds import derived

__all__ = ["Exploration", "Parted", "StressFailure", "one_line", "parted_in", "reproducing"]

_PLANS: Final = 1 << 16
"""Plans that there are for a device; Hypothesis chooses among them."""

_FURTHER: Final = 32
"""Plans that are run behind the failing one, for what that one hides; none where one takes seconds."""

_TRIES: Final = 48
"""Tries to shrink a trace where each can take a new process; `stressor run` has more patience."""

_HUNG_PATIENCE: Final = 0.25
"""Seconds for a device, once it is known to hang."""

_SEED: Final = 0  # of the plans: that of Hypothesis chooses among them


class StressFailure(AssertionError):
    """What pytest shows as a failed stress test; as text it names each field that diverged.

    The first `explicit` of the findings come of explicit examples. `replay` is the line that brings the
    findings back, where it is not the usual one.
    """

    def __init__(
        self, findings: Sequence[Finding], *, explicit: int = 0, replay: str | None = None
    ) -> None:
        super().__init__(one_line(findings))
        self.findings: Final = list(findings)
        self.explicit: Final = explicit
        self.replay: Final = replay
        self.raised: Final[dict[str, BaseException | None]] = {}
        """What the device raised, by the id of the finding that is about it."""


def one_line(findings: Sequence[Finding]) -> str:
    """Return `first, second: never saved (F-5c15e3b2, F-6981e976)`; without the section where all are in one."""
    sections = {finding.divergence.first.path.partition(".")[0] for finding in findings}
    shared = f"{sections.pop()}." if len(sections) == 1 else ""
    by_cause: dict[Cause, list[str]] = {}
    for finding in findings:
        path = finding.divergence.first.path
        by_cause.setdefault(finding.divergence.cause, []).append(path.removeprefix(shared))
    fields = "; ".join(f"{', '.join(paths)}: {cause}" for cause, paths in by_cause.items())
    return f"{fields} ({', '.join(finding.id for finding in findings)})"


class Parted(Exception):
    """A plan, by its number, or an explicit trace parted. Each finding has a class of its own, so that
    Hypothesis tells one from another."""

    def __init__(self, plan: int | Trace) -> None:
        super().__init__(plan)
        self.plan: Final = plan


@cache
def _parted_by(identity: str) -> type[Parted]:
    return type(f"Parted_{identity}", (Parted,), {"__doc__": Parted.__doc__})


class _Chosen:
    """A plan as the argument of the test: what Hypothesis prints of it says what it is."""

    def __init__(self, number: int, describe: Callable[[int], str]) -> None:
        self.number: Final = number
        self._describe = describe

    def __repr__(self) -> str:
        return self._describe(self.number)


@dataclass
class Exploration:
    """Explores one oracle on one device, in those of `reset_modes` that it can do.

    `oracles` are all that are asked of the device, each by a test of its own: what another one tells of a plan
    is put right, so that it shows once. `seed` is what findings say.
    """

    model: TargetType
    oracle: Oracle
    oracles: tuple[Oracle, ...]
    reset_modes: tuple[ResetMode, ...]
    configuration: Configuration
    seed: int

    def __post_init__(self) -> None:
        self.reset_modes = tuple(
            mode for mode in self.reset_modes if mode in self.model.reset_modes
        )
        self.reuses = False
        """Whether what earlier runs found is tried first."""
        self._shrinks = True
        self._watchdog = Watchdog(self.configuration.batch_timeout)
        self._engine: SeededEngine | None = None
        self._quick: Campaign | None = None
        self._outcomes: dict[int, str | None] = {}
        self._drawn: set[int] = set()

    def test(
        self,
        settings: object,
        plans: int | None,
        seed: int | None,
        carried: Mapping[str, object],
        *,
        pinned: Sequence[Trace] = (),
        insisting: bool = False,
    ) -> Callable[[], None]:
        """Return a Hypothesis test whose failure has `parted_in` it.

        `plans` stands in for `max_examples` where no `settings` are given; without a `seed`
        Hypothesis goes by its own. The rest is as for `exploring`.
        """
        own = None if seed is None else derived(seed, self.model.name, self.oracle.value)
        explored = exploring(
            f"{self.model.name}::{self.oracle}", self._check, numbers=_PLANS,
            argument=lambda number: _Chosen(number, self._described), pinned=pinned,
            given_settings=settings, examples=plans, given_seed=own, insisting=insisting, carried=carried,
        )  # fmt: skip
        self.reuses, self._shrinks = explored.reuses, explored.shrinks
        return explored.test

    def prepare(self, tries: TargetType) -> None:
        """Make what each check needs; Hypothesis does not like that to be done within its tests.

        `tries` are the same devices, for looks that are confirmed on those of the model.
        """
        self._engine = SeededEngine(self.model, _SEED, self.reset_modes)
        self._engine.plan(0)
        self._quick = self._campaign(tries, [self.oracle])

    @property
    def statistics(self) -> Statistics:
        """What was done so far, searches for what is behind a suspicion left out."""
        return Statistics() if self._quick is None else self._quick.statistics

    def unused(self) -> tuple[list[str], list[str]]:
        """Return the fields that never left the reset value at a save point, and the operations that
        were never drawn. Nothing before `prepare`."""
        if self._quick is None:
            return [], []
        never = [
            kind.label for at, kind in enumerate(self.model.operations) if at not in self._drawn
        ]
        return list(self._quick.statistics.unexercised), never

    def _described(self, number: int) -> str:
        assert self._engine is not None
        plan = self._engine.plan(number)
        points = max(map(len, plan.schedules), default=0)
        return f"<plan {number}: {sum(plan.drawn)} operations, {points} save points>"

    def _check(self, plan: object) -> None:
        if is_trace(plan):
            found = findings_of(self.model, plan, [self.oracle], self._watchdog)
            if found:
                raise _parted_by(found[0].id)(tuple(plan))
            return
        number = plan.number if isinstance(plan, _Chosen) else plan
        if not isinstance(number, int):
            raise UsageError(f"{plan!r:.60} is no example: give a plan's number, or a trace of steps")
        if number not in self._outcomes:
            if not self.model.walks and any(self._outcomes.values()):
                return  # each further plan takes seconds, and one fails already
            self._outcomes[number] = self._outcome(number)
        identity = self._outcomes[number]
        if identity is not None:
            raise _parted_by(identity)(number)

    def _outcome(self, number: int) -> str | None:
        """Return the id of the first finding of a plan, None when it has none."""
        assert self._engine is not None
        assert self._quick is not None
        plan = self._engine.plan(number)
        self._drawn.update(kind for kind, times in enumerate(plan.drawn) if times)
        with self._patience():
            if not self._quick.parts(plan):
                return None
        own, others = self._considered(self._campaign(self.model, shrinking=False), [number])
        if own:
            return own[0].id
        for finding in others:  # they are told by their own tests
            self._quick.know(finding)
        return None

    def failing(self, stored: Sequence[Finding]) -> list[Finding]:
        """Return those of earlier findings that still diverge, as they do now."""
        found: dict[str, Finding] = {}
        for finding in stored:
            if not self._allows(finding.trace):
                continue
            with suppress(TargetError):  # it no longer applies
                now = again(finding, self.model, self.configuration.batch_timeout)
                if now is not None and now.divergence.oracle is self.oracle:
                    found.setdefault(now.id, now)
        return list(found.values())

    def _allows(self, trace: Trace) -> bool:
        return all(step.mode in self.reset_modes for step in trace if isinstance(step, Cycle))

    def failure(self, parted: Sequence[int | Trace], known: Sequence[Finding] = ()) -> StressFailure:
        """Return what plans and traces, and some plans behind these, find beside what is `known`; shrunk
        but for the traces, and stored."""
        explicit: dict[str, Finding] = {}
        for trace in filter(is_trace, parted):
            for finding in findings_of(self.model, trace, [self.oracle], self._watchdog):
                explicit.setdefault(finding.id, finding)
        campaign = self._campaign(self.model, shrinking=self._shrinks)
        for finding in [*explicit.values(), *known]:
            campaign.know(finding)
        numbers = [plan for plan in parted if isinstance(plan, int)]
        if self.model.walks and (numbers or known):
            start = numbers[-1] + 1 if numbers else 0
            numbers += range(start, start + _FURTHER)
        drawn, _ = self._considered(campaign, numbers)
        store = Store(self.configuration.findings)
        for finding in [*explicit.values(), *drawn]:
            store.write(finding)
        return StressFailure([*explicit.values(), *known, *drawn], explicit=len(explicit))

    def _considered(
        self, campaign: Campaign, numbers: Sequence[int]
    ) -> tuple[list[Finding], list[Finding]]:
        """Return what plans find that is this oracle's, and the rest; the same whatever was done before."""
        engine = SeededEngine(self.model, _SEED, self.reset_modes)
        own: list[Finding] = []
        others: list[Finding] = []
        for number in numbers:
            with self._patience():
                for finding in campaign.consider(engine.plan(number)):
                    told = finding.divergence.oracle is self.oracle or finding.divergence.oracle not in self.oracles
                    (own if told else others).append(finding)
        return own, others

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Wait less for a device that is known to hang: many plans can."""
        seconds = self._watchdog.seconds
        with self._watchdog.within(min(_HUNG_PATIENCE, seconds) if self._watchdog.hung else seconds):
            yield

    def _campaign(
        self, model: TargetType, oracles: Sequence[Oracle] = (), *, shrinking: bool = False
    ) -> Campaign:
        # where each look takes long, one oracle at a time is looked at
        asked = oracles or (self.oracles if model.walks else [self.oracle])
        bounded: dict[str, Any] = {} if model.walks else {"tries": _TRIES}
        return Campaign(
            model, seed=self.seed, oracles=asked, reset_modes=self.reset_modes,
            watchdog=self._watchdog, shrinking=shrinking, **bounded,
        )  # fmt: skip


def parted_in(error: BaseException) -> list[int | Trace]:
    """Return the plans and traces that an exception is about; empty when it is about none."""
    if isinstance(error, Parted):
        return [error.plan]
    if isinstance(error, BaseExceptionGroup):
        return [plan for inner in error.exceptions for plan in parted_in(inner)]
    return []


def reproducing(error: BaseException) -> list[str]:
    """Return what Hypothesis says of how to bring a failure back, when it is asked to (`print_blob`); what
    else it says of failing examples, the blocks say better."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    notes = [note.strip() for note in getattr(error, "__notes__", ()) if "@reproduce_failure" in note]
    return notes + [note for each in inner for note in reproducing(each)]
