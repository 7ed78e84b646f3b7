"""One campaign on a target that has lost something: whether it notices, and what it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.vmstate.live import without_indexes

__all__ = ["Hunt", "Hunter", "names"]


@dataclass(frozen=True, slots=True)
class Hunt:
    """What came of it: the first finding that was not known, if any, and the cycles until then, or in all."""

    finding: Finding | None
    cycles: int


@dataclass(frozen=True, slots=True)
class Hunter:
    """How the campaigns of an audit run: all alike, so that what they find is due to the loss alone.

    `patience` is in seconds: how long one batch of operations may take.
    """

    seed: int
    cycles: int
    oracles: Sequence[Oracle] = tuple(Oracle)
    reset_modes: Sequence[ResetMode] = tuple(ResetMode)
    patience: float = 5.0
    stop: Callable[[], bool] = lambda: False
    steered: bool = True

    def all(self, target_type: TargetType) -> list[Finding]:
        """Return everything that a whole campaign finds."""
        return [found for found, _ in self._run(target_type, ()) if found is not None]

    def first(
        self,
        target_type: TargetType,
        known: Collection[Finding] = (),
        *,
        share: float = 1,
        passed_over: Callable[[Finding], bool] = lambda finding: False,
    ) -> Hunt:
        """Return the first finding that is neither `known` nor `passed_over`, within a share of the cycles."""
        cycles = 0
        for found, cycles in self._run(target_type, known, share):
            if found is not None and not passed_over(found):
                return Hunt(found, cycles)
        return Hunt(None, cycles)

    def repeats(self, target_type: TargetType, finding: Finding, known: Collection[Finding]) -> bool:
        """Return whether a target has a finding that another one led to: whether its trace shows the same, once what
        is `known` of it is passed over."""
        return self._campaign(target_type, known).repeats(finding)

    def _run(
        self, target_type: TargetType, known: Collection[Finding], share: float = 1
    ) -> Iterator[tuple[Finding | None, int]]:
        campaign = self._campaign(target_type, known)
        for found in campaign.run(max(1, round(self.cycles * share))):
            yield found, campaign.cycles
            if self.stop():
                return

    def _campaign(self, target_type: TargetType, known: Collection[Finding]) -> Campaign:
        campaign = Campaign(
            target_type, seed=self.seed, oracles=self.oracles,
            reset_modes=[mode for mode in self.reset_modes if mode in target_type.reset_modes],
            watchdog=Watchdog(self.patience), shrinking=False, steered=self.steered, brief=True,
        )  # fmt: skip
        for finding in known:
            campaign.know(finding)
        return campaign


def names(finding: Finding, right: Collection[str]) -> bool:
    """Return whether a finding names one of these (indexes as `[]`) first."""
    return without_indexes(finding.divergence.first.path) in right
