"""A real QEMU's devices, in a worker."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from stressor.loop.finding import Cause, Divergence, FieldChange, Finding, Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode, Step
from stressor.soak.history import JobOutcome
from stressor.soak.job import Job, JobResult, decode_result, encode
from stressor.soak.worker import Worker
from stressor.targets.loader import model_for
from tests.soak.test_executors import children

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs a real QEMU"),
]


def ran(device: str, *, swept: bool) -> JobResult:
    name = f"qemu:{device}"
    job = Job(name, name, 1, 0, 1.0, tuple(Oracle), tuple(ResetMode), 5.0, swept=swept)
    return decode_result(Worker().run(encode(job)))


def test_a_device_is_stressed_and_leaves_no_process() -> None:
    before = set(children())

    result = ran("edu", swept=True)

    assert (result.outcome, result.problem) == (JobOutcome.DONE, "")
    assert result.discoveries
    assert sum(result.cycles.values()) > 0
    assert set(children()) <= before


def test_what_cannot_be_stressed_is_a_fact_in_a_sweep_and_a_fault_where_it_is_named() -> None:
    swept, named = ran("vfio-pci", swept=True), ran("vfio-pci", swept=False)

    assert (swept.outcome, swept.reason, swept.cycles) == (JobOutcome.DONE, "does not start", {})
    assert (named.outcome, named.reason) == (JobOutcome.BROKE, "")
    assert "vfio-pci" in named.problem


def test_a_real_device_loses_a_field_first_and_that_is_noticed() -> None:
    result = ran("vmxnet3", swept=False)

    assert (result.outcome, result.problem) == (JobOutcome.DONE, "")
    assert 0 < result.once < result.overhead


def test_a_loss_on_a_real_device_that_nothing_shows_breaks_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stressor.audit.qemu.edit_of", lambda *loss: lambda devices, places: devices.data)
    monkeypatch.setattr("stressor.soak.worker._CANARY_SECONDS", 60.0)

    result = ran("vmxnet3", swept=False)

    assert result.outcome is JobOutcome.BROKE
    assert "the canary was not noticed" in result.problem


def lost(register: str, *trace: Step) -> Finding:
    """Return the finding that a register of the device edu, which saves nothing, is lost."""
    change = FieldChange(register, 0xFFFFFFFF, 0)
    divergence = Divergence(Oracle.RESUMES_ALIKE, Cause.NEVER_SAVED, change, len(trace) - 1, ResetMode.FRESH)
    return Finding("qemu:edu", "qemu:edu", 1, divergence, trace)


def test_a_finding_behind_a_known_one_replays_as_it_was_found() -> None:
    cycle = Cycle(ResetMode.FRESH)
    command, invert = Operation("qemu.read", ("config", 4, 4)), Operation("qemu.read", ("edu-mmio", 4, 4))
    first = lost("config+0x4", cycle, command)
    behind = lost("edu-mmio+0x4", Operation("qemu.write", ("edu-mmio", 4, 4, 0)), cycle, command, invert)
    job = Job("qemu:edu", "qemu:edu", 1, 0, 1.0, tuple(Oracle), tuple(ResetMode), 5.0)

    with closing(model_for("qemu:edu", Path())) as model:
        alone = Worker()._repeats(behind, [], job, model, Path())
        as_it_was_found = Worker()._repeats(behind, [first], job, model, Path())

    assert (alone, as_it_was_found) == (False, True)
