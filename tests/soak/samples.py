"""Jobs and results, as a worker would have made them, and an executor that answers with them."""

from __future__ import annotations

from stressor.findings.record import record_of
from stressor.loop.finding import Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.history import JobOutcome
from stressor.soak.job import Discovery, Job, JobResult
from tests.findings.samples import FORGOTTEN_FIFO

__all__ = ["FIELDS", "TARGET", "discovery", "job", "result"]

TARGET = FORGOTTEN_FIFO.target
FIELDS = ("serial/0.divisor", "serial/0.ier", "serial/0.lcr")


def job(ordinal: int = 0, target: str = TARGET) -> Job:
    """Return a job on a target."""
    return Job(
        target, f"devices/{target}.py::Device", 7 + ordinal, ordinal, 1.0, tuple(Oracle), tuple(ResetMode), 5.0
    )  # fmt: skip


def result(*discoveries: Discovery, seen: str = "0", cycles: int = 100) -> JobResult:
    """Return what a job came to; `seen` are the bits of `FIELDS`."""
    return JobResult(
        JobOutcome.DONE, inside=1.0, overhead=0.1, cycles={"fresh": cycles}, operations={"read": 10, "write": 0},
        oracles={"load-restores": cycles, "invariants-hold": 0}, fields=FIELDS, seen=seen, discoveries=discoveries,
        worker="here/1", memory=1 << 20,
    )  # fmt: skip


def discovery(finding: Finding = FORGOTTEN_FIFO, *, replays: bool = True) -> Discovery:
    """Return a finding as a job tells it."""
    return Discovery(record_of(finding), "fifo", replays, 5)
