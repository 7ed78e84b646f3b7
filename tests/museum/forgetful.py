"""Planted bugs: state that is lost on its way through save, reset and load."""

from __future__ import annotations

import stressor.vmstate as vm
from devices.uart16550 import FIFO_ENABLE, FIFOS_ENABLED, NO_INTERRUPT, UART16550
from stressor.loop.finding import Cause, Oracle
from tests.museum.bug import PlantedBug, altered

__all__ = [
    "CachesInterruptLevel",
    "DropsScratch",
    "FlushesFifosOnLoad",
    "ForgetsFifos",
    "ForgetsTimeoutTimer",
    "ForgetsTransmitterEmpty",
    "KeepsCharacterTime",
    "NarrowsLineControl",
    "ResetKeepsTimeout",
    "UntimedTransmitter",
]


class ForgetsFifos(PlantedBug):
    """The saved state has no FIFOs. An old QEMU 16550 saved ten fields and nothing else."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.NEVER_SAVED
    expected_field = "serial/0.receive_fifo.count"
    # without the transmit FIFO the invariant about it could not hold
    state = altered(without=("recv_fifo", "xmit_fifo"), validate=UART16550.state.validate[:1])


class ForgetsTransmitterEmpty(PlantedBug):
    """A "transmitter empty" interrupt that waits behind another one is lost. The same old QEMU."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.NEVER_SAVED
    expected_field = "serial/0.transmitter_empty_pending"
    state = altered(without=("thr_ipending",))


class ForgetsTimeoutTimer(PlantedBug):
    """The pending character timeout is not saved: the last bytes of a burst are never announced.

    Simics' checklist says "pending events are state"; the same old QEMU had no timer either.
    """

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.NEVER_SAVED
    expected_field = "serial/0.timeout_timer"
    state = altered(without=("fifo_timeout_timer",))


class UntimedTransmitter(PlantedBug):
    """A snapshot taken during a transmission never finishes it.

    fcvm 708: 26 of 26 restores of one snapshot dead, 199 of 199 of others fine.
    """

    expected_oracles = {Oracle.RESUMES_ALIKE, Oracle.LOAD_RESTORES}
    expected_cause = Cause.NEVER_SAVED
    expected_field = "serial/0.transmit_timer"
    state = altered(without=("poll",))

    def _loaded(self) -> None:
        super()._loaded()
        self.transmit_timer.cancel()


class FlushesFifosOnLoad(PlantedBug):
    """`post_load` writes FCR through the register, and so flushes the FIFOs just loaded.

    An old QEMU 16550 did that.
    """

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.NOT_LOADED
    expected_field = "serial/0.recv_fifo.num"

    def _loaded(self) -> None:
        value = self.fifo_control
        self.fifo_control = 0
        self._control_fifos(value)
        super()._loaded()


class DropsScratch(PlantedBug):
    """A field behind accessors whose setter drops the value. prosystem PR 79: saved, loaded nowhere."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.NOT_LOADED
    expected_field = "serial/0.scr"
    state = altered(
        fields=[
            vm.u8(
                "scr",
                attribute="scratch",
                read=lambda uart: uart.scratch,
                write=lambda uart, value: None,
            )
        ]
    )


class NarrowsLineControl(PlantedBug):
    """The line control register travels through an accessor that forgets its top bit, DLAB."""

    expected_oracles = {Oracle.LOAD_RESTORES}
    expected_cause = Cause.TRUNCATED
    expected_field = "serial/0.lcr"
    state = altered(
        fields=[
            vm.u8(
                "lcr",
                attribute="line_control",
                read=lambda uart: uart.line_control & 0x7F,
                write=lambda uart, value: setattr(uart, "line_control", value),
            )
        ]
    )


class ResetKeepsTimeout(PlantedBug):
    """Reset forgets a pending character timeout, so that an in-place load looks right.

    virtualjaguar had such fields, and QEMU's notes on fuzzing warn of them.
    """

    expected_oracles = {Oracle.RESET_IS_FRESH, Oracle.LOAD_RESTORES}
    expected_cause = Cause.NOT_CLEARED
    expected_field = "serial/0.timeout_ipending"

    def reset(self) -> None:
        pending = getattr(self, "timeout_pending", 0)
        super().reset()
        self.timeout_pending = pending


class CachesInterruptLevel(PlantedBug):
    """Remembers the level of its interrupt line, and does not work it out again after a load.

    So the line stays up for ever, or never rises: the class of vm-superio PR 135 and of
    Firecracker PRs 2879, 5730, 5764.
    """

    expected_oracles = {Oracle.RESUMES_ALIKE}
    expected_cause = Cause.NOT_REBUILT
    expected_field = "serial/0.irq_level"
    state = altered(unsaved={"irq_level": "follows the line, which post_load drives"})

    def __init__(self) -> None:
        self.irq_level = 0
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self.irq_level = 0
        self.irq.set(0)

    def _update_interrupt(self) -> None:
        source = self._pending_interrupt() if self.interrupt_enable else NO_INTERRUPT
        fifos = FIFOS_ENABLED if self.fifo_control & FIFO_ENABLE else 0
        self.interrupt_identification = source | fifos
        level = int(source != NO_INTERRUPT)
        if level != self.irq_level:
            self.irq_level = level
            self.irq.set(level)

    def _loaded(self) -> None:
        stale = self.irq_level
        super()._loaded()
        self.irq_level = stale


class KeepsCharacterTime(PlantedBug):
    """A value worked out from registers is not worked out again after a load.

    Simics' rule: "internal caches have to be cleared".
    """

    expected_oracles = {Oracle.RESUMES_ALIKE}
    expected_cause = Cause.NOT_REBUILT
    expected_field = "serial/0.character_time"

    def _loaded(self) -> None:
        stale = self.character_time
        super()._loaded()
        self.character_time = stale
