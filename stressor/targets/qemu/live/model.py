"""A running guest as something that can be stressed; nothing is started before a campaign runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from stressor.loop.finding import Divergence, Finding, Oracle
from stressor.loop.operations import OperationType
from stressor.loop.trace import ResetMode
from stressor.targets.qemu.live.campaign import LiveCampaign
from stressor.targets.qemu.live.guest import guest_binary
from stressor.targets.qemu.live.machine import LiveMachine
from stressor.targets.qemu.live.specification import OPERATIONS, parse_live

__all__ = ["LiveModel"]

_AGAIN: Final = 20
"""A replay goes on for at least so many cycles."""


class LiveModel:
    """What `qemu:live,...` specifies; runs campaigns and replays of its own (`RunsItself`).

    `machine` is what saves and loads. Raises UsageError.
    """

    def __init__(self, text: str, machine: type[LiveMachine] = LiveMachine) -> None:
        self._parsed: Final = parse_live(text)
        self._machine: Final = machine
        guest_binary(self._parsed)  # what is missing is told before anything runs
        self._campaign: LiveCampaign | None = None

    @property
    def name(self) -> str:
        return self._parsed.name

    @property
    def specification(self) -> str:
        return self._parsed.text

    @property
    def operations(self) -> tuple[OperationType, ...]:
        return OPERATIONS

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        return (ResetMode.IN_PLACE,)

    def campaign(self, *, seed: int, oracles: Collection[Oracle]) -> LiveCampaign:
        """Return a new campaign; `close` ends the last one."""
        self.close()
        self._campaign = LiveCampaign(
            self._parsed, seed=seed, oracles=oracles, machine=self._machine
        )
        return self._campaign

    def replay(self, finding: Finding) -> Divergence | None:
        """Run the same once more, for as many cycles as it took to find it, and at least a few.

        Return what diverges alike, else the first other thing that does, else None.
        """
        campaign = self.campaign(seed=finding.seed, oracles=list(Oracle))
        other: Divergence | None = None
        try:
            for found in campaign.run(max(finding.cycle, _AGAIN)):
                if found is not None and found.id == finding.id:
                    return found.divergence
                if found is not None and other is None:
                    other = found.divergence
        finally:
            self.close()
        return other

    def close(self) -> None:
        """End what runs."""
        if self._campaign is not None:
            self._campaign.close()
