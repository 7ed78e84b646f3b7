"""Which clock a machine can have, found out by trying."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from stressor.errors import StreamError, StressorError
from stressor.targets.qemu.binary import QemuBinary
from stressor.targets.qemu.clock import SHIFT, Clock, ClockLost, Countdown, QtestClock
from stressor.targets.qemu.firmware import firmware_for
from stressor.targets.qemu.machine import Machine, SaveRefused
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.regions import memory_in
from stressor.targets.qemu.specification import QemuSpecification

__all__ = ["clock_for", "clock_to_try", "virtual_time"]

_CONFLICTING: Final = ("-accel", "-icount", "-gdb", "-s")
_TRIED: Final = (4096, 262_144)


def clock_for(
    specification: QemuSpecification, binary: QemuBinary, arguments: Sequence[str], memory: str
) -> Clock | str:
    """Return the clock of a machine, or why there is none (nothing, when none is wanted).

    A load must not take it away. What a load does beside that is not looked at here: whether a machine
    refuses its own state, or ends of it, is for the loop to find.
    """
    clock = clock_to_try(specification, binary)
    if not isinstance(clock, Countdown):
        return clock
    process = QemuProcess(binary, arguments, memory=memory, clock=clock)
    try:
        return _settled(Machine(process.connect()))
    except (QemuDied, QemuHung, SaveRefused, StressorError) as error:
        return f"{error}".partition("; command: ")[0]
    finally:
        process.close()


def clock_to_try(specification: QemuSpecification, binary: QemuBinary) -> Clock | str:
    """Return the clock to start a machine with, or why there is none."""
    if not specification.time:
        return ""
    for word in specification.arguments:
        if word in _CONFLICTING:
            return f"{word} is given to QEMU, and the clock needs its own"
    return QtestClock() if binary.qtest_clock else Countdown()


def _settled(machine: Machine) -> Clock | str:
    process = machine.process
    found = firmware_for(process.registers, memory_in(process.human("info mtree -f")))
    if isinstance(found, str):
        return found
    process.clock = settled = Countdown(found)
    wrong = _wrong(machine)
    if wrong:
        return wrong
    with suppress(StreamError, QemuDied, QemuHung):
        before = virtual_time(machine)
        machine.load(machine.save())
        process.resume()
        passed = virtual_time(machine) - before
        wrong = f"a load lets {passed} ns pass" if passed else _wrong(machine)
    return wrong or settled


def _wrong(machine: Machine) -> str:
    """Let time pass, and return what is wrong with it; nothing when it is exact."""
    time = virtual_time(machine)
    for nanoseconds in _TRIED:
        try:
            time += machine.step(nanoseconds)
        except ClockLost as error:
            return str(error)
        now = virtual_time(machine)
        if now != time:
            return f"the clock showed {now} ns where it should show {time} ns"
    return ""


def virtual_time(machine: Machine) -> int:
    """Return what the machine's virtual clock shows, in ns; exact where instructions are counted."""
    fields = {field.path: field.value for field in machine.section("timer/0").fields()}
    counted = {path.rpartition(".")[2]: value for path, value in fields.items()}
    bias, count = counted.get("qemu_icount_bias", 0), counted.get("qemu_icount", 0)
    assert isinstance(bias, int)
    assert isinstance(count, int)
    return bias + (count << SHIFT)
