"""One oracle on one device, explored by Hypothesis; what it finds is looked into, shrunk and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stressor.config import Configuration
from stressor.findings.store import Store
from stressor.loop.events import Statistics
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.search.hypothesis_engine import exploring
from stressor.search.seeded import SeededEngine
from stressor.search.seeds import derived

__all__ = ["Exploration", "StressFailure", "numbers_in"]

_PLANS: Final = 1 << 16
"""Plans that there are for a device; Hypothesis chooses among them."""

_FURTHER: Final = 8
"""Plans that are run behind the failing one, for what that one hides; none where one takes seconds."""

_TRIES: Final = 48
"""Tries to shrink a trace where each can take a new process; `stressor run` has more patience."""

_SEED: Final = 0  # of the plans: that of Hypothesis chooses among them


class StressFailure(AssertionError):
    """What pytest shows as a failed stress test."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(", ".join(finding.id for finding in findings))
        self.findings: Final = findings
        self.raised: Final[dict[str, BaseException | None]] = {}
        """What the device raised, by the id of the finding that is about it."""


class _Parted(Exception):
    """A plan parted: its number."""


@dataclass
class Exploration:
    """Explores one oracle on one device, in those of `reset_modes` that it can do."""

    model: TargetType
    oracle: Oracle
    reset_modes: tuple[ResetMode, ...]
    configuration: Configuration

    def __post_init__(self) -> None:
        self.reset_modes = tuple(
            mode for mode in self.reset_modes if mode in self.model.reset_modes
        )
        self._engine: SeededEngine | None = None
        self._quick: Campaign | None = None
        self._parted: int | None = None
        self._drawn: set[int] = set()

    def test(
        self, settings: object, plans: int | None, seed: int | None, carried: Mapping[str, object]
    ) -> Callable[[], None]:
        """Return a Hypothesis test whose failure has `numbers_in` it.

        `plans` stands in for `max_examples` where no `settings` are given; without a `seed`
        Hypothesis goes by its own.
        """
        own = None if seed is None else derived(seed, self.model.name, self.oracle.value)
        return exploring(
            f"{self.model.name}::{self.oracle}", self._check, numbers=_PLANS,
            given_settings=settings, examples=plans, given_seed=own, carried=carried,
        )  # fmt: skip

    def prepare(self, tries: TargetType) -> None:
        """Make what each check needs; Hypothesis does not like that to be done within its tests.

        `tries` are the same devices, for looks that are confirmed on those of the model.
        """
        self._engine = SeededEngine(self.model, _SEED, self.reset_modes)
        self._engine.plan(0)
        self._quick = self._campaign(tries)

    @property
    def statistics(self) -> Statistics:
        """What was done so far, searches for what is behind a suspicion left out."""
        return Statistics() if self._quick is None else self._quick.statistics

    def _check(self, number: int) -> None:
        assert self._engine is not None
        assert self._quick is not None
        if self._parted is not None and not self.model.walks:
            # each further plan takes seconds, and a plan with a smaller number is no simpler one
            if number == self._parted:
                raise _Parted(number)
            return
        plan = self._engine.plan(number)
        self._drawn.update(kind for kind, times in enumerate(plan.drawn) if times)
        if self._quick.parts(plan) and self._considered([number]):
            self._parted = number
            raise _Parted(number)

    def unused(self) -> tuple[list[str], list[str]]:
        """Return the fields that never left their reset value at a save point, and the operations that
        were never drawn. Nothing before `prepare`."""
        if self._quick is None:
            return [], []
        never = [
            kind.label for at, kind in enumerate(self.model.operations) if at not in self._drawn
        ]
        return list(self._quick.statistics.unexercised), never

    def findings(self, numbers: Sequence[int]) -> list[Finding]:
        """Return what plans, and some behind them, find, shrunk and stored."""
        further = _FURTHER if self.model.walks else 0
        behind = [numbers[-1] + each for each in range(1, further + 1)]
        found = self._considered([*numbers, *behind], shrinking=True)
        store = Store(self.configuration.findings)
        for finding in found:
            store.write(finding)
        return found

    def _considered(self, numbers: Sequence[int], *, shrinking: bool = False) -> list[Finding]:
        """Return what plans find; the same whatever was done before."""
        campaign = self._campaign(self.model, shrinking=shrinking)
        engine = SeededEngine(self.model, _SEED, self.reset_modes)
        return [finding for number in numbers for finding in campaign.consider(engine.plan(number))]

    def _campaign(self, model: TargetType, *, shrinking: bool = False) -> Campaign:
        bounded: dict[str, Any] = {} if model.walks else {"tries": _TRIES}
        return Campaign(
            model, seed=_SEED, oracles=[self.oracle], reset_modes=self.reset_modes,
            watchdog=Watchdog(self.configuration.batch_timeout), shrinking=shrinking, **bounded,
        )  # fmt: skip


def numbers_in(error: BaseException) -> list[int]:
    """Return the numbers of the plans that an exception is about; empty when it is about none."""
    if isinstance(error, _Parted):
        return [int(error.args[0])]
    if isinstance(error, BaseExceptionGroup):
        return [number for inner in error.exceptions for number in numbers_in(inner)]
    return []
