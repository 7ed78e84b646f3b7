"""Planted bugs: saving and loading that does what it must not do, and devices that break by themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import stressor.vmstate as vm
from devices.uart16550 import (
    CLEAR_RECEIVE_FIFO,
    DATA_READY,
    DIVISOR_LATCH_ACCESS,
    FIFO_ENABLE,
    UART16550,
)
from stressor.loop.finding import Cause, Oracle
from tests.museum.bug import PlantedBug, altered

__all__ = [
    "ClearsFifoButNotItsStatus",
    "CrashesOnEmptyFifo",
    "CrashesOnHighestTrigger",
    "HidesReservedBits",
    "LoadsBeforeChecking",
    "PowersUpAtRandom",
    "PulsesInterruptOnLoad",
    "RefusesFilledFifo",
    "SavingDrainsReceiver",
    "WaitsForTransmitter",
]


class SavingDrainsReceiver(PlantedBug):
    """Saving takes the received bytes out of their queue. crosvm's two-step snapshot did such a thing."""

    expected_oracles = {Oracle.SAVE_IS_PURE}
    expected_cause = Cause.CHANGED_BY_SAVING
    expected_field = "serial/0.recv_fifo.num"
    state = altered(pre_save=lambda uart: uart.receive_fifo.clear())


class PulsesInterruptOnLoad(PlantedBug):
    """Loading drops the interrupt line and raises it again: a second edge for one event."""

    expected_oracles = {Oracle.LOAD_IS_SILENT}
    expected_cause = Cause.OUTPUT_ONLY
    expected_field = "serial/0.irq"

    def _loaded(self) -> None:
        self.irq.set(0)
        super()._loaded()


class RefusesFilledFifo(PlantedBug):
    """The check at load takes the trigger level for the most that the receive FIFO can hold."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.REJECTED
    expected_field = "serial/0"

    def _loaded(self) -> None:
        super()._loaded()
        if self.receive_fifo.count > self.trigger_level:
            raise ValueError(f"{self.receive_fifo.count} bytes in the receive FIFO")


class CrashesOnHighestTrigger(PlantedBug):
    """`post_load` looks the trigger level up in a table that is one entry short."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.CRASHED
    expected_field = "serial/0.load"

    def _loaded(self) -> None:
        super()._loaded()
        self.trigger_level = (1, 4, 8)[self.fifo_control >> 6]


class CrashesOnEmptyFifo(PlantedBug):
    """Reading an empty FIFO raises: nothing but register traffic is needed."""

    expected_oracles = {Oracle.RUNS_ALONE}
    expected_cause = Cause.CRASHED
    expected_field = "serial/0.read rbr/thr/dll"

    def _take_received(self) -> int:
        if self.fifo_control & FIFO_ENABLE and not self.receive_fifo.count:
            raise IndexError("pop from an empty FIFO")
        return super()._take_received()


class WaitsForTransmitter(PlantedBug):
    """Reading the line status waits for the transmitter, with a clock that stands still meanwhile."""

    expected_oracles = {Oracle.RUNS_ALONE}
    expected_cause = Cause.HUNG
    expected_field = "serial/0.read lsr"

    def _read(self, offset: int, width: int) -> int:
        while offset == 5 and self.transmitting:
            self.timeout_timer.cancel()
        return super()._read(offset, width)


class PowersUpAtRandom(PlantedBug):
    """The scratch register is not initialised. FoundationDB: nondeterminism is nearly always that."""

    expected_oracles = {Oracle.RUNS_ALONE}
    expected_cause = Cause.NONDETERMINISTIC
    expected_field = "serial/0.scr"

    def reset(self) -> None:
        super().reset()
        self.scratch = os.urandom(1)[0]


class ClearsFifoButNotItsStatus(PlantedBug):
    """Clearing the receive FIFO leaves "data ready" set, which the description forbids."""

    expected_oracles = {Oracle.INVARIANTS_HOLD}
    expected_cause = Cause.BROKE_INVARIANT
    expected_field = "serial/0.DR is set exactly when the receive FIFO in use holds something"
    state = altered(
        validate=[
            *UART16550.state.validate,
            vm.Validate(
                "DR is set exactly when the receive FIFO in use holds something",
                lambda uart: (uart.line_status & DATA_READY != 0) == (uart.receive_fifo.count > 0)
                or not uart.fifo_control & FIFO_ENABLE,
            ),
        ]
    )

    def _control_fifos(self, value: int) -> None:
        ready = self.line_status & DATA_READY
        super()._control_fifos(value)
        if value & CLEAR_RECEIVE_FIFO:
            self.line_status |= ready


class _HastyDescription(vm.Description):
    def load(self, obj: Any, data: bytes, version: int | None = None) -> None:
        obj.scratch = data[9]  # "the fixed part is always there"
        super().load(obj, data, version)


class LoadsBeforeChecking(PlantedBug):
    """Assigns the first fields before it has looked at the last: a refused stream changes the device."""

    expected_oracles = {Oracle.REFUSES_DAMAGE}
    expected_cause = Cause.ACCEPTED_DAMAGE
    expected_field = "serial/0.scr"
    state = altered(kind=_HastyDescription)


class HidesReservedBits(PlantedBug):
    """Reserved bits read back as written, from where no attribute shows them: a closure.

    virtualjaguar issue 400: the state identical, the picture not.
    """

    expected_oracles = {Oracle.RESUMES_ALIKE}
    expected_cause = Cause.OUTPUT_ONLY
    expected_field = "serial/0.read ier/dlm"

    def __init__(self) -> None:
        self._remember, self._recall = _hidden_byte()
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self._remember(0)

    def _write(self, offset: int, width: int, value: int) -> None:
        if offset == 1 and not self.line_control & DIVISOR_LATCH_ACCESS:
            self._remember(value & 0xF0)
        super()._write(offset, width, value)

    def _read(self, offset: int, width: int) -> int:
        value = super()._read(offset, width)
        if offset == 1 and not self.line_control & DIVISOR_LATCH_ACCESS:
            value |= self._recall()
        return value


def _hidden_byte() -> tuple[Callable[[int], None], Callable[[], int]]:
    """Return functions that store and fetch a byte."""
    hidden = 0

    def remember(byte: int) -> None:
        nonlocal hidden
        hidden = byte

    def recall() -> int:
        return hidden

    return remember, recall
