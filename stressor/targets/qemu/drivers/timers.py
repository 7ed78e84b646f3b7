"""Timers: set up, left alone for a while, looked at, acknowledged and stopped.

What a counter shows depends on when it was started, and what it will do on a deadline: both have to
travel. Sources: ARM DDI 0271D, Dual-Timer Module (SP804), chapter 3; ARM DDI 0479B, Cortex-M System Design
Kit, section 4.4; ARM DDI 0407G, Cortex-A9 MPCore, section 4.2; Broadcom BCM2835 ARM Peripherals, section 12;
ASPEED AST2400 and AST2500 datasheets, chapter "Timer Controller"; Freescale IMX6DQRM, chapters 24 (EPIT) and
30 (GPT); Nuvoton NPCM750 datasheet, chapter "Timers"; IA-PC HPET specification 1.0a, section 2.3; ARM DDI
0224C, PrimeCell Real Time Clock (PL031), chapter 3.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = [
    "AspeedTimer", "Bcm2835SystemTimer", "CmsdkDualTimer", "Hpet", "ImxEpit", "ImxGpt", "MpTimer", "NpcmTimer",
    "Pl031", "Sp804", "Timer",
]  # fmt: skip

_TICKS = st.sampled_from([1, 100, 1000, 20_000, 1_000_000, 0xFFFF_FFFF])
_WAIT = st.sampled_from([0, 4096, 50_000, 700_000, 9_000_000])
_CHANNEL = st.integers(0, 7)
_SECOND = 1_100_000_000


class Timer(Driver):
    """A few channels that count; a kind of timer says how one is programmed and quietened."""

    channels: ClassVar[int] = 1
    state: ClassVar[tuple[int, ...]] = ()
    """What is shown after each transaction: counters, status and what was set up."""

    def program(self, channel: int, ticks: int, mode: int) -> None:
        """Let a channel count `ticks`; `mode` is two bits: whether it goes on after, whether it tells."""
        raise NotImplementedError

    def stop(self, channel: int) -> None:
        """Let a channel stand still."""
        raise NotImplementedError

    def quieten(self, channel: int) -> None:
        """Acknowledge what a channel tells."""
        raise NotImplementedError

    @operation(channel=_CHANNEL, ticks=_TICKS, mode=st.integers(0, 3), wait=_WAIT)
    def start(self, channel: int, ticks: int, mode: int, wait: int) -> None:
        self.program(channel % self.channels, ticks, mode)
        self._wait(wait)

    @operation(wait=_WAIT)
    def go_on(self, wait: int) -> None:
        self._wait(wait)

    @operation(channel=_CHANNEL, wait=_WAIT)
    def acknowledge(self, channel: int, wait: int) -> None:
        self.quieten(channel % self.channels)
        self._wait(wait)

    @operation(channel=_CHANNEL)
    def halt(self, channel: int) -> None:
        self.stop(channel % self.channels)
        self._wait(0)

    def _wait(self, nanoseconds: int) -> None:
        if nanoseconds:
            self.step(nanoseconds)
        for offset in self.state:
            self.registers.show(offset)


class Sp804(Timer):
    """Two timers that count down at 1 MHz."""

    region = "sp804"
    names = {0x04: "value 1", 0x10: "raw 1", 0x24: "value 2", 0x30: "raw 2"}
    channels = 2
    state = (0x00, 0x04, 0x08, 0x10, 0x14, 0x24, 0x28, 0x30)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        self.registers.write(0x20 * channel, ticks)
        self.registers.write(0x20 * channel + 0x08, 0x82 | (mode & 1) << 6 | (mode & 2) << 4)

    def stop(self, channel: int) -> None:
        self.registers.write(0x20 * channel + 0x08, 0x22)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x20 * channel + 0x0C, 1)

    @operation(channel=_CHANNEL, ticks=_TICKS)
    def load_later(self, channel: int, ticks: int) -> None:
        """Give what is loaded when the count has come to its end."""
        self.registers.write(0x20 * (channel % 2) + 0x18, ticks)
        self._wait(0)


class CmsdkDualTimer(Sp804):
    """The same registers on Cortex-M boards."""

    region = "cmsdk-apb-dualtimer"


class MpTimer(Timer):
    """The private timer of a Cortex-A9."""

    region = "arm_mptimer_timer"
    names = {0x04: "counter", 0x0C: "status"}
    state = (0x00, 0x04, 0x08, 0x0C)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        self.registers.write(0x00, ticks)
        self.registers.write(0x08, 1 | mode << 1)

    def stop(self, channel: int) -> None:
        self.registers.write(0x08, 0)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x0C, 1)

    @operation(ticks=_TICKS, prescaler=st.sampled_from([0, 1, 9, 255]))
    def change(self, ticks: int, prescaler: int) -> None:
        """Change counter and prescaler of a timer that counts."""
        self.registers.write(0x04, ticks)
        self.registers.write(0x08, 7 | prescaler << 8)
        self._wait(0)


class Bcm2835SystemTimer(Timer):
    """A counter at 1 MHz that never stops, and four numbers that it is compared with."""

    region = "bcm2835-sys-timer"
    names = {0x00: "control and status", 0x04: "counter"}
    channels = 4
    state = (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        self.registers.write(0x0C + 4 * channel, self.registers.read(0x04) + ticks)

    def stop(self, channel: int) -> None:
        self.registers.write(0x0C + 4 * channel, 0)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x00, 1 << channel)


class AspeedTimer(Timer):
    """Eight timers that count down, by the bus's clock or at 1 MHz, and tell when they pass two numbers."""

    region = "aspeed.timer"
    names = {0x30: "control", 0x00: "timer 1", 0x10: "timer 2", 0x20: "timer 3", 0x40: "timer 4"}
    channels = 4
    state = (0x00, 0x04, 0x08, 0x10, 0x20, 0x30, 0x40, 0x44)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        at = 0x10 * (channel + channel // 3)
        self.stop(channel)
        self.registers.write(at + 0x04, ticks)
        self.registers.write(at + 0x08, ticks // 2)
        self.registers.write(at + 0x0C, ticks // 3)
        control = self.registers.read(0x30)
        self.registers.write(0x30, control | (1 | mode << 1) << 4 * channel)

    def stop(self, channel: int) -> None:
        self.registers.write(0x30, self.registers.read(0x30) & ~(0xF << 4 * channel))

    def quieten(self, channel: int) -> None:
        self.registers.write(0x34, 1 << channel)

    @operation(channel=_CHANNEL, ticks=_TICKS)
    def change(self, channel: int, ticks: int) -> None:
        """Write the counter of a timer, which may count."""
        channel %= self.channels
        self.registers.write(0x10 * (channel + channel // 3), ticks)
        self._wait(0)


class ImxEpit(Timer):
    """A timer that counts down, and tells when it passes a number."""

    region = "imx.epit"
    names = {0x04: "status", 0x10: "counter"}
    state = (0x00, 0x04, 0x08, 0x0C, 0x10)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        control = 1 << 24 | 1 << 17 | (mode & 1) << 3 | (mode & 2) << 1
        self.registers.write(0x00, control)
        self.registers.write(0x08, ticks)
        self.registers.write(0x0C, ticks // 2)
        self.registers.write(0x00, control | 3)

    def stop(self, channel: int) -> None:
        self.registers.write(0x00, 1 << 24)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x04, 1)


class ImxGpt(Timer):
    """A timer that counts up, compared with three numbers."""

    region = "imx*.gpt"
    names = {0x08: "status", 0x24: "counter"}
    channels = 3
    state = (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x24)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        self.registers.write(0x10 + 4 * channel, ticks)
        self.registers.write(0x0C, 0x3F if mode & 2 else 0)
        self.registers.write(0x00, 1 << 6 | (mode & 1) << 9 | 3)

    def stop(self, channel: int) -> None:
        self.registers.write(0x00, 1 << 6)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x08, 1 << channel)


class NpcmTimer(Timer):
    """Five timers that count down at 25 MHz, and a watchdog."""

    region = "npcm7xx-timer"
    names = {0x10: "timer 0", 0x14: "timer 1", 0x18: "interrupts", 0x1C: "watchdog"}
    channels = 4
    state = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30, 0x34)

    def _control(self, channel: int) -> int:
        return 0x20 * (channel // 2) + 4 * (channel % 2)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        at = self._control(channel)
        self.registers.write(at + 0x08, ticks & 0xFF_FFFF)
        self.registers.write(at, 1 << 30 | (mode & 1) << 27 | (mode & 2) << 28)

    def stop(self, channel: int) -> None:
        self.registers.write(self._control(channel), 0)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x18, 1 << channel)

    @operation(period=st.integers(0, 3), interrupt=st.booleans())
    def watch(self, period: int, interrupt: bool) -> None:
        """Let the watchdog run; it is not allowed to reset."""
        self.registers.write(0x1C, 0x81 | period << 4 | interrupt << 6)
        self._wait(0)


class Hpet(Timer):
    """A counter at 100 MHz, and three comparators."""

    region = "hpet"
    names = {0x10: "configuration", 0x20: "status", 0xF0: "counter"}
    channels = 3
    state = (0x10, 0x20, 0xF0, 0xF4, 0x100, 0x108, 0x120, 0x128, 0x140, 0x148)

    def program(self, channel: int, ticks: int, mode: int) -> None:
        at = 0x100 + 0x20 * channel
        self.registers.write(at, (mode & 1) << 3 | (mode & 1) << 6 | (mode & 2) * 3 | 1 << 8)
        self.registers.write(at + 0x08, self.registers.read(0xF0) + ticks)
        if mode & 1:  # written a second time, it is the period
            self.registers.write(at + 0x08, max(ticks, 1000))
        self.registers.write(0x10, 1)

    def stop(self, channel: int) -> None:
        self.registers.write(0x100 + 0x20 * channel, 0)

    def quieten(self, channel: int) -> None:
        self.registers.write(0x20, 1 << channel)

    @operation(running=st.booleans(), legacy=st.booleans())
    def configure(self, running: bool, legacy: bool) -> None:
        self.registers.write(0x10, running | legacy << 1)
        self._wait(0)

    @operation(value=st.sampled_from([0, 1, 0xFFFF_FF00, 0xFFFF_FFFF]))
    def set_counter(self, value: int) -> None:
        """Write the counter, which has to stand still for it."""
        self.registers.write(0x10, 0)
        self.registers.write(0xF0, value)
        self.registers.write(0xF4, 0)
        self._wait(0)


class Pl031(Driver):
    """A clock that counts seconds, with an alarm."""

    region = "pl031"
    names = {0x00: "seconds", 0x04: "alarm", 0x14: "raw interrupt"}

    @operation(seconds=st.sampled_from([0, 1, 0x1234_5678, 0xFFFF_FFFF]))
    def set_time(self, seconds: int) -> None:
        self.registers.write(0x08, seconds)
        self._show()

    @operation(later=st.integers(0, 3), telling=st.booleans())
    def set_alarm(self, later: int, telling: bool) -> None:
        self.registers.write(0x0C, 1)
        self.registers.write(0x10, telling)
        self.registers.write(0x04, self.registers.read(0x00) + later)
        self._show()

    @operation
    def acknowledge(self) -> None:
        self.registers.write(0x1C, 1)
        self._show()

    @operation
    def let_a_second_pass(self) -> None:
        self.step(_SECOND)
        self._show()

    def _show(self) -> None:
        for offset in (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18):
            self.registers.show(offset)
