"""The interface to what runs by itself, and so is not driven by operations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol, runtime_checkable

from stressor.loop.events import Statistics
from stressor.loop.finding import Divergence, Finding, Oracle
from stressor.loop.operations import OperationType
from stressor.loop.trace import ResetMode

__all__ = ["OwnCampaign", "RunsItself"]


class OwnCampaign(Protocol):
    """A bounded run of cycles."""

    @property
    def cycles(self) -> int:
        """Cycles so far."""

    @property
    def operations(self) -> int:
        """Operations so far."""

    @property
    def statistics(self) -> Statistics:
        """What was done so far, and what was not."""

    def run(self, cycles: int | None) -> Iterator[Finding | None]:
        """Do so many cycles, or go on for ever; yield findings, and None whenever it can be ended."""


@runtime_checkable
class RunsItself(Protocol):
    """What makes campaigns of its own, where a `TargetType` is opened and driven."""

    @property
    def name(self) -> str:
        """Stable and unique in a run."""

    @property
    def specification(self) -> str:
        """What the command line takes to reach it."""

    @property
    def operations(self) -> tuple[OperationType, ...]:
        """What names the steps of its traces."""

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        """The reset modes that it can do."""

    def campaign(self, *, seed: int, oracles: Collection[Oracle]) -> OwnCampaign:
        """Return a new campaign; `close` ends it."""

    def replay(self, finding: Finding) -> Divergence | None:
        """Run the same again; return the divergence of the same fingerprint, else another, else None."""

    def close(self) -> None:
        """End what runs."""
