"""A high precision event timer: a counter of 64 bits and three comparators, one of which a PC needs.

Source: Intel, "IA-PC HPET (High Precision Event Timers) Specification", revision 1.0a, October 2004; names
of registers and bits are that specification's. Clock, routes and identity are those of QEMU's PC. The
saved state is QEMU's `hpet` section, version 2, byte for byte.

Left out: FSB interrupts (messages), as Tn_FSB_INT_DEL_CAP is 0; the registers of their routes are storage.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import stressor.vmstate as vm
from stressor.device import Clock, Device, Line, Region

__all__ = ["HPET", "Comparator"]

TICK: Final = 10  # ns
ALL_ONES: Final = 0xFFFF_FFFF_FFFF_FFFF
LOWLATEST: Final = 0xFFFF_FFFF
LATEST: Final = 1 << 63  # what comes so late in ns does not come; half of what 64 bits can be

# 2.3.4, general capabilities: COUNTER_CLK_PERIOD in fs, vendor, LEG_RT_CAP, COUNT_SIZE_CAP, NUM_TIM_CAP, REV_ID
CAPABILITIES: Final = TICK * 1_000_000 << 32 | 0x8086 << 16 | 0x8000 | 0x2000 | 2 << 8 | 1
# 2.3.5, general configuration
ENABLED, LEGACY = 0x01, 0x02  # ENABLE_CNF, LEG_RT_CNF
# 2.3.8, timer n configuration and capabilities
LEVEL, INTERRUPTS, PERIODIC, VALUE_SET, NARROW = 0x02, 0x04, 0x08, 0x40, 0x100  # NARROW is 32MODE
PERIODIC_CAPABLE, WIDE_CAPABLE = 0x10, 0x20
ROUTE: Final = 0x3E00
ROUTED: Final = 2 << 9  # the only route that INT_ROUTE_CAP has
TIMER_CAPABILITIES: Final = 1 << 2 << 32 | PERIODIC_CAPABLE | WIDE_CAPABLE
WRITABLE: Final = LEVEL | INTERRUPTS | PERIODIC | VALUE_SET | NARROW

# Offsets, 2.3.1
IDENTITY, CONFIGURATION, STATUS, COUNTER, TIMERS = 0x000, 0x010, 0x020, 0x0F0, 0x100
TIMER_SIZE: Final = 0x20
TIMER_CONFIGURATION, COMPARATOR, FSB_ROUTE = 0x00, 0x08, 0x10
_NAMES: Final = {
    IDENTITY: "capabilities",
    CONFIGURATION: "configuration",
    STATUS: "status",
    COUNTER: "counter",
} | {
    TIMERS + TIMER_SIZE * number + offset: f"timer {number} {name}"
    for number in range(3)
    for offset, name in (
        (TIMER_CONFIGURATION, "configuration"),
        (COMPARATOR, "comparator"),
        (FSB_ROUTE, "FSB route"),
    )
}

COMPARATOR_STATE = vm.Description(
    "hpet_timer",
    fields=[
        vm.u8("tn", attribute="number"),
        vm.u64("config", attribute="configuration"),
        vm.u64("cmp", attribute="comparator"),
        vm.u64("fsb", attribute="fsb_route"),
        vm.u64("period"),
        vm.u8("wrap_flag", attribute="wraps_first"),
        vm.timer("qemu_timer", attribute="timer"),
    ],
)


class Comparator:
    """One timer: interrupts when the counter reaches `comparator`, which in periodic mode then grows by `period`."""

    def __init__(self, number: int) -> None:
        self.number = number

    def reset(self) -> None:
        self.configuration = TIMER_CAPABILITIES
        self.comparator = ALL_ONES
        self.fsb_route = 0
        self.period = 0
        self.wraps_first = 0  # whether the counter's lower half wraps before it gets there
        self.timer.cancel()

    def wire(self, clock: Clock, callback: partial[None]) -> None:
        self.timer = clock.timer(callback)

    @property
    def mask(self) -> int:
        return LOWLATEST if self.configuration & NARROW else ALL_ONES

    def configure(self, value: int) -> None:
        """Take what can be written: of Tn_INT_ROUTE_CNF only a route that there is, as software reads back."""
        route = value & ROUTE if value & ROUTE == ROUTED else 0
        self.configuration = TIMER_CAPABILITIES | route | value & WRITABLE
        self.comparator &= self.mask
        self.period &= self.mask

    def write(self, value: int, written: int) -> None:
        """Take the bits of `value` that were `written`: 2.3.9.2.3, the period in periodic mode, and where to
        begin if Tn_VAL_SET_CNF was set, which clears itself."""
        periodic = self.configuration & PERIODIC
        if periodic:
            self.period = (self.period & ~written | value) & self.mask
        if not periodic or self.configuration & VALUE_SET:
            self.comparator = (self.comparator & ~written | value) & self.mask
        self.configuration &= ~VALUE_SET

    def wait(self, counter: int, offset: int) -> None:
        """Wait for the counter to match; in 32-bit one-shot mode also for it to wrap (2.3.9.2.1)."""
        ticks = (self.comparator - counter - 1 & self.mask) + 1
        self.wraps_first = 0
        if self.configuration & (NARROW | PERIODIC) == NARROW:
            wraps = LOWLATEST + 1 - (counter & LOWLATEST)
            if wraps < ticks:
                ticks, self.wraps_first = wraps, 1
        deadline = (counter + ticks) * TICK - offset
        if deadline < LATEST:
            self.timer.arm(deadline)
        else:
            self.timer.cancel()

    def matched(self) -> None:
        """2.3.9.2.2: a match adds what was last written to the register."""
        if self.configuration & PERIODIC:
            self.comparator = self.comparator + self.period & self.mask


class HPET(Device):
    """The counter, its comparators, and the lines of the timers that it takes the place of."""

    state = vm.Description(
        "hpet",
        version=2,
        minimum_version=1,
        fields=[
            vm.u64("config", attribute="configuration"),
            vm.u64("isr", attribute="status"),
            vm.u64("hpet_counter", attribute="counter"),
            vm.u8("num_timers", attribute="count", since=2),
            vm.struct_array("timer", COMPARATOR_STATE, 3, attribute="comparators"),
        ],
        subsections=[
            vm.Description(
                "hpet/rtc_irq_level",
                needed="rtc_level != 0",
                fields=[vm.u8("rtc_irq_level", attribute="rtc_level")],
            ),
            vm.Description(
                "hpet/offset",
                needed="configuration & 1 != 0",
                fields=[vm.i64("hpet_offset", attribute="short_offset")],
            ),
        ],
        validate=[
            vm.Validate("there are three timers", "count == 3"),
            vm.Validate(
                "timers are numbered in order",
                lambda hpet: [timer.number for timer in hpet.comparators] == [0, 1, 2],
            ),
        ],
        post_load=lambda hpet, version: hpet._loaded(),
        unsaved={
            "held": "where the counter stands: it travels as `counter` while that is halted",
            "offset": "the 64 bits of it that travel are made whole by the counter in post_load",
        },
    )

    io = Region(
        size=0x400,
        widths=(4, 8),
        registers=_NAMES | {offset + 4: f"{name} high" for offset, name in _NAMES.items()},
    )

    pit = Line(input=True)  # OUT0 of the interval timer
    rtc = Line(input=True)  # the interrupt of the real-time clock
    irq0 = Line()
    irq8 = Line()
    irq2 = Line()  # of the I/O APIC
    pit_enabled = Line(level=1)

    def __init__(self) -> None:
        self.comparators = [Comparator(number) for number in range(3)]
        self.count = len(self.comparators)
        for comparator in self.comparators:
            comparator.wire(self.clock, partial(self._match, comparator))
        self.reset()

    def reset(self) -> None:
        """As the registers' defaults say; all is halted."""
        self.configuration = 0
        self.status = 0
        self.held = 0
        self.offset = 0  # in ns, to add to the clock's time for the counter's
        self.rtc_level = 0  # the clock's own reset lowers it
        for comparator in self.comparators:
            comparator.reset()
        self._drive()

    def _loaded(self) -> None:
        if self.configuration & ENABLED:
            exact = self.held * TICK - self.clock.now
            rounds = (exact - self.offset + LATEST) >> 64
            self.offset += rounds << 64
            if self._ticks != self.held:  # an old QEMU's, without the subsection
                self.offset = exact
        else:
            self.offset = 0
        self._drive()

    # the counter

    @property
    def short_offset(self) -> int:
        """The lowest 64 bits of the offset, signed."""
        return (self.offset + LATEST & ALL_ONES) - LATEST

    @short_offset.setter
    def short_offset(self, value: int) -> None:
        self.offset = value

    @property
    def _ticks(self) -> int:
        return (self.clock.now + self.offset) // TICK

    @property
    def counter(self) -> int:
        """The main counter: it goes on while it is enabled, else it stands."""
        return self._ticks & ALL_ONES if self.configuration & ENABLED else self.held

    @counter.setter
    def counter(self, value: int) -> None:
        self.held = value

    def _match(self, comparator: Comparator) -> None:
        """The counter has reached a comparator, or the end of its lower half."""
        if not self.configuration & ENABLED:
            return
        if not comparator.wraps_first:
            comparator.matched()
        comparator.wait(self._ticks, self.offset)
        bit = 1 << comparator.number
        if comparator.configuration & LEVEL:
            self.status |= bit
            self._drive()
            return
        self.status &= ~bit  # 2.3.6: of no meaning in edge mode
        line = self._line(comparator)
        if line is not None and comparator.configuration & INTERRUPTS and not line.level:
            line.set(1)
            line.set(0)

    # interrupts

    def _line(self, comparator: Comparator) -> Line | None:
        """Which interrupt a timer causes: 2.4.2.1 (LEG_RT_CNF), 2.3.8 (Tn_INT_ROUTE_CNF)."""
        if self.configuration & LEGACY and comparator.number < 2:
            return (self.irq0, self.irq8)[comparator.number]
        return self.irq2 if comparator.configuration & ROUTE == ROUTED else None

    def _drive(self) -> None:
        """Set the lines to what is pending; a timer that the legacy replacement shuts out is not heard."""
        legacy = self.configuration & LEGACY
        self.pit_enabled.set(not legacy)  # first, as the timer may answer with another level
        levels = {
            self.irq0: 0 if legacy else self.pit.level,
            self.irq8: 0 if legacy else self.rtc_level,
            self.irq2: 0,
        }
        for comparator in self.comparators:
            line = self._line(comparator)
            asks = LEVEL | INTERRUPTS
            pending = self.status >> comparator.number & 1 and self.configuration & ENABLED
            if line is not None and pending and comparator.configuration & asks == asks:
                levels[line] = 1
        for line, level in levels.items():
            line.set(level)

    @pit.on_change
    def _pit(self, level: int) -> None:
        self._drive()

    @rtc.on_change
    def _rtc(self, level: int) -> None:
        self.rtc_level = level
        self._drive()

    # registers

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        value = self._register(offset & ~7)
        return value if width == 8 else value >> 8 * (offset & 4) & LOWLATEST

    def _register(self, offset: int) -> int:
        if offset >= TIMERS:
            return self._timer_register(offset - TIMERS)
        if offset == IDENTITY:
            return CAPABILITIES
        if offset == CONFIGURATION:
            return self.configuration
        if offset == STATUS:
            return self.status
        return self.counter if offset == COUNTER else 0

    def _timer_register(self, offset: int) -> int:
        number, offset = divmod(offset, TIMER_SIZE)
        if number >= self.count:
            return 0
        comparator = self.comparators[number]
        if offset == TIMER_CONFIGURATION:
            return comparator.configuration
        if offset == COMPARATOR:
            return comparator.comparator
        return comparator.fsb_route if offset == FSB_ROUTE else 0

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        shift = 8 * (offset & 4)
        written = ALL_ONES if width == 8 else LOWLATEST << shift
        value <<= shift
        offset &= ~7
        if offset >= TIMERS:
            self._write_timer(offset - TIMERS, value, written)
        elif offset == CONFIGURATION:
            self._configure(self.configuration & ~written | value)
        elif offset == STATUS:
            self.status &= ~value  # 2.3.6: writing a 1 clears it
        elif offset == COUNTER and not self.configuration & ENABLED:
            self.held = self.held & ~written | value  # 2.3.7: to be written only while it is halted
        self._drive()

    def _configure(self, value: int) -> None:
        before = self.configuration
        counter = self.counter
        self.configuration = value & (ENABLED | LEGACY)
        if not value & ENABLED:
            self.held, self.offset = counter, 0  # 2.3.6: only software clears a status
            for comparator in self.comparators:
                comparator.timer.cancel()
        elif not before & ENABLED:
            self.offset = counter * TICK - self.clock.now
            for comparator in self.comparators:
                comparator.wait(self._ticks, self.offset)

    def _write_timer(self, offset: int, value: int, written: int) -> None:
        number, offset = divmod(offset, TIMER_SIZE)
        if number >= self.count:
            return
        comparator = self.comparators[number]
        if offset == TIMER_CONFIGURATION:
            comparator.configure(comparator.configuration & ~written | value)
        elif offset == COMPARATOR:
            comparator.write(value, written)
        elif offset == FSB_ROUTE:
            comparator.fsb_route = comparator.fsb_route & ~written | value
        if offset != FSB_ROUTE and self.configuration & ENABLED:
            comparator.wait(self._ticks, self.offset)
