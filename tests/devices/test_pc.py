"""The core of a PC: what its wires do, and that it is stressed as one and a part of it is blamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

import stressor.vmstate as vm
from devices import hpet
from devices import mc146818 as rtc
from devices.i8042 import PS2Machine
from devices.i8259 import I8259, I8259Pair
from devices.mc146818 import SECOND
from devices.pc import PC, SystemControl
from devices.ps2 import PS2Mouse
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.machine import Machine, part, part_at, parts_of
from stressor.search.campaign import Campaign
from stressor.targets.model import model_of
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu, on_both

FIRMWARE = [
    (0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01),
    (0xA0, 0x11), (0xA1, 0x70), (0xA1, 0x02), (0xA1, 0x01),
]  # fmt: skip
"""What firmware tells the interrupt controllers: vectors from 0x08 and from 0x70 on."""


def started(*writes: tuple[int, int]) -> PC:
    pc = PC()
    for port, value in [*FIRMWARE, *writes]:
        pc.write(port, value)
    return pc


def interrupt(pc: PC) -> int | None:
    """Return the vector of the interrupt that there is."""
    return pc.interrupts.acknowledge() if pc.interrupts.first.interrupt.level else None


# wires


def test_a_key_interrupts_at_input_1() -> None:
    pc = started((0x21, 0xFD))

    pc.ps2.keyboard.press("a")

    assert (interrupt(pc), pc.read(0x60)) == (0x09, 0x1C)


def test_the_mouse_interrupts_at_input_12() -> None:
    pc = started((0x21, 0xFB), (0x64, 0xD4), (0x60, 0xF4))

    assert (interrupt(pc), pc.read(0x60)) == (0x74, 0xFA)


def test_the_first_counter_interrupts_at_input_0() -> None:
    pc = started((0x43, 0x34), (0x40, 0x10), (0x40, 0x00))
    interrupt(pc)
    pc.write(0x20, 0x20)

    pc.clock.advance(20_000)

    assert interrupt(pc) == 0x08


def test_the_clock_interrupts_at_input_8() -> None:
    pc = started((0x21, 0xFB), (0x70, rtc.B), (0x71, rtc.UPDATE_ENABLED))

    pc.clock.advance(SECOND)

    assert interrupt(pc) == 0x70


def test_in_legacy_mode_the_hpet_asks_in_place_of_timer_and_clock() -> None:
    pc = started((0x70, rtc.B), (0x71, rtc.UPDATE_ENABLED))
    for number in range(2):
        pc.hpet._write(timer_register(number, hpet.TIMER_CONFIGURATION), 4, hpet.INTERRUPTS | hpet.LEVEL)
        pc.hpet._write(timer_register(number, hpet.COMPARATOR), 8, 1 + number)
    pc.hpet._write(hpet.CONFIGURATION, 4, hpet.ENABLED | hpet.LEGACY)
    levels = [(pc.interrupts.first.ir0.level, pc.interrupts.second.ir0.level)]

    for ticks in (1, 1):
        pc.clock.advance(ticks * hpet.TICK)
        levels.append((pc.interrupts.first.ir0.level, pc.interrupts.second.ir0.level))
    pc.hpet._write(hpet.STATUS, 4, 3)
    pc.clock.advance(SECOND)

    assert levels == [(0, 0), (1, 0), (1, 1)]
    assert (pc.rtc.irq.level, pc.timer.disabled) == (1, 1)
    assert (pc.interrupts.first.ir0.level, pc.interrupts.second.ir0.level) == (0, 0)


def test_behind_legacy_mode_timer_and_clock_ask_again() -> None:
    pc = started((0x21, 0xFA), (0x43, 0x30), (0x40, 0x10), (0x40, 0x00), (0x70, rtc.B), (0x71, rtc.UPDATE_ENABLED))
    pc.hpet._write(hpet.CONFIGURATION, 4, hpet.LEGACY)
    pc.clock.advance(SECOND)
    silent = interrupt(pc)

    pc.hpet._write(hpet.CONFIGURATION, 4, 0)

    assert (pc.interrupts.first.ir0.level, pc.interrupts.second.ir0.level) == (1, 1)
    assert (silent, interrupt(pc)) == (None, 0x08)
    pc.write(0x20, 0x20)
    assert interrupt(pc) == 0x70


@pytest.mark.parametrize(("modem_control", "vector"), [(0x08, 0x0C), (0x00, None)])
def test_the_serial_port_interrupts_at_input_4_while_out2_lets_it(modem_control: int, vector: int | None) -> None:
    pc = started((0x21, 0xEF), (0x3FC, modem_control), (0x3F9, 0x01))

    pc.serial.receive(0x55)

    assert interrupt(pc) == vector


def test_the_third_counter_is_gated_and_heard_at_port_0x61() -> None:
    pc = started((0x43, 0xB0), (0x42, 0x10), (0x42, 0x00))
    closed = pc.timer.counters[2].gate

    pc.write(0x61, 0x03)
    pc.clock.advance(20_000)

    assert (closed, pc.timer.counters[2].gate) == (0, 1)
    assert (pc.read(0x61) & 0x23, pc.control.speaker_data.level) == (0x23, 1)


def test_both_dma_controllers_move_what_is_in_the_one_memory() -> None:
    pc = started((0x0A, 0x02), (0x0B, 0x46), (0x04, 0x00), (0x04, 0x01), (0x05, 0x03), (0x05, 0x00), (0x81, 0x00))

    pc.dma.narrow.request(2, b"disk")

    assert pc.ram.read(0x100, 4) == pc.dma.wide.ram.read(0x100, 4) == b"disk"


# beside QEMU's


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc(timed=True) as pc:
        yield pc


@pytest.fixture(scope="module")
def begin(qemu: QemuPc) -> tuple[bytes, int]:
    """QEMU a few milliseconds before its clock's second ends, and the time."""
    qemu.reset()
    qemu.advance(SECOND - 4_000_000)
    return qemu.machine.save(), qemu.now


def taken(pc: PC, step: Step) -> int | None:
    """Take one step on ours; return what a read gives."""
    match step:
        case ("out", port, value):
            pc.write(port, value)
        case ("in", port):
            return pc.read(port)
        case ("write", offset, width, value):
            pc.hpet._write(offset, width, value)
        case ("read", offset, width):
            return pc.hpet._read(offset, width)
    return None


def command(step: Step) -> str:
    verb, place, *numbers = step
    if verb in ("in", "out"):
        return " ".join([f"{verb}b", *(f"{number:#x}" for number in (place, *numbers))])
    width, *value = numbers
    return " ".join([f"{verb}{'q' if width == 8 else 'l'}", *(f"{each:#x}" for each in (HPET_BASE + place, *value))])


def exact(pc: PC, step: Step) -> Step:
    """Return a step with numbers for what follows from the HPET's counter."""
    if step[0] != "ahead":
        return step
    _, number, width, ticks = step
    return "write", timer_register(number, hpet.COMPARATOR), width, pc.hpet.counter + ticks


def duration(pc: PC, step: Step) -> int:
    """Return how long a step waits, in ns; up to an edge of the clock's divider, it is to just behind that."""
    match step:
        case ("wait", time):
            return int(time)
        case ("edge", clocks):
            return round(-pc.rtc._phase % (int(clocks) * SECOND / 32_768)) + 1_000
    return 0


def compared(qemu: QemuPc, steps: Sequence[Step], pc: PC) -> tuple[list[int], list[int]]:
    """Run a trace on both; return what reads gave."""
    return on_both(
        qemu,
        (exact(pc, step) for step in steps),
        commands=lambda step: [command(step)],
        take=lambda step: taken(pc, step),
        duration=lambda step: duration(pc, step),
        clock=pc.clock,
    )


HPET_BASE = 0xFED0_0000
POLLS = [[("out", port, 0x0C), ("in", port)] for port in (0x20, 0xA0)]
REQUESTS = [step for port in (0x20, 0xA0) for step in (("out", port, 0x0A), ("in", port))]
IN_SERVICE = [step for port in (0x20, 0xA0) for step in (("out", port, 0x0B), ("in", port))]
ENDS = [[("out", port, 0x20)] for port in (0x20, 0xA0)]
KEYBOARD_AND_MOUSE: list[list[Step]] = [
    [("out", 0x64, 0x20)], [("out", 0x64, 0xD0)], [("out", 0x60, 0xEE)], [("out", 0x60, 0xF2)],
    [("in", 0x60)], [("in", 0x60)], [("in", 0x60)], [("out", 0x64, 0xD4), ("out", 0x60, 0xF4)],
    [("out", 0x64, 0x60), ("out", 0x60, 0x00)], [("out", 0x64, 0x60), ("out", 0x60, 0x03)],
]  # fmt: skip


def timer_register(number: int, register: int) -> int:
    return hpet.TIMERS + number * hpet.TIMER_SIZE + register


class Drawn:
    """A trace of the whole machine: what asks is looked at in the interrupt controllers.

    It keeps out of what docs/devices.md lists of the parts. So the timer is told its mode, and the clock its tap,
    at the beginning; the HPET's timers ask while the legacy replacement is on, and no status is left behind.
    """

    def __init__(self, random: Random, length: int) -> None:
        self.random = random
        self.legacy = 0
        self.enables = 0
        self.steps: list[Step] = []
        rate = random.choice((0, 3, 5, 8, 9))
        if rate:
            self.enables = rtc.PERIODIC_ENABLED
            self.steps.append(("edge", 1 << rate - 1))
            self._command(rtc.A, 0x20 | rate)
        self._enable()
        if random.random() < 0.5:
            self.steps += [("out", 0x43, 0x36), ("out", 0x40, 0), ("out", 0x40, 0)]
        self.steps.append(("write", hpet.CONFIGURATION, 4, hpet.ENABLED))
        kinds = (self._wait, self._ask, self._count, self._clock, self._replace, self._timer, self._silence)
        while len(self.steps) < length:
            random.choices(kinds, (6, 8, 1, 4, 1, 3, 2))[0]()

    def _command(self, register: int, value: int | None = None) -> None:
        """Write a register of the clock, or read it."""
        self.steps += [("out", 0x70, register), ("in", 0x71) if value is None else ("out", 0x71, value)]

    def _wait(self) -> None:
        self.steps.append(("wait", self.random.choice((2_000, 60_000, 300_000, 1_000_000, 4_000_000))))
        self.steps += [*REQUESTS, ("read", hpet.STATUS, 4)]

    def _ask(self) -> None:
        self.steps += self.random.choice([*POLLS, *POLLS, *ENDS, *ENDS, *KEYBOARD_AND_MOUSE])
        self.steps += [*REQUESTS, *IN_SERVICE]

    def _count(self) -> None:
        count = self.random.choice((100, 1_000, 20_000))
        self.steps += [("out", 0x40, count & 0xFF), ("out", 0x40, count >> 8)]

    def _enable(self) -> None:
        self._command(rtc.B, rtc.HOURS_24 | self.enables)

    def _clock(self) -> None:
        choice = self.random.random()
        if choice < 0.5:
            self._command(rtc.C)
        elif choice < 0.8:
            self.enables ^= self.random.choice((rtc.ALARM_ENABLED, rtc.UPDATE_ENABLED))
            self._enable()
        else:
            for register in (rtc.HOURS_ALARM, rtc.MINUTES_ALARM, rtc.SECONDS_ALARM):
                self._command(register, self.random.choice((0x00, 0xFF)))

    def _replace(self) -> None:
        if self.legacy:
            for number in range(2):
                self.steps.append(("write", timer_register(number, hpet.TIMER_CONFIGURATION), 4, 0))
            self.steps.append(("write", hpet.STATUS, 4, 3))
        self.legacy ^= hpet.LEGACY
        self.steps.append(("write", hpet.CONFIGURATION, 4, hpet.ENABLED | self.legacy))

    def _timer(self) -> None:
        if not self.legacy:
            return
        random, number = self.random, self.random.randrange(2)
        configuration, ticks = hpet.INTERRUPTS | random.choice((0, hpet.LEVEL)), random.choice((1_000, 20_000))
        register = timer_register(number, hpet.TIMER_CONFIGURATION)
        self.steps.append(("write", hpet.STATUS, 4, 1 << number))
        self.steps += [("write", register, 4, configuration), ("ahead", number, 8, ticks)]
        if random.random() < 0.5:
            self.steps += [
                ("write", register, 4, configuration | hpet.PERIODIC | hpet.VALUE_SET),
                ("ahead", number, 4, ticks),
                ("write", timer_register(number, hpet.COMPARATOR), 4, random.choice((5_000, 33_333, 200_000))),
            ]

    def _silence(self) -> None:
        self.steps.append(("write", hpet.STATUS, 4, self.random.randrange(1, 4)))


def afresh(qemu: QemuPc, begin: tuple[bytes, int]) -> PC:
    """Bring QEMU to where it began; return ours at the same time.

    No input of the interrupt controllers is high when they are initialized, and then there is a byte that both know.
    """
    devices, now = begin
    qemu.machine.load(devices)
    pc = PC()
    pc.clock.advance(now)
    quiet: list[Step] = [("out", 0x43, 0x30), ("out", 0x40, 0), ("out", 0x40, 0), ("out", 0x70, rtc.A), ("out", 0x71, 0x20)]
    quiet += [("out", 0x70, rtc.C), ("in", 0x71), ("in", 0x60), *(("out", *pair) for pair in FIRMWARE)]
    compared(qemu, [*quiet, ("out", 0x64, 0xD2), ("out", 0x60, 0x00)], pc)
    return pc


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_what_asks_in_a_thousand_traces_of_the_whole_machine_asks_as_in_qemus(
    qemu: QemuPc, begin: tuple[bytes, int]
) -> None:
    for number in range(1_000):
        pc = afresh(qemu, begin)
        steps = Drawn(Random(number), 300).steps

        ours, theirs = compared(qemu, steps, pc)

        assert ours == theirs, f"trace {number}: {steps}"
        for label in ("i8259/0", "i8259/1"):
            assert I8259.state.save(part_at(pc, PARTS[label])) == qemu.body(label), f"trace {number}: {steps}"
        assert pc.timer.disabled == int.from_bytes(qemu.body("i8254/0")[:4])


PARTS = {
    "i8259/0": "interrupts.first", "i8259/1": "interrupts.second", "dma/0": "dma.narrow", "dma/1": "dma.wide",
    "i8254/0": "timer", "mc146818rtc/0": "rtc", "hpet/0": "hpet", "pcspk/0": "control", "ps2kbd/0": "ps2.keyboard",
    "ps2mouse/0": "ps2.mouse", "pckbd/0": "ps2.controller",
}  # fmt: skip
"""The part of each section of QEMU's that ours has, too."""


def on_the_lines_of(pc: PC) -> PC:
    """Return a new machine at the same time, each of whose lines has the level that it has there."""
    other = PC()
    other.clock.now = pc.clock.now
    for path, _ in parts_of(PC):
        for line, same in zip(part_at(pc, path).lines.values(), part_at(other, path).lines.values(), strict=True):
            same.level = line.level
    return other


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_of_the_whole_machine_goes_on_as_qemus(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(20):
        pc = afresh(qemu, begin)
        steps = Drawn(Random(number), 300).steps
        compared(qemu, steps[:150], pc)
        moved = on_the_lines_of(pc)
        for label, path in PARTS.items():
            qemu.move_here(part_at(moved, path), label)

        ours, theirs = compared(qemu, steps[150:], moved)

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_the_state_of_our_whole_machine(qemu: QemuPc, begin: tuple[bytes, int]) -> None:
    for number in range(20):
        pc = afresh(qemu, begin)
        steps = Drawn(Random(number), 300).steps
        # QEMU begins to count the clock's period anew when it loads, so that is at an edge
        for step in (exact(pc, drawn) for drawn in [*steps[:150], ("edge", 512)]):
            time = duration(pc, step)
            pc.clock.advance(qemu.advance(time) if time else 0)
            taken(pc, step)
        for label, path in PARTS.items():
            qemu.move_there(part_at(pc, path), label)

        ours, theirs = compared(qemu, steps[150:], pc)

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
def test_system_control_has_qemus_section(qemu: QemuPc) -> None:
    qemu.run(["outb 0x61 0x02", "inb 0x61"])
    control = SystemControl()

    qemu.move_here(control, "pcspk/0")

    assert control.speaker == 1


# as a target


def without(state: vm.Description, name: str) -> vm.Description:
    """Return a description that forgets a field of one byte."""
    return vm.Description(
        state.name,
        version=state.version,
        fields=[vm.unused(1) if field.name == name else field for field in state.fields],
        subsections=state.subsections,
        post_load=state.post_load,
        unsaved=state.unsaved,
    )


class ForgetfulController(I8259):
    state = without(I8259.state, "imr")


class ForgetfulPair(I8259Pair):
    second = part(ForgetfulController, first=False)


class ForgetfulInterrupts(PC):
    interrupts = part(ForgetfulPair)


class ForgetfulMouse(PS2Mouse):
    state = without(PS2Mouse.state, "mouse_buttons")


class ForgetfulPS2(PS2Machine):
    mouse = part(ForgetfulMouse)


class ForgetfulInput(PC):
    ps2 = part(ForgetfulPS2)


def found_in(cls: type[Machine], cycles: int) -> list[Finding]:
    campaign = Campaign(
        model_of(cls, f"tests/devices/test_pc.py::{cls.__name__}", "pc"),
        seed=1,
        oracles=list(Oracle),
        reset_modes=list(ResetMode),
        watchdog=Watchdog(5.0),
    )
    return [finding for finding in campaign.run(cycles) if finding is not None]


@pytest.mark.slow
def test_twenty_thousand_cycles_are_clean() -> None:
    assert found_in(PC, 20_000) == []


@pytest.mark.parametrize(
    ("cls", "path"), [(ForgetfulInterrupts, "i8259/1.mask"), (ForgetfulInput, "ps2mouse/0.buttons")]
)
def test_the_part_that_forgets_is_blamed(cls: type[Machine], path: str) -> None:
    findings = found_in(cls, 1_000)

    assert [(one.divergence.cause, one.divergence.first.path) for one in findings] == [(Cause.NEVER_SAVED, path)]
