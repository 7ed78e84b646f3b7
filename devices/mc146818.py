"""An MC146818A real-time clock with 114 bytes of RAM, as a PC has it.

Source: Motorola, "MC146818A Real-Time Clock Plus RAM (RTC)", ADI1026R3; names of registers and
bits are that datasheet's. The century in byte 32h (and, the same byte, 37h) is the PC's. The saved
state is QEMU's `mc146818rtc` section, version 3, byte for byte.

That section has the time of day as a moment (`base`) and when that was; so the ten bytes are brought up
to date when somebody looks. Left out, because the section has no room for it: daylight saving (DSE),
and a time base other than the one that the divider bits are for. Left out too: the square wave, and that the highest
bit of the seconds is read only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, Region, operation

__all__ = ["MC146818"]

SECOND: Final = 1_000_000_000
DAY: Final = 86_400
POWER_ON: Final = 1_577_836_800
"""2020-01-01, in seconds since 1970: what time it is after the first power-on."""

# "address map": the time of day and its alarm, then four registers, then RAM
SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM = range(6)
WEEKDAY, DAY_OF_MONTH, MONTH, YEAR, A, B, C, D = range(6, 14)
CENTURY, CENTURY_AGAIN = 0x32, 0x37
TIME: Final = frozenset(
    (SECONDS, MINUTES, HOURS, WEEKDAY, DAY_OF_MONTH, MONTH, YEAR, CENTURY)
)  # fmt: skip
ALARM: Final = frozenset((SECONDS_ALARM, MINUTES_ALARM, HOURS_ALARM))
NEVER: Final = 0xFFFF_FFFF_FFFF_FFFF

# Register A
UPDATING, DIVIDER, RATE = 0x80, 0x70, 0x0F  # UIP; DV2 to DV0; RS3 to RS0
SLOWEST_DIVIDER: Final = 0x20  # 32.768 kHz; above it are tests, and from 60h on the divider is reset
# Register B
SET, PERIODIC_ENABLED, ALARM_ENABLED, UPDATE_ENABLED = 0x80, 0x40, 0x20, 0x10  # PIE, AIE, UIE
SQUARE_WAVE, BINARY, HOURS_24 = 0x08, 0x04, 0x02  # SQWE, DM, 24/12
# Register C; PF, AF and UF are where their enables are in register B
REQUEST, PERIODIC, ALARMED, UPDATED = 0x80, 0x40, 0x20, 0x10  # IRQF, PF, AF, UF
FLAGS: Final = PERIODIC | ALARMED | UPDATED
# Register D
VALID: Final = 0x80  # VRT

ANY: Final = 0xC0  # "don't care" in an alarm byte: this and above
AFTERNOON: Final = 0x80  # in the hours of 12-hour mode
BEFORE_UPDATE: Final = 244_000  # ns for which UIP is 1 before an update: t BUC
UPDATE: Final = {0x00: 248_000, 0x10: 248_000, 0x20: 1_984_000}
"""How long an update takes, in ns, by the divider bits: t UC, table 6."""


class MC146818(Device):
    """The clock and its RAM. `reset()` is the first power-on; the pin `reset_pin` is RESET."""

    state = vm.Description(
        "mc146818rtc",
        version=3,
        minimum_version=1,
        fields=[
            vm.buffer("cmos_data", 128, attribute="memory"),
            vm.u8("cmos_index", attribute="index"),
            vm.unused(28),
            vm.timer("periodic_timer"),
            vm.u64("next_periodic_time", attribute="next_periodic"),
            vm.unused(24),
            vm.u32("irq_coalesced", attribute="lost_ticks", since=2),
            vm.u32("period", since=2),
            vm.i64("base_rtc", attribute="base", since=3),
            vm.i64("last_update", attribute="based_at", since=3),
            vm.i64("offset", since=3),
            vm.timer("update_timer", since=3),
            vm.u64("next_alarm_time", attribute="next_alarm", since=3),
        ],
        subsections=[
            vm.Description(
                "mc146818rtc/irq_reinject_on_ack_count",
                needed="ticks_again != 0",
                fields=[vm.u16("irq_reinject_on_ack_count", attribute="ticks_again")],
            )
        ],
        validate=[
            vm.Validate("there are 128 bytes", "index < 128"),
            vm.Validate(
                "the periodic timer is due at the next edge",
                lambda clock: clock.periodic_timer.deadline in (None, clock.next_periodic),
            ),
        ],
        post_load=lambda clock, version: clock._loaded(version),
    )

    io = Region(size=2, ports=True, registers={0: "index", 1: "data"})

    irq = Line()  # 1 is asserted, though the pin is active low
    reset_pin = Line(input=True, level=1)

    def __init__(self) -> None:
        self.periodic_timer = self.clock.timer(self._edge)
        self.update_timer = self.clock.timer(self._update)
        self.reset()

    def reset(self) -> None:
        """The first power-on, which the datasheet leaves open: 2020-01-01 00:00, in BCD and 24 hours, as in QEMU."""
        self.memory = bytearray(128)
        self.memory[A] = 0x26
        self.memory[B] = HOURS_24
        self.memory[D] = VALID
        self.index = 0
        self.base = POWER_ON
        self.based_at = self.clock.now
        self.offset = 0
        self.period = 0
        self.next_periodic = 0
        self.lost_ticks = self.ticks_again = 0  # what a QEMU makes up for that was told to; not the part's
        self.next_alarm = 0
        self.periodic_timer.cancel()
        self._put(POWER_ON, 4)  # a Wednesday
        self._take_rate()
        self._await_update()
        self._request()

    @reset_pin.on_change
    def _reset_pin(self, level: int) -> None:
        """RESET going low, which does nothing to clock, calendar and RAM."""
        if not level:
            self.memory[B] &= ~(PERIODIC_ENABLED | ALARM_ENABLED | UPDATE_ENABLED | SQUARE_WAVE)
            self.memory[C] = 0
            self._request()

    def _loaded(self, version: int) -> None:
        if version < 3:  # the bytes were the time, and an update had just ended
            self._begin(0)
            self._await_update()
        self.irq.set(self.memory[C] & REQUEST)

    # ports

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if not offset:
            self.index = value & 0x7F
            return
        register = self._register
        if register == A:
            self._write_a(value)
        elif register == B:
            self._write_b(value)
        elif register in TIME and self._running:
            self._bring_up_to_date()
            self.memory[register] = value
            self._begin(self._phase)
        elif register not in (C, D):  # these two are read only
            self.memory[register] = value
        if register in TIME or register in ALARM:
            self._await_update()

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if not offset:
            return 0xFF  # write only on a PC
        register = self._register
        if register in TIME and self._running:
            self._bring_up_to_date()
        value = self.memory[register]
        if register == A:
            return value & ~UPDATING | (UPDATING if self._updating else 0)
        if register == C:
            self.memory[C] = 0
            self._request()
            self._await_update()  # one that QEMU did not await while its flag was set
            self._take_rate()
        return value

    @property
    def _register(self) -> int:
        return CENTURY if self.index == CENTURY_AGAIN else self.index

    @operation(register=st.integers(0, 63), value=st.integers(0, 255))
    def write(self, register: int, value: int) -> None:
        """Write a byte by both ports."""
        self._write(0, 1, register)
        self._write(1, 1, value)

    @operation(register=st.integers(0, 63))
    def read(self, register: int) -> int:
        """Read a byte by both ports."""
        self._write(0, 1, register)
        return self._read(1, 1)

    # registers A and B

    @property
    def _dividing(self) -> bool:
        return self.memory[A] & DIVIDER <= SLOWEST_DIVIDER

    @property
    def _running(self) -> bool:
        """Whether the time of day goes on."""
        return self._dividing and not self.memory[B] & SET

    @property
    def _updating(self) -> bool:
        """UIP: from t BUC before an update to its end, which is when the second is over."""
        if not self._running:
            return False
        return self._phase >= SECOND - BEFORE_UPDATE - UPDATE[self.memory[A] & DIVIDER]

    def _write_a(self, value: int) -> None:
        dividing = self._dividing
        if self._running:
            self._bring_up_to_date()
        self.memory[A] = value & ~UPDATING
        if self._dividing and not dividing:
            self._begin(SECOND // 2)  # register A, DV: where the first update is half a second off
            self.periodic_timer.cancel()
        self._take_rate()
        self._await_update()

    def _write_b(self, value: int) -> None:
        before = self.memory[B]
        if value & SET:
            value &= ~UPDATE_ENABLED  # register B, UIE: SET going high clears it
        if self._running:
            now, weekday = self._moment()
            self._put(now, weekday)
            self.memory[B] = value
            if not value & SET:
                self._put(now, weekday)  # in what may be another format, though nobody has to rely on it
        else:
            self.memory[B] = value
            if before & SET and self._running:
                self._begin(self._phase)
        self._request()
        self._await_update()

    # interrupts

    def _request(self) -> None:
        """IRQF = PF.PIE + AF.AIE + UF.UIE."""
        flags = self.memory[C] & FLAGS
        if flags & self.memory[B]:
            flags |= REQUEST
        self.memory[C] = flags
        self.irq.set(flags & REQUEST)

    def _take_rate(self) -> None:
        """Wait for the next edge of the tap that RS3 to RS0 select (table 5): in 32768ths of a second."""
        divider, rate = self.memory[A] & DIVIDER, self.memory[A] & RATE
        if divider == SLOWEST_DIVIDER and rate in (1, 2):
            rate += 7
        period = 1 << rate - 1 if rate and self._dividing else 0
        if not period:
            self.periodic_timer.cancel()
        elif period != self.period or not self.periodic_timer.armed:
            clocks = self._phase * 32_768 // SECOND
            self._await_edge(self.clock.now - self._phase, clocks - clocks % period + period)
        self.period = period

    def _await_edge(self, origin: int, clocks: int) -> None:
        """Wait until so many clocks after `origin`, when a second began, are over."""
        self.next_periodic = origin + clocks * SECOND // 32_768 + 1
        self.periodic_timer.arm(self.next_periodic)

    def _edge(self) -> None:
        self.memory[C] |= PERIODIC
        self._request()
        if self.period:
            origin = self.based_at - self.offset
            clocks = -((origin - self.next_periodic + 1) * 32_768 // SECOND)
            self._await_edge(origin, clocks + self.period)

    def _await_update(self) -> None:
        """Wait for the end of this second, and work out at the end of which one the alarm is."""
        if not self._running:
            self.update_timer.cancel()
            return
        at = self.clock.now + SECOND - self._phase
        self.update_timer.arm(at)
        ahead = self._seconds_to_alarm()
        self.next_alarm = NEVER if ahead is None else at + (ahead - 1) * SECOND

    def _update(self) -> None:
        if not self._running:  # QEMU goes on awaiting updates while SET is 1
            return
        self.memory[C] |= UPDATED
        if self.clock.now >= self.next_alarm:
            self.memory[C] |= ALARMED
        self._request()
        self._await_update()

    def _seconds_to_alarm(self) -> int | None:
        """Return after how many seconds the three bytes of the alarm match; None when they never do."""
        hours = self._matching(HOURS_ALARM, [self._hour_byte(hour) for hour in range(24)])
        sixty = [self._byte(number) for number in range(60)]
        minutes = self._matching(MINUTES_ALARM, sixty)
        seconds = self._matching(SECONDS_ALARM, sixty)
        if not (hours and minutes and seconds):
            return None
        now = self._now // SECOND % DAY
        hour, minute, second = now // 3600, now // 60 % 60, now % 60
        later = [number for number in seconds if number > second]
        if hour in hours:
            if minute in minutes and later:
                return later[0] - second
            next_minutes = [number for number in minutes if number > minute]
            if next_minutes:
                return hour * 3600 + next_minutes[0] * 60 + seconds[0] - now
        next_hours = [number for number in hours if number > hour] or [hours[0] + 24]
        return next_hours[0] * 3600 + minutes[0] * 60 + seconds[0] - now

    def _matching(self, register: int, encoded: Sequence[int]) -> Sequence[int]:
        byte = self.memory[register]
        if byte >= ANY:
            return range(len(encoded))
        return [number for number, code in enumerate(encoded) if code == byte]

    # the time of day

    @property
    def _now(self) -> int:
        """The time of day in ns since 1970."""
        return self.base * SECOND + self.clock.now - self.based_at + self.offset

    @property
    def _phase(self) -> int:
        """How long ago the second began, in ns: how far the divider is."""
        return (self.clock.now - self.based_at + self.offset) % SECOND

    def _begin(self, phase: int) -> None:
        """Go on from what the bytes say, `phase` ns into that second."""
        get = self.memory.__getitem__
        hours = self._number(get(HOURS) & ~AFTERNOON)
        if not get(B) & HOURS_24:
            hours = hours % 12 + (12 if get(HOURS) & AFTERNOON else 0)
        seconds = self._number(get(MINUTES)) * 60 + self._number(get(SECONDS))
        self.base = self._day() * DAY + hours * 3600 + seconds
        self.based_at = self.clock.now
        self.offset = phase

    def _bring_up_to_date(self) -> None:
        self._put(*self._moment())

    def _moment(self) -> tuple[int, int]:
        """Return the time in seconds since 1970, and the day of the week, which is counted for itself."""
        now = self._now // SECOND
        passed = now // DAY - self._day()
        return now, (self._number(self.memory[WEEKDAY]) - 1 + passed) % 7 + 1

    def _day(self) -> int:
        """Return the day that the bytes show, in days since 1970; months that are none go on counting."""
        number = self._number
        months = number(self.memory[MONTH]) - 1
        years = number(self.memory[CENTURY]) * 100 + number(self.memory[YEAR]) + months // 12
        cycles, year = divmod(years, 400)
        first = date(2000 + year, months % 12 + 1, 1).toordinal() - _EPOCH
        return first + number(self.memory[DAY_OF_MONTH]) - 1 + (cycles - 5) * _CYCLE

    def _put(self, now: int, weekday: int) -> None:
        """Write a time, in seconds since 1970, to its bytes."""
        days, seconds = divmod(now, DAY)
        cycles, rest = divmod(days + _EPOCH - _FIRST, _CYCLE)
        day = date.fromordinal(rest + _FIRST)
        memory, byte = self.memory, self._byte
        memory[SECONDS] = byte(seconds % 60)
        memory[MINUTES] = byte(seconds // 60 % 60)
        memory[HOURS] = self._hour_byte(seconds // 3600)
        memory[WEEKDAY] = byte(weekday)
        memory[DAY_OF_MONTH] = byte(day.day)
        memory[MONTH] = byte(day.month)
        memory[YEAR] = byte(day.year % 100)
        memory[CENTURY] = byte((day.year // 100 + cycles * 4) % 100)

    def _hour_byte(self, hour: int) -> int:
        if self.memory[B] & HOURS_24:
            return self._byte(hour)
        return self._byte(hour % 12 or 12) | (AFTERNOON if hour >= 12 else 0)

    def _byte(self, number: int) -> int:
        return number if self.memory[B] & BINARY else number // 10 << 4 | number % 10

    def _number(self, byte: int) -> int:
        return byte if self.memory[B] & BINARY else (byte >> 4) * 10 + (byte & 15)


_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST: Final = date(2000, 1, 1).toordinal()
_CYCLE: Final = 146_097  # days in the 400 years after which the calendar is the same again
