"""How virtual time passes while nothing else does: by qtest where it can, else by a processor that
counts down."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from stressor.targets.qemu.firmware import LOOP, Firmware
from stressor.targets.qemu.gdb import Gdb, GdbSilent
from stressor.targets.qemu.qtest import Qtest

__all__ = ["DURATIONS", "SHIFT", "Clock", "ClockLost", "Countdown", "QtestClock"]

DURATIONS: Final = tuple(4096 << 2 * power for power in range(7))
"""What traffic lets pass, in ns: 4 us, then four times as much each, up to 17 ms; every clock can."""

SHIFT: Final = 8
"""An instruction takes 256 ns."""

_RATE: Final = 50e6
"""Instructions that are counted in a second, about; so long is waited before it is looked."""

_SPARE: Final = 0.0002
_AGAIN: Final = 0.001


class ClockLost(Exception):
    """The processor does something else than count, so that nobody knows what time it is."""


class Clock(Protocol):
    """What lets time pass on a stopped machine."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What QEMU has to be started with."""

    @property
    def drives_processor(self) -> bool:
        """Whether it needs the gdb stub."""

    @property
    def travels(self) -> bool:
        """Whether what is saved of the machine says what time it is."""

    def advance(self, qtest: Qtest, gdb: Gdb | None, nanoseconds: int) -> int:
        """Let time pass, at least as much as asked for; return how much. Timers that are due by
        then have fired. Raises QtestError, GdbError, ClockLost."""


@dataclass(frozen=True)
class QtestClock:
    """The accelerator `qtest`, whose clock stands still but for `clock_step`: to the nanosecond."""

    @property
    def arguments(self) -> tuple[str, ...]:
        return "-accel", "qtest"

    @property
    def drives_processor(self) -> bool:
        return False

    @property
    def travels(self) -> bool:
        return False

    def advance(self, qtest: Qtest, gdb: Gdb | None, nanoseconds: int) -> int:
        qtest.run([f"clock_step {nanoseconds}"])
        return nanoseconds


@dataclass(frozen=True)
class Countdown:
    """A processor that executes `firmware`, 256 ns an instruction: rounds of 512 ns.

    Timers fire when the instruction during which they are due has ended, at the same virtual time
    in every process. Nothing is loaded or reset for it. Without firmware it is good for nothing but
    its arguments.
    """

    firmware: Firmware | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        # without `sleep=off`, the time that starting and stopping takes is added to the clock
        return "-accel", "tcg", "-icount", f"shift={SHIFT},sleep=off"

    @property
    def drives_processor(self) -> bool:
        return True

    @property
    def travels(self) -> bool:
        return True

    def advance(self, qtest: Qtest, gdb: Gdb | None, nanoseconds: int) -> int:
        firmware = self.firmware
        assert gdb is not None
        assert firmware is not None
        rounds = max(1, (-(-nanoseconds >> SHIFT) - firmware.overhead + LOOP - 1) // LOOP)
        instructions = firmware.overhead + LOOP * rounds
        qtest.run(
            [f"write {address:#x} {len(data)} 0x{data.hex()}" for address, data in firmware.memory]
        )
        gdb.start({firmware.counter: rounds, **firmware.registers})
        _wait(gdb, firmware, instructions / _RATE)
        return instructions << SHIFT


def _wait(gdb: Gdb, firmware: Firmware, seconds: float) -> None:
    """Let the machine run until the processor waits, and stop it. Raises GdbError, ClockLost."""
    limit = monotonic() + 100 * seconds + gdb.seconds
    wait = seconds + _SPARE
    while True:
        gdb.stop(wait)
        place, left = gdb.exchange((firmware.program_counter, firmware.counter), firmware.afterwards)
        if place == firmware.waiting and not left:
            return
        if place == firmware.waiting or (place not in firmware.place and place != firmware.passed):
            raise ClockLost(f"the processor was taken away from the clock's countdown, to {place:#x}")
        if monotonic() > limit:
            raise GdbSilent(f"the countdown did not end within {gdb.seconds:g} s")
        gdb.resume()
        wait = _AGAIN
