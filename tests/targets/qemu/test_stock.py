"""Machines that are put back and used again, on a device that neither a reset nor a load puts back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from stressor.loop.cycle import Checks
from stressor.loop.finding import Oracle
from stressor.loop.investigate import investigate
from stressor.loop.target import Target
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.stock import _HOPELESS, Stock
from stressor.targets.qemu.target import QemuTarget

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

LIVENESS = 4
"""A register that answers with the inverse of what was written, and can be written back."""
RAISE, RAISED = 0x60, 0x24
"""Interrupts that were raised: what is written to the first shows in the second, which is read-only."""


def write(offset: int, value: int) -> Operation:
    return Operation("qemu.write", ("edu-mmio", offset, 4, value))


def read(offset: int) -> Operation:
    return Operation("qemu.read", ("edu-mmio", offset, 4))


def pid(target: Target) -> int:
    assert isinstance(target, QemuTarget)
    return target._machine.process.pid


@pytest.fixture(scope="module")
def edu() -> Iterator[QemuModel]:
    model = qemu_model("qemu:edu")
    yield model
    model.close()


@pytest.fixture
def used(edu: QemuModel) -> Iterator[QemuModel]:
    model = edu.reusing()
    yield model
    model.close()


@pytest.fixture
def stained(edu: QemuModel) -> Iterator[QemuModel]:
    line = edu.traffic._commands(read(RAISED))[0]
    model = edu._but(replace(edu, stock=Stock(edu.machines, line, edu._digest)))
    yield model
    model.close()


def use(model: QemuModel, *operations: Operation) -> tuple[int, list[object]]:
    """Open a target and do something with it; return which process it was, and what it answered."""
    target = model.open()
    try:
        return pid(target), target.execute(operations)
    finally:
        target.close()


def stain(model: QemuModel) -> int:
    """Raise an interrupt, which nothing that a stock does takes back; return which process did it."""
    process, answers = use(model, write(RAISE, 1), read(RAISED))
    assert ("line", "edu-mmio+(silent)", 1) in answers
    return process


def test_a_machine_that_can_be_put_back_is_used_again(used: QemuModel) -> None:
    memory = ("qemu.store", (0x1000, b"\1" * 16))
    first, born = use(used, read(LIVENESS))
    driven, _ = use(used, write(LIVENESS, 0x1234), Operation(*memory))
    again, answered = use(used, read(LIVENESS))
    target = used.open()
    assert isinstance(target, QemuTarget)
    guest = target._machine.process.run(["read 0x1000 16"])
    target.close()

    assert first == driven == again
    assert answered == born
    assert guest == ["0x" + "00" * 16]


def test_a_machine_that_cannot_be_put_back_is_ended(stained: QemuModel) -> None:
    first, born = use(stained, read(RAISED))
    driven = stain(stained)
    another, answered = use(stained, read(RAISED))

    assert first == driven != another
    assert answered == born


def test_when_none_can_be_put_back_there_are_only_new_ones(stained: QemuModel) -> None:
    for _ in range(_HOPELESS):
        stain(stained)

    assert use(stained, read(LIVENESS))[0] != use(stained, read(LIVENESS))[0]


@pytest.mark.parametrize("mode", [ResetMode.FRESH, ResetMode.DONOR])
def test_a_trace_parts_on_used_machines_as_it_does_on_new_ones(
    edu: QemuModel, used: QemuModel, mode: ResetMode
) -> None:
    trace: Trace = (write(LIVENESS, 1), Cycle(mode, (write(LIVENESS, 2),) * (mode is ResetMode.DONOR)), read(LIVENESS))
    on_new, on_used, on_used_again = (
        [found.fingerprint(model.name) for found in investigate(model, trace, Checks(list(Oracle)), Watchdog(30.0))]
        for model in (edu, used, used)
    )

    assert on_new
    assert on_new == on_used == on_used_again
