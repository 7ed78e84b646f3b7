"""The fixture `stress`: stress tests by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pytest

from stressor.device import Device
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.loop.trace import Step
from stressor.loop.watchdog import Watchdog
from stressor.plugin.explicit import findings_of
from stressor.plugin.settings import configuration, seed_of
from stressor.report.block import failure_block
from stressor.search.campaign import Campaign
from stressor.targets.loader import model_for

__all__ = ["Report", "Stress"]


@dataclass(frozen=True)
class Report:
    """What came of a stress test; as text it is the blocks of its findings."""

    model: TargetType = field(repr=False)
    findings: tuple[Finding, ...]
    cycles: int

    @property
    def clean(self) -> bool:
        """Whether nothing diverged."""
        return not self.findings

    def __str__(self) -> str:
        blocks = (failure_block(finding, self.model.operations) for finding in self.findings)
        return "\n".join(blocks) or f"clean: {self.model.name}, {self.cycles:,} cycles"


class Stress:
    """Stresses devices when it is called. What diverged is shown with the test when that fails."""

    def __init__(self, item: pytest.Item) -> None:
        self._item: Final = item
        self._config: Final = item.config

    def __call__(
        self,
        target: object,
        *,
        trace: Sequence[Step] | None = None,
        cycles: int = 1000,
        oracles: Sequence[Oracle | str] = tuple(Oracle),
    ) -> Report:
        """Return a report on a campaign of so many cycles, or on one `trace` of operations and cycles.

        `target` is what `stress_test` takes. An instance stands for its class: each cycle needs new ones.
        Raises UsageError and TargetError.
        """
        model = model_for(_class_of(target), self._config.invocation_params.dir)
        chosen = [Oracle(oracle) for oracle in oracles]
        watchdog = Watchdog(configuration(self._config).batch_timeout)
        try:
            if trace is not None:
                report = self._on_trace(model, tuple(trace), chosen, watchdog)
            else:
                report = self._campaign(model, cycles, chosen, watchdog)
        finally:
            model.close()
        if not report.clean:
            self._item.add_report_section("call", "stressor", str(report))
        return report

    def _campaign(
        self, model: TargetType, cycles: int, oracles: list[Oracle], watchdog: Watchdog
    ) -> Report:
        campaign = Campaign(
            model, seed=seed_of(self._config) or 0, oracles=oracles,
            reset_modes=model.reset_modes, watchdog=watchdog,
        )  # fmt: skip
        found = tuple(finding for finding in campaign.run(cycles) if finding is not None)
        return Report(model, found, campaign.cycles)

    def _on_trace(
        self, model: TargetType, trace: tuple[Step, ...], oracles: list[Oracle], watchdog: Watchdog
    ) -> Report:
        findings = findings_of(model, trace, oracles, watchdog)
        return Report(model, tuple(findings), sum(not isinstance(step, tuple) for step in trace))


def _class_of(target: object) -> object:
    return type(target) if isinstance(target, Device) else target
