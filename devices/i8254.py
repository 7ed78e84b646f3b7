"""An 8254 interval timer: three counters, six modes.

Source: Intel, "8254 Programmable Interval Timer", order number 231164-005, September 1993; names of
modes and commands are that datasheet's. The saved state is QEMU's `i8254` section, version 3, byte
for byte.

That section holds of each counter when it was loaded and with what, and nothing of how far it had
come; so this is left out: a gate that stands low stops no counter (it starts them when it rises), a
count that is written while one is under way is taken at once, and NULL COUNT reads 0.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import stressor.vmstate as vm
from stressor.device import Device, Line, Region

__all__ = ["I8254", "Counter"]

FREQUENCY: Final = 1_193_182  # Hz, what a PC gives all three counters
SECOND: Final = 1_000_000_000

# The control word, and the read-back command in its place
COUNTER, READ_WRITE, MODE, BCD = 0xC0, 0x30, 0x0E, 0x01
READ_BACK, COUNT_STAYS, STATUS_STAYS = 0xC0, 0x20, 0x10  # the two latch when they are 0
LATCH, LOW, HIGH, BOTH = range(4)  # RW1 and RW0
# Which byte comes next, as QEMU counts them
LOW_BYTE, HIGH_BYTE, FIRST_OF_TWO, SECOND_OF_TWO = 1, 2, 3, 4
# Modes
TERMINAL_COUNT, ONE_SHOT, RATE, SQUARE, SOFTWARE_STROBE, HARDWARE_STROBE = range(6)

COUNTER_STATE = vm.Description(
    "pit channel",
    version=2,
    fields=[
        vm.i32("count"),
        vm.u16("latched_count"),
        vm.u8("count_latched"),
        vm.u8("status_latched"),
        vm.u8("status"),
        vm.u8("read_state", attribute="read_next"),
        vm.u8("write_state", attribute="write_next"),
        vm.u8("write_latch", attribute="low_byte"),
        vm.u8("rw_mode", attribute="access"),
        vm.u8("mode"),
        vm.u8("bcd"),
        vm.u8("gate"),
        vm.i64("count_load_time", attribute="loaded_at"),
        vm.i64("next_transition_time", attribute="next_transition"),
    ],
    validate=[
        vm.Validate("a count is 1 to 65536", "0 < count <= 65536"),
        vm.Validate("there are six modes", "mode < 6"),
    ],
)


class Counter:
    """One counter, by the time at which it was loaded: `count` clocks until it ends, or begins again."""

    def __init__(self, gate: int) -> None:
        self.initial_gate = gate
        self.reset(0)

    def reset(self, now: int) -> None:
        self.count = 0x10000
        self.latched_count = 0
        self.count_latched = 0  # which of its bytes are still to be read: 0 for none
        self.status = 0
        self.status_latched = 0
        self.read_next = LATCH
        self.write_next = LATCH
        self.low_byte = 0
        self.access = LATCH
        self.mode = SQUARE
        self.bcd = 0
        self.gate = self.initial_gate
        self.loaded_at = now
        self.next_transition = 0

    @property
    def period(self) -> int:
        """The count in clocks; in BCD its digits are decimal ones. After a load it is worked with before
        anybody has checked it."""
        if not self.bcd:
            return self.count if 0 < self.count <= 0x10000 else 0x10000
        return int(f"{self.count & 0xFFFF:x}".translate(_DECIMAL)) or 10_000

    def clocks(self, now: int) -> int:
        """Return how many clocks there were since it was loaded."""
        return (now - self.loaded_at) * FREQUENCY // SECOND

    def value(self, now: int) -> int:
        """Return what the counting element holds, in 16 bits."""
        clocks, period = self.clocks(now), self.period
        if self.mode == RATE:
            left = period - clocks % period
        elif self.mode == SQUARE:
            left = period - 2 * clocks % period  # counts down by two
        else:
            left = (period - clocks) % (10_000 if self.bcd else 0x10000)
        return int(str(left % 10_000), 16) if self.bcd else left & 0xFFFF

    def out(self, now: int) -> int:
        """Return the level of OUT: figures 15 to 20."""
        clocks, period = self.clocks(now), self.period
        if self.mode == TERMINAL_COUNT:
            return int(clocks >= period)
        if self.mode == ONE_SHOT:
            return int(clocks >= period)  # low from its trigger on
        if self.mode == RATE:
            return int(clocks % period != period - 1 or period == 1)
        if self.mode == SQUARE:
            return int(clocks % period < (period + 1) // 2)
        return int(clocks != period)

    def transition(self, now: int) -> int | None:
        """Return when OUT changes next, in ns; None when it does not any more."""
        clocks, period = self.clocks(now), self.period
        begun = clocks - clocks % period
        if period == 1 and self.mode in (RATE, SQUARE):
            return None  # "a count of 1 is illegal in mode 2", and in mode 3 leaves OUT as it is
        if self.mode == RATE:
            edges = [begun + period - 1, begun + period, begun + 2 * period - 1]
        elif self.mode == SQUARE:
            edges = [begun + (period + 1) // 2, begun + period]
        elif self.mode in (TERMINAL_COUNT, ONE_SHOT):
            edges = [period]
        else:
            edges = [period, period + 1]
        ahead = [edge for edge in edges if edge > clocks]
        return self.loaded_at - (-ahead[0] * SECOND // FREQUENCY) if ahead else None


_DECIMAL: Final = str.maketrans(
    "abcdef", "999999"
)  # no digits; the part's own behaviour is not defined


class I8254(Device):
    """The timer of a PC, whose third gate is closed until somebody opens it."""

    state = vm.Description(
        "i8254",
        version=3,
        minimum_version=2,
        fields=[
            vm.u32("irq_disabled", attribute="disabled", since=3),
            vm.struct_array("channels", COUNTER_STATE, 3, attribute="counters"),
            vm.timer("irq_transition_time", attribute="timer"),
        ],
        post_load=lambda timer, version: timer._loaded(),
        unsaved={
            "counters[].initial_gate": "how it is wired",
            "timer1": "follows from the second counter",
            "timer2": "follows from the third counter",
        },
    )

    io = Region(
        size=4, ports=True, registers={0: "counter0", 1: "counter1", 2: "counter2", 3: "control"}
    )

    gate0 = Line(input=True, level=1)
    gate1 = Line(input=True, level=1)
    gate2 = Line(input=True)
    enable = Line(input=True, level=1)  # low while an HPET takes the place of OUT0
    out0 = Line()
    out1 = Line()
    out2 = Line()

    def __init__(self) -> None:
        self.counters = [Counter(gate) for gate in (1, 1, 0)]
        self.timer = self.clock.timer(partial(self._changed, 0))
        self.timer1 = self.clock.timer(partial(self._changed, 1))
        self.timer2 = self.clock.timer(partial(self._changed, 2))
        self.reset()

    def reset(self) -> None:
        """The part has no reset: its mode and count are not defined after power-on. As in QEMU, all three
        give square waves of the longest period."""
        self.disabled = 0
        for number, counter in enumerate(self.counters):
            counter.reset(self.clock.now)
            self._changed(number)

    def _changed(self, number: int) -> None:
        """Drive OUT as it is now, and wait for the next time that it changes."""
        counter, now = self.counters[number], self.clock.now
        self._wait(number)
        (self.out0, self.out1, self.out2)[number].set(counter.out(now))

    def _wait(self, number: int) -> None:
        counter = self.counters[number]
        timer = (self.timer, self.timer1, self.timer2)[number]
        at = counter.transition(self.clock.now)
        if at is None or (number == 0 and self.disabled):
            timer.cancel()
        else:
            timer.arm(at)
        if number == 0:  # of the others QEMU knows none
            counter.next_transition = -1 if at is None else at

    def _loaded(self) -> None:
        now = self.clock.now
        for number, timer, line in ((1, self.timer1, self.out1), (2, self.timer2, self.out2)):
            self._wait(number)
            if line.level != self.counters[number].out(now):
                timer.arm(now)  # it was just about to change

    # gates

    @gate0.on_change
    def _gate0(self, level: int) -> None:
        self._gate(0, level)

    @gate1.on_change
    def _gate1(self, level: int) -> None:
        self._gate(1, level)

    @gate2.on_change
    def _gate2(self, level: int) -> None:
        self._gate(2, level)

    def _gate(self, number: int, level: int) -> None:
        counter = self.counters[number]
        if level and not counter.gate and counter.mode not in (TERMINAL_COUNT, SOFTWARE_STROBE):
            counter.loaded_at = (
                self.clock.now
            )  # "gate pin operations summary": a rising edge initiates counting
            counter.gate = level
            self._changed(number)
        counter.gate = level

    @enable.on_change
    def _enable(self, level: int) -> None:
        self.disabled = 1 - level
        self._changed(0)

    # registers

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset < 3:
            self._write_count(offset, value)
        elif value & COUNTER == READ_BACK:
            for number, counter in enumerate(self.counters):
                if value & 2 << number:
                    if not value & COUNT_STAYS:
                        self._latch_count(counter)
                    if not value & STATUS_STAYS:
                        self._latch_status(counter)
        else:
            self._control(value >> 6, value)

    def _control(self, number: int, value: int) -> None:
        counter = self.counters[number]
        access = (value & READ_WRITE) >> 4
        if access == LATCH:
            self._latch_count(counter)
            return
        counter.access = counter.read_next = counter.write_next = access
        mode = (value & MODE) >> 1
        counter.mode = (
            mode & 3 if mode > HARDWARE_STROBE else mode
        )  # "don't care" bits of modes 2 and 3
        counter.bcd = value & BCD
        self._changed(number)

    def _write_count(self, number: int, value: int) -> None:
        counter = self.counters[number]
        if counter.write_next == FIRST_OF_TWO:
            counter.low_byte = value
            counter.write_next = SECOND_OF_TWO
            return
        if counter.write_next == SECOND_OF_TWO:
            value = counter.low_byte | value << 8
            counter.write_next = FIRST_OF_TWO
        elif counter.write_next == HIGH_BYTE:
            value <<= 8
        counter.count = value or 0x10000  # "a count of 0 is the largest"
        counter.loaded_at = self.clock.now
        self._changed(number)

    def _latch_count(self, counter: Counter) -> None:
        if not counter.count_latched:  # a second latch before the count is read is ignored
            counter.latched_count = counter.value(self.clock.now)
            counter.count_latched = counter.access

    def _latch_status(self, counter: Counter) -> None:
        if not counter.status_latched:
            out = counter.out(self.clock.now)
            counter.status = out << 7 | counter.access << 4 | counter.mode << 1 | counter.bcd
            counter.status_latched = 1

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if offset == 3:
            return 0  # "no operation": the bus floats; QEMU answers 0
        counter = self.counters[offset]
        if counter.status_latched:
            counter.status_latched = 0
            return counter.status
        if counter.count_latched:
            return self._read_latched(counter)
        value = counter.value(self.clock.now)
        if counter.read_next == FIRST_OF_TWO:
            counter.read_next = SECOND_OF_TWO
        elif counter.read_next == SECOND_OF_TWO:
            counter.read_next = FIRST_OF_TWO
            return value >> 8
        return value >> 8 if counter.read_next == HIGH_BYTE else value & 0xFF

    def _read_latched(self, counter: Counter) -> int:
        if counter.count_latched == HIGH:
            counter.count_latched = 0
            return counter.latched_count >> 8
        counter.count_latched = HIGH if counter.count_latched == BOTH else 0
        return counter.latched_count & 0xFF
