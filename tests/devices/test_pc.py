"""The core of a PC: what its wires do, and that it is stressed as one and a part of it is blamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import stressor.vmstate as vm
from devices.i8042 import PS2Machine
from devices.i8259 import I8259, I8259Pair
from devices.pc import PC, SystemControl
from devices.ps2 import PS2Mouse
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.machine import Machine, part
from stressor.search.campaign import Campaign
from stressor.targets.model import model_of
from stressor.vmstate import Section
from tests.devices.qemu_pc import QemuPc, halting, needs_qemu

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
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QemuPc]:
    file: Path = tmp_path_factory.mktemp("firmware") / "halt"
    with QemuPc(options=halting(file)) as pc:
        yield pc


KNOWN = [(0x43, 0x30), (0x64, 0xD2), (0x60, 0x00)]
"""The timer asks no more, and the output buffer has a byte that both know."""

ASKING = (
    "outb 0x64 0x20", "outb 0x64 0xd0", "outb 0x60 0xee", "outb 0x60 0xf2", "inb 0x60", "inb 0x60", "inb 0x60",
    "outb 0x64 0xd4,outb 0x60 0xf4", "outb 0x64 0x60,outb 0x60 0x00", "outb 0x64 0x60,outb 0x60 0x03",
    "outb 0x20 0x0c", "outb 0xa0 0x0c", "outb 0x20 0x20", "outb 0xa0 0x20",
)  # fmt: skip


@pytest.mark.qemu
@needs_qemu
def test_keyboard_and_mouse_ask_as_qemus_do(qemu: QemuPc) -> None:
    for number in range(100):
        qemu.reset()
        random = Random(number)
        pc = started(*KNOWN)
        qemu.run([f"outb {port:#x} {value:#x}" for port, value in (*FIRMWARE, *KNOWN)])
        trace = ["inb 0x60"]
        for _ in range(20):
            trace += [*random.choice(ASKING).split(","), "inb 0x20", "inb 0xa0"]

        theirs = [answer for answer in qemu.run(trace) if answer is not None]

        assert [answer for answer in (done(pc, command) for command in trace) if answer is not None] == theirs


def done(pc: PC, command: str) -> int | None:
    """Do a qtest command on ours."""
    name, *numbers = command.split()
    port, *value = (int(number, 16) for number in numbers)
    if name == "inb":
        return pc.read(port)
    pc.write(port, *value)
    return None


@pytest.mark.qemu
@needs_qemu
def test_system_control_has_qemus_section(qemu: QemuPc) -> None:
    qemu.run(["outb 0x61 0x02", "inb 0x61"])
    data = qemu.section("pcspk/0")
    section = Section(SystemControl.state, section_id=int.from_bytes(data[1:5]))
    control = SystemControl()

    section.load(control, data)

    assert (control.speaker, section.save(control)) == (1, data)


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
