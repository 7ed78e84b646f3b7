"""Findings in projects, without a search for them."""

from __future__ import annotations

import pytest

from stressor.findings.store import Store
from stressor.loop.cycle import Checks
from stressor.loop.finding import Finding, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.loader import model_for

__all__ = ["store_finding"]


def store_finding(project: pytest.Pytester, file: str, oracle: str, written: int) -> Finding:
    """Write a value to the device's first register, run a cycle, and store what diverges."""
    model = model_for(file, project.path)
    trace = (Operation("io.write", (0, 1, written)), Cycle(ResetMode.FRESH))
    (divergence,) = investigate(model, trace, Checks([Oracle(oracle)]), Watchdog(5.0))
    finding = Finding(model.name, model.specification, 0, divergence, trace)
    Store(project.path / ".stressor" / "findings").write(finding)
    return finding
