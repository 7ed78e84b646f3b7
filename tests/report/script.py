"""A scripted run, as the engine would yield it."""

from __future__ import annotations

from stressor.loop.events import (
    Event,
    FindingFound,
    Progress,
    RunFinished,
    RunStarted,
    Statistics,
    TargetBroke,
    TargetFinished,
    TargetSkipped,
    TargetStarted,
)
from stressor.loop.finding import Cause, Divergence, FieldChange, Finding, Oracle
from stressor.loop.trace import ResetMode
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT

__all__ = ["BROKEN", "CLEAN", "EMPTY", "FINDINGS", "INTERRUPTED", "MANY", "STARTED"]

STARTED = RunStarted(
    "0.1.0",
    20260914,
    ("uart16550", "timer"),
    tuple(Oracle),
    tuple(ResetMode),
    "options (seed), pyproject.toml (targets, cycles), defaults",
)
_UART = TargetStarted("uart16550", "devices/uart16550.py::UART16550")
_TIMER = TargetStarted("timer", "devices/timer.py::Timer")
_FULL = Statistics(
    cycles={mode.value: 1250 for mode in ResetMode},
    operations={"write fcr": 20_000, "receive": 31_234},
    oracles={oracle.value: 5000 for oracle in Oracle},
    fields=25,
    exercised=25,
    seconds=0.41,
)
_POOR = Statistics(
    cycles={"in-place": 4, "fresh": 3, "poison": 3, "donor": 0},
    operations={"write fcr": 12, "set cts": 0, "set dsr": 0, "receive": 9},
    oracles={"load-restores": 10, "resumes-alike": 10, "save-is-pure": 10, "reset-is-fresh": 10},
    fields=25,
    exercised=16,
    unexercised=tuple(f"serial/0.recv_fifo.data[{index}]" for index in range(9)),
    seconds=0.01,
)
_PROGRESS = Progress("uart16550", 1200, 5000, 12_345, 1, 61.0)

CLEAN: tuple[Event, ...] = (
    STARTED,
    _UART,
    TargetFinished("uart16550", _FULL, 0),
    _TIMER,
    TargetFinished("timer", _FULL, 0),
    RunFinished(10_000, 102_468, (), (), 0.82),
)
FINDINGS: tuple[Event, ...] = (
    STARTED,
    _UART,
    FindingFound(FORGOTTEN_FIFO),
    _PROGRESS,
    FindingFound(LOST_INTERRUPT),
    TargetFinished("uart16550", _POOR, 2),
    RunFinished(10, 21, (FORGOTTEN_FIFO.id, LOST_INTERRUPT.id), (), 0.01),
)
BROKEN: tuple[Event, ...] = (
    STARTED,
    _UART,
    TargetBroke("uart16550", "the process ended\x1b[31m with 1; see its log"),
    TargetFinished("uart16550", _POOR, 0),
    RunFinished(10, 21, (), ("uart16550",), 0.01),
)
INTERRUPTED: tuple[Event, ...] = (
    STARTED,
    _UART,
    TargetFinished("uart16550", _POOR, 0, interrupted=True),
    RunFinished(10, 21, (), (), 75.0, interrupted=True),
)
EMPTY: tuple[Event, ...] = (
    STARTED,
    _UART,
    TargetFinished("uart16550", Statistics(), 0),
    RunFinished(0, 0, (), (), 0.0),
)


_NAMES = (
    *(f"qemu:device-{letter}" for letter in "abcdefghijklm"),
    "qemu:a-device-with-a-long-name-transitional",
)


def _found(target: str, oracle: Oracle, cause: Cause, path: str) -> Finding:
    return Finding(target, target, 1, Divergence(oracle, cause, FieldChange(path, 1, 0), 0), ())


_MANY_FOUND = (
    _found(_NAMES[0], Oracle.LOAD_RESTORES, Cause.NEVER_SAVED, "0000:00:02.0/device-a/0.mask"),
    _found(_NAMES[0], Oracle.LOAD_RESTORES, Cause.REJECTED, "0000:00:02.0/device-a/0.size"),
    _found(_NAMES[1], Oracle.RESUMES_ALIKE, Cause.CRASHED, "write bar+0x4"),
    _found(_NAMES[2], Oracle.RUNS_ALONE, Cause.HUNG, "write bar+0x8"),
    _found(_NAMES[3], Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC, "0000:00:02.0/device-d/0.clock"),
)
MANY: tuple[Event, ...] = (
    RunStarted("0.1.0", 1, _NAMES, tuple(Oracle), tuple(ResetMode), "options (targets)"),
    *(TargetStarted(name, name) for name in _NAMES),
    *(FindingFound(finding) for finding in _MANY_FOUND),
    *(TargetFinished(name, _POOR, 1) for name in _NAMES[:10]),
    TargetSkipped(_NAMES[10], "not migratable", "not migratable: device-k says that it cannot be saved"),
    TargetSkipped(_NAMES[11], "does not start", "qemu-system-x86_64: -device device-l: drive property not set"),
    TargetBroke(_NAMES[12], "no room for its memory; make some"),
    TargetFinished(_NAMES[13], _FULL, 0),
    RunFinished(
        5100, 51_444, tuple(finding.id for finding in _MANY_FOUND), _NAMES[12:13], 61.0, skipped=_NAMES[10:12]
    ),
)
