"""The real-time clock, by the datasheet and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

import pytest

from devices import mc146818 as rtc
from devices.mc146818 import MC146818, SECOND
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

LABEL = "mc146818rtc/0"
TAP = SECOND / 32_768
BEHIND = 1_000  # ns behind an edge, where a tap is chosen
NOW = (rtc.CENTURY, rtc.YEAR, rtc.MONTH, rtc.DAY_OF_MONTH, rtc.WEEKDAY, rtc.HOURS, rtc.MINUTES, rtc.SECONDS)  # fmt: skip
ALARMS = (rtc.HOURS_ALARM, rtc.MINUTES_ALARM, rtc.SECONDS_ALARM)
RAM = (0x0E, 0x40, 0x7F)


def without_tap() -> MC146818:
    """Return a clock whose periodic flag is quiet."""
    clock = MC146818()
    clock.write(rtc.A, 0x20)
    return clock


def set_to(clock: MC146818, *values: int) -> None:
    """Set the time as the datasheet asks for: with SET held."""
    clock.write(rtc.B, clock.memory[rtc.B] | rtc.SET)
    for register, value in zip(NOW, values, strict=True):
        clock.write(register, value)
    clock.write(rtc.B, clock.memory[rtc.B] & ~rtc.SET)


def shown(clock: MC146818) -> list[int]:
    return [clock.read(register) for register in NOW]


def seconds(clock: MC146818, number: float) -> None:
    clock.clock.advance(round(number * SECOND))


# by the datasheet


def test_a_leap_day_follows_in_bcd() -> None:
    clock = MC146818()
    set_to(clock, 0x20, 0x24, 0x02, 0x28, 0x04, 0x23, 0x59, 0x59)

    seconds(clock, 1)

    assert shown(clock) == [0x20, 0x24, 0x02, 0x29, 0x05, 0x00, 0x00, 0x00]


def test_the_century_turns_in_binary_and_twelve_hours() -> None:
    clock = MC146818()
    clock.write(rtc.B, rtc.SET | rtc.BINARY)
    set_to(clock, 19, 99, 12, 31, 6, 0x80 | 11, 59, 59)
    before = shown(clock)

    seconds(clock, 1)

    assert before == [19, 99, 12, 31, 6, 0x8B, 59, 59]
    assert shown(clock) == [20, 0, 1, 1, 7, 12, 0, 0]


def test_the_day_of_the_week_is_counted_for_itself() -> None:
    clock = without_tap()
    set_to(clock, 0x20, 0x24, 0x02, 0x28, 0x07, 0x23, 0x59, 0x59)

    seconds(clock, 1)

    assert clock.read(rtc.WEEKDAY) == 1


def test_set_stops_the_time_but_not_the_divider() -> None:
    clock = without_tap()
    seconds(clock, 0.25)
    clock.write(rtc.B, rtc.SET | rtc.HOURS_24)
    seconds(clock, 2)
    stopped = clock.read(rtc.SECONDS), clock.read(rtc.C)

    clock.write(rtc.B, rtc.HOURS_24)
    seconds(clock, 0.75)

    assert stopped == (0, 0)
    assert clock.read(rtc.SECONDS) == 1


def test_the_first_update_is_half_a_second_after_the_divider_is_let_go() -> None:
    clock = MC146818()
    seconds(clock, 0.9)
    clock.write(rtc.A, 0x70)
    seconds(clock, 5)
    clock.write(rtc.A, 0x20)

    seconds(clock, 0.4999)
    before = clock.read(rtc.SECONDS)
    seconds(clock, 0.0001)

    assert (before, clock.read(rtc.SECONDS)) == (0, 1)


def test_uip_is_seen_before_and_during_an_update() -> None:
    clock = MC146818()

    seconds(clock, 1 - 0.002_229)
    levels = [clock.read(rtc.A) & rtc.UPDATING]
    seconds(clock, 0.000_002)
    levels.append(clock.read(rtc.A) & rtc.UPDATING)
    seconds(clock, 0.002_227)
    levels.append(clock.read(rtc.A) & rtc.UPDATING)

    assert levels == [0, rtc.UPDATING, 0]


def test_an_update_interrupts_until_register_c_is_read() -> None:
    clock = without_tap()
    clock.write(rtc.B, rtc.UPDATE_ENABLED | rtc.HOURS_24)

    seconds(clock, 1)

    assert clock.irq.level == 1
    assert clock.read(rtc.C) == rtc.REQUEST | rtc.UPDATED
    assert clock.irq.level == 0


@pytest.mark.parametrize(
    ("alarm", "after"),
    [
        ((0x00, 0x00, 0x05), [5]),
        ((0xFF, 0xC0, 0x02), [2, 62]),
        ((0xFF, 0x01, 0xFF), [60, 61, 62]),
        ((0x00, 0x75, 0xFF), []),  # no minute matches
    ],
)
def test_an_alarm_comes_whenever_its_bytes_match(
    alarm: tuple[int, int, int], after: list[int]
) -> None:
    clock = MC146818()
    clock.write(rtc.HOURS_ALARM, 0x23)
    for register, value in zip(ALARMS, alarm, strict=True):
        clock.write(register, value)

    rung = []
    for number in range(1, 63):
        seconds(clock, 1)
        if clock.read(rtc.C) & rtc.ALARMED:
            rung.append(number)

    assert rung == after


@pytest.mark.parametrize(("rate", "hertz"), [(1, 256), (2, 128), (3, 8192), (6, 1024), (15, 2)])
def test_the_periodic_interrupt_comes_as_often_as_table_5_says(rate: int, hertz: int) -> None:
    clock = MC146818()
    clock.write(rtc.A, 0x20 | rate)
    clock.write(rtc.B, rtc.PERIODIC_ENABLED)

    for _ in range(3):
        seconds(clock, 1 / hertz + 1e-9)
        assert [clock.read(rtc.C) & rtc.PERIODIC for _ in range(2)] == [rtc.PERIODIC, 0]


def test_a_flag_that_stands_interrupts_when_it_is_enabled() -> None:
    clock = MC146818()
    seconds(clock, 1)
    before = clock.irq.level

    clock.write(rtc.B, rtc.UPDATE_ENABLED)

    assert (before, clock.irq.level) == (0, 1)


def test_the_reset_pin_clears_enables_and_flags_and_leaves_the_time() -> None:
    clock = MC146818()
    clock.write(rtc.B, 0x7E)
    seconds(clock, 1)

    clock.reset_pin.set(0)

    assert (clock.memory[rtc.B], clock.memory[rtc.C], clock.irq.level) == (0x06, 0, 0)
    assert clock.read(rtc.SECONDS) == 1


def test_a_state_of_version_1_goes_on_from_its_bytes() -> None:
    old, new = MC146818(), MC146818()
    seconds(old, 3.5)
    shown(old)

    new.clock.now = old.clock.now
    MC146818.state.load(new, MC146818.state.save(old)[: 128 + 1 + 28 + 16 + 24], version=1)
    seconds(new, 1)

    assert shown(new) == [0x20, 0x20, 1, 1, 4, 0, 0, 4]


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc(timed=True) as pc:
        yield pc


@pytest.fixture(scope="module")
def begin(qemu: QemuPc) -> tuple[bytes, int]:
    """QEMU a few milliseconds before the end of a second: what makes both sides equal, and the time."""
    qemu.advance(SECOND - 4_000_000)
    return qemu.machine.save(), qemu.now


def afresh(qemu: QemuPc, begin: tuple[bytes, int]) -> MC146818:
    """Bring QEMU to where it began; return ours at the same time, RAM made equal."""
    devices, now = begin
    qemu.machine.load(devices)
    clock = without_tap()
    clock.clock.advance(now)
    compared(qemu, [("write", rtc.A, 0x20), ("read", rtc.C), *(("write", register, 0) for register in RAM)], clock)
    return clock


def commands(step: Step) -> list[str]:
    verb, register, *value = step
    return [f"outb 0x70 {register:#x}", f"outb 0x71 {value[0]:#x}" if verb == "write" else "inb 0x71"]


def taken(clock: MC146818, step: Step) -> int | None:
    """Take one step on ours; return what a read gives."""
    match step:
        case ("write", register, value):
            clock.write(register, value)
        case ("read", register):
            return clock.read(register)
    return None


def duration(clock: MC146818, step: Step) -> int:
    """Return how long a step waits: so long, up to an edge of a tap, or until shortly before an update."""
    match step:
        case ("wait", time):
            return int(time)
        case ("edge", clocks):
            return round(-clock._phase % (int(clocks) * TAP)) + BEHIND
        case ("before", time):
            return (-int(time) - clock._phase) % SECOND + 1
    return 0


def compared(qemu: QemuPc, steps: Sequence[Step], clock: MC146818) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    seen: list[int] = []  # the bits of each answer that both have

    def take(step: Step) -> int | None:
        if step[0] == "read":
            # during the update itself QEMU's UIP is 0, see docs/devices.md
            hidden = step[1] == rtc.A and clock._phase < SECOND - rtc.BEFORE_UPDATE
            seen.append(~rtc.UPDATING if hidden else ~0)
        return taken(clock, step)

    answers = on_both(
        qemu, steps, commands=commands, take=take, duration=lambda step: duration(clock, step), clock=clock.clock
    )
    ours, theirs = ([answer & bits for answer, bits in zip(side, seen, strict=True)] for side in answers)
    return ours, theirs


class Drawn:
    """A trace. It keeps to what software may do, and out of what docs/devices.md lists."""

    def __init__(self, random: Random, length: int) -> None:
        self.random = random
        self.steps: list[Step] = []
        self.mode = rtc.HOURS_24  # DM and 24/12
        self.enables = 0
        self.divider, self.rate = 0x20, 0
        self.slowest = 1  # the slower of the last two taps
        self.periodic = random.random() < 0.6  # else the divider may be reset
        while len(self.steps) < length:
            random.choices(
                (self._read, self._write_ram, self._set, self._alarm, self._enable, self._tap, self._reset_divider, self._wait),
                (6, 1, 1, 2, 2, 2, 0.5, 3),
            )[0]()  # fmt: skip

    def _write(self, register: int, value: int) -> None:
        self.steps.append(("write", register, value))

    def _read(self) -> None:
        registers = (*NOW, rtc.A, rtc.A, rtc.B, rtc.C, rtc.C, rtc.C, rtc.D, rtc.CENTURY_AGAIN, *ALARMS, *RAM)
        self.steps.append(("read", self.random.choice(registers)))

    def _write_ram(self) -> None:
        self._write(self.random.choice((*RAM, rtc.C, rtc.D)), self.random.getrandbits(8))

    def _wait(self) -> None:
        choice = self.random.random()
        if choice < 0.04:
            self.steps.append(("before", self.random.choice((100_000, 1_000_000, 3_000_000))))
        elif choice < 0.05:
            self.steps.append(("wait", self.random.choice((SECOND, 3 * SECOND))))
        else:
            self.steps.append(("wait", self.random.choice((1_000, 100_000, 900_000, 4_000_000))))

    def _b(self, more: int = 0) -> None:
        self._write(rtc.B, self.enables | self.mode | more)

    def _byte(self, number: int) -> int:
        return number if self.mode & rtc.BINARY else number // 10 << 4 | number % 10

    def _hour(self, hour: int) -> int:
        if self.mode & rtc.HOURS_24:
            return self._byte(hour)
        return self._byte(hour % 12 or 12) | (0x80 if hour >= 12 else 0)

    def _set(self) -> None:
        """Set the time while SET is 1, after rubbish; the alarm with it, as the format may be another."""
        random = self.random
        self.enables &= ~rtc.UPDATE_ENABLED
        self._b(rtc.SET)
        self.mode = random.choice((0, rtc.BINARY)) | random.choice((0, rtc.HOURS_24))
        self._b(rtc.SET)
        for register in random.sample(NOW, 3):
            self._write(register, random.getrandbits(8))
            self.steps.append(("read", register))
        last = random.random() < 0.5
        now = datetime(
            random.randrange(1970, 2262), random.randrange(1, 13), 28, 23 if last else random.randrange(24),
            59 if last else random.randrange(60), 59 if last else random.randrange(60),
        )  # fmt: skip
        values = (
            *map(self._byte, (*divmod(now.year, 100), now.month, now.day, now.isoweekday() % 7 + 1)),
            self._hour(now.hour), self._byte(now.minute), self._byte(now.second),
        )  # fmt: skip
        for register, value in zip(NOW, values, strict=True):
            self._write(register, value)
        self._alarm()
        self._b()

    def _alarm(self) -> None:
        random = self.random
        values = self._hour(random.randrange(24)), self._byte(random.randrange(60)), self._byte(random.randrange(3))
        for register, value in zip(ALARMS, values, strict=True):
            self._write(register, random.randrange(0xC0, 0x100) if random.random() < 0.7 else value)

    def _enable(self) -> None:
        self.enables ^= self.random.choice((rtc.ALARM_ENABLED, rtc.UPDATE_ENABLED, rtc.SQUARE_WAVE, 1))
        self._b()

    def _tap(self) -> None:
        if self.periodic:
            self._rate(self.random.choice((0, 1, 2, *range(3, 10))))

    def _rate(self, rate: int) -> None:
        """Choose a tap, at an edge of both: PIE is 1 while there is one."""
        clocks = 1 << (rate + 7 if rate in (1, 2) else rate) - 1 if rate else 1
        self.steps.append(("edge", max(clocks, self.slowest)))
        self.slowest, self.rate = clocks, rate
        self._write(rtc.A, self.divider | rate)
        self.enables = self.enables & ~rtc.PERIODIC_ENABLED | (rtc.PERIODIC_ENABLED if rate else 0)
        self._b()

    def _reset_divider(self) -> None:
        if self.periodic:
            return
        self._write(rtc.A, self.random.choice((0x60, 0x70)))
        for _ in range(self.random.randrange(4)):
            self.random.choice((self._read, self._alarm, self._wait, self._enable))()
        self.divider = self.random.choice((0x00, 0x10, 0x20))
        self._write(rtc.A, self.divider)


def all_reads(steps: Sequence[Step]) -> list[Step]:
    return [*steps, *(("read", register) for register in (*range(14), *RAM, rtc.CENTURY))]


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(1_000):
        clock = afresh(qemu, begin)
        steps = all_reads(Drawn(Random(number), 25).steps)

        ours, theirs = compared(qemu, steps, clock)

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(
    qemu: QemuPc, begin: tuple[bytes, int]
) -> None:
    for number in range(40):
        trace = Drawn(Random(number), 60).steps
        compared(qemu, trace[:30], afresh(qemu, begin))
        moved = MC146818()
        moved.clock.now = qemu.now
        qemu.move_here(moved, LABEL)

        ours, theirs = compared(qemu, all_reads(trace[30:]), moved)

        assert ours == theirs, f"trace {number}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(40):
        clock = afresh(qemu, begin)
        trace = Drawn(Random(number), 60)
        # QEMU begins to count a period anew when it loads, so that is at an edge
        for step in [*trace.steps[:30], ("edge", 512)]:
            wanted = duration(clock, step)
            clock.clock.advance(qemu.advance(wanted) if wanted else 0)
            taken(clock, step)
        qemu.move_there(clock, LABEL)

        ours, theirs = compared(qemu, all_reads(trace.steps[30:]), clock)

        assert ours == theirs, f"trace {number}"
