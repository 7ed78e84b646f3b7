"""The keyboard controller with its keyboard and its mouse, by the documents and beside a real QEMU's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from devices.i8042 import PS2Machine
from devices.ps2 import KEYS, RATES
from stressor.vmstate import Section
from tests.devices.qemu_pc import QemuPc, Step, halting, needs_qemu

DATA, COMMAND = 0x60, 0x64
BUTTONS = ("left", "right", "middle", "side", "extra")
NOT_QEMUS = 0x0C
"""The bits of the status register that QEMU does not have change, see docs/devices.md."""


def do(machine: PS2Machine, step: Step) -> int | None:
    """Take one step on ours; return what a read gives."""
    controller = machine.controller
    match step:
        case ("out", port, value):
            controller._write(port >> 2 & 1, 1, value)
        case ("in", port):
            return controller._read(port >> 2 & 1, 1) & ~(NOT_QEMUS if port == COMMAND else 0)
        case ("key", key, down):
            (machine.keyboard.press if down else machine.keyboard.release)(key)
        case ("move", right, up, wheel):
            machine.mouse.move(right, up, wheel)
        case ("click", button, down):
            machine.mouse.click(button, down)
    return None


def events(step: Step) -> list[tuple[str, dict[str, object]]]:
    """Return what QEMU is to be told of a key or the mouse."""
    match step:
        case ("key", key, down):
            return [("key", {"down": down, "key": {"type": "qcode", "data": key}})]
        case ("click", button, down):
            return [("btn", {"down": down, "button": BUTTONS[button]})]
        case _:
            _, right, up, wheel = step
            told: list[tuple[str, dict[str, object]]] = [
                ("rel", {"axis": axis, "value": value}) for axis, value in (("x", right), ("y", -up)) if value
            ]
            if wheel:
                told.append(("btn", {"down": True, "button": "wheel-down" if wheel > 0 else "wheel-up"}))
            return told


def command(*values: int) -> list[Step]:
    """Give the controller a command, with its argument."""
    return [("out", COMMAND if index == 0 else DATA, value) for index, value in enumerate(values)]


def keyboard(*values: int) -> list[Step]:
    return [("out", DATA, value) for value in values]


def mouse(*values: int) -> list[Step]:
    return [step for value in values for step in command(0xD4, value)]


def reads(number: int) -> list[Step]:
    return [("in", COMMAND), ("in", DATA)] * number


def afresh() -> list[Step]:
    """What makes both equal, whatever QEMU's reset leaves."""
    return [*keyboard(0xFF), *mouse(0xFF, 0xF3, 10), *command(0xD2, 0), *reads(12)]


# by the documents


def started(*steps: Step) -> PS2Machine:
    machine = PS2Machine()
    for step in steps:
        do(machine, step)
    return machine


def taken(machine: PS2Machine) -> list[int]:
    """Return what the data port gives until the output buffer is empty."""
    bytes_read = []
    while machine.controller._read(1, 1) & 1:
        bytes_read.append(machine.controller._read(0, 1))
    return bytes_read


def test_a_key_comes_as_codes_of_set_2_and_is_translated_to_set_1_where_the_command_byte_asks() -> None:
    plain, translating = started(), started(*command(0x60, 0x41))

    for machine in (plain, translating):
        machine.keyboard.press("a")
        machine.keyboard.release("a")

    assert (taken(plain), taken(translating)) == ([0x1C, 0xF0, 0x1C], [0x1E, 0x9E])


@pytest.mark.parametrize(("number", "codes"), [(1, [0x1E, 0x9E]), (2, [0x1C, 0xF0, 0x1C]), (3, [0x1C, 0xF0, 0x1C])])
def test_the_processor_selects_a_set_of_codes(number: int, codes: list[int]) -> None:
    machine = started()
    machine.select_set(number)
    replies = taken(machine)
    machine.keyboard.press("a")
    machine.keyboard.release("a")

    assert (replies, machine.keyboard.set, taken(machine)) == ([0xFA], number, codes)


def test_a_full_output_buffer_interrupts_until_it_is_read() -> None:
    machine = started()
    machine.keyboard.press("esc")
    levels = [machine.controller.keyboard_interrupt.level, machine.controller.mouse_interrupt.level]

    taken(machine)

    assert (levels, machine.controller.keyboard_interrupt.level) == ([1, 0], 0)


def test_a_byte_of_the_mouse_interrupts_on_its_own_line_and_says_so_in_the_status() -> None:
    machine = started(*mouse(0xF2))

    assert (machine.controller.mouse_interrupt.level, machine.controller.keyboard_interrupt.level) == (1, 0)
    assert machine.controller._read(1, 1) & 0x21 == 0x21
    assert taken(machine) == [0xFA, 0x00]


def test_the_self_test_passes_and_sets_the_system_flag() -> None:
    machine = started(*command(0xAA))

    assert (machine.controller.status & 0x04, taken(machine)) == (0x04, [0x55])


def test_the_system_flag_is_that_of_the_command_byte() -> None:
    machine = started(*command(0xAA), *command(0x60, 0x01))

    assert machine.controller.status & 0x04 == 0


def test_the_status_tells_whether_a_command_or_data_was_written_last() -> None:
    machine = started(*command(0xAE))
    after_command = machine.controller.status & 0x08

    do(machine, ("out", DATA, 0xEE))

    assert (after_command, machine.controller.status & 0x08) == (0x08, 0)


def test_a_disabled_keyboard_keeps_its_keys() -> None:
    machine = started(*command(0xAD))
    machine.keyboard.press("b")
    disabled = taken(machine)

    do(machine, ("out", COMMAND, 0xAE))

    assert (disabled, taken(machine)) == ([], [0x32])


def test_the_output_port_gates_a20_and_resets_the_processor() -> None:
    machine = started(*command(0xD1, 0xCD))

    machine.outputs.clear()
    do(machine, ("out", COMMAND, 0xFE))

    assert machine.controller.a20.level == 0
    assert [event for event in machine.outputs if "controller.resets" in event] == [  # type: ignore[operator]
        ("line", "controller.resets", 1), ("line", "controller.resets", 0),
    ]  # fmt: skip


def test_there_is_no_password() -> None:
    assert taken(started(*command(0xA4))) == [0xF1]


def test_the_keyboard_answers_before_keys_that_wait() -> None:
    machine = started()
    machine.keyboard.press("a")

    do(machine, ("out", DATA, 0xF2))

    assert taken(machine) == [0xFA, 0xAB, 0x83, 0x1C]


def test_the_keyboard_sends_again_what_it_sent_last() -> None:
    machine = started()
    machine.keyboard.press("a")
    taken(machine)

    do(machine, ("out", DATA, 0xFE))

    assert taken(machine) == [0x1C]


def test_enabling_the_keyboard_clears_what_waits() -> None:
    machine = started()
    machine.keyboard.press("a")

    do(machine, ("out", DATA, 0xF4))

    assert taken(machine) == [0xFA]


def test_neither_knows_every_command() -> None:
    assert (taken(started(*keyboard(0x00))), taken(started(*mouse(0x00)))) == ([0xFE], [0xFE])


@pytest.mark.parametrize("argument", [(0xF3, 9), (0xE8, 4)])
def test_the_mouse_refuses_a_rate_and_a_resolution_that_it_does_not_have(argument: tuple[int, int]) -> None:
    assert taken(started(*mouse(*argument))) == [0xFA, 0xFE]


def test_a_movement_is_reported_with_signs_and_in_pieces() -> None:
    machine = started(*mouse(0xF4))
    taken(machine)

    machine.mouse.move(-130, 5, 0)

    assert taken(machine) == [0x18, 0x81, 5, 0x18, 0xFD, 0]


def test_in_remote_mode_a_movement_waits_to_be_asked_for() -> None:
    machine = started(*mouse(0xF4, 0xF0))
    taken(machine)
    machine.mouse.move(3, 0, 0)
    unasked = taken(machine)

    for step in mouse(0xEB):
        do(machine, step)

    assert (unasked, taken(machine)) == ([], [0xFA, 0x08, 3, 0])


def test_a_wrapping_mouse_echoes_and_a_reset_ends_that() -> None:
    machine = started(*mouse(0xEE, 0x42, 0xFF, 0xF2))

    assert taken(machine)[-2:] == [0xFA, 0x00]
    assert machine.mouse.wrapping == 0


def test_the_mouse_reports_its_buttons_in_its_status() -> None:
    machine = started(*mouse(0xF4))
    machine.mouse.click(0, True)
    taken(machine)

    for step in mouse(0xE9):
        do(machine, step)

    assert taken(machine) == [0xFA, 0x24, 2, 100]


@pytest.mark.parametrize(("rates", "kind"), [((200, 100, 80), 3), ((200, 200, 80), 4), ((200, 80), 0)])
def test_rates_in_a_row_make_an_intellimouse_of_it(rates: tuple[int, ...], kind: int) -> None:
    machine = started()

    machine.mouse.knock(rates)

    assert machine.mouse.kind == kind


# beside QEMU's


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QemuPc]:
    file: Path = tmp_path_factory.mktemp("firmware") / "halt"
    with QemuPc(options=halting(file)) as pc:
        yield pc


ORDINARY = sorted(KEYS.keys() - {"print", "pause", "alt", "alt_r", "ctrl", "ctrl_r", "kp_subtract"})
CONTROLLER = (0x20, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAD, 0xAE, 0xAE, 0xC0, 0xD0, 0xD0, 0xDD, 0xDF)


def drawn(random: Random, length: int) -> list[Step]:
    """Draw a trace without what docs/devices.md says to be different in QEMU.

    In half of the traces the mouse is clicked, in the others it is asked for its status.
    """
    clicks = random.random() < 0.5
    pressed: set[object] = set()
    steps: list[Step] = []
    if random.random() < 0.5:
        steps += mouse(0xF4)
    if random.random() < 0.3:
        steps += mouse(0xF3, 200, 0xF3, random.choice((100, 200)), 0xF3, 80)
    for _ in range(length):
        choice = random.random()
        byte = random.getrandbits(8)
        data = random.randrange(1, 0xED)  # an argument which, when it is one of another, is no command
        if choice < 0.25:
            steps += reads(random.randrange(1, 6))
        elif choice < 0.3:
            steps.append(("in", DATA))
        elif choice < 0.45:
            key = random.choice(ORDINARY)
            pressed ^= {key}
            steps.append(("key", key, key in pressed))
        elif choice < 0.55 and clicks and random.random() < 0.5:
            button = random.randrange(5)
            pressed ^= {button}
            steps.append(("click", button, button in pressed))
        elif choice < 0.55:
            wheel = random.choice((0, 0, 1, -1))
            steps.append(("move", random.randint(1, 9), random.randint(-300, 300), wheel))
        elif choice < 0.65:
            steps += command(random.choice(CONTROLLER))
        elif choice < 0.67:
            steps += command(random.choice([each for each in range(0x100) if harmless(each)]))
        elif choice < 0.75:
            steps += random.choice((
                command(0x60, byte), command(0x60, 0x43), command(0x60, 0x03), command(0xD1, byte | 1),
                command(0xD2, byte), command(0xD3, byte),
            ))  # fmt: skip
        elif choice < 0.86:
            steps += keyboard(*random.choice((
                (0xED, data), (0xEE,), (0xF0, random.randrange(1, 6)), (0xEE, 0xF0, 0), (0xF2,), (0xF3, data),
                (0xF5, 0xF5, 0xF4), (0xF5,), (0xF6,), (0xFA,), (0xFC, data), (0xFF,), (0xED,), (0xF0,),
                (data,),
            )))  # fmt: skip
        else:
            steps += mouse(*random.choice((
                (0xE6,), (0xE7,), (0xE8, byte & 3), (0xEA,), (0xEB,), (0xEB,), (0xF0,), (0xF2,), (0xF4,), (0xF4,),
                (0xF3, random.choice(RATES)), (0xF5,), (0xF6,), (0xFF,), (0xEE, byte % 0xEC, 0xEC),
                (0xF3, 200, 0xF3, random.choice((100, 200)), 0xF3, 80), (0xF2,) if clicks else (0xE9,),
            )))  # fmt: skip
    return steps


def harmless(value: int) -> bool:
    """Whether a command takes no argument, does not reset the machine, and is known to QEMU or to nobody."""
    return value not in (0x60, 0xA4, 0xD1, 0xD2, 0xD3, 0xD4) and (value < 0xF0 or bool(value & 1))


def all_reads(steps: Sequence[Step]) -> list[Step]:
    """Add reads of everything that can be read."""
    return [*steps, *command(0x20), ("in", DATA), *command(0xD0), *command(0xAE), *command(0xA8), *reads(40)]


def on_both(
    qemu: QemuPc, steps: Sequence[Step], machine: PS2Machine
) -> tuple[list[int | None], list[int | None]]:
    theirs: list[int | None] = []
    commands: list[str] = []
    read: list[int] = []
    for step in [*steps, ("end",)]:
        if step[0] in ("in", "out"):
            commands.append(f"{step[0]}b {' '.join(map(hex, step[1:]))}")
            read += [step[1]] if step[0] == "in" else []
            continue
        answers = (answer for answer in qemu.run(commands) if answer is not None)
        theirs += [
            answer & ~(NOT_QEMUS if port == COMMAND else 0) for answer, port in zip(answers, read, strict=True)
        ]
        commands, read = [], []
        if step[0] != "end":
            qemu.input(*events(step))
    ours = [do(machine, step) for step in steps]
    return [answer for step, answer in zip(steps, ours, strict=True) if step[0] == "in"], theirs


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc) -> None:
    for number in range(1_000):
        qemu.reset()
        steps = all_reads([*afresh(), *drawn(Random(number), 30)])

        ours, theirs = on_both(qemu, steps, PS2Machine())

        assert ours == theirs, f"trace {number}: {steps}"


@pytest.mark.qemu
@needs_qemu
@pytest.mark.parametrize("mode", [0x03, 0x43])
@pytest.mark.parametrize("chosen", [1, 2, 3])
def test_every_key_has_qemus_codes(qemu: QemuPc, chosen: int, mode: int) -> None:
    qemu.reset()
    steps = [*afresh(), *command(0x60, mode), *keyboard(0xF0, chosen), *reads(2)]
    for key in sorted(KEYS):
        if (key, chosen) != ("kp_subtract", 3):
            steps += [("key", key, True), *reads(9), ("key", key, False), *reads(6)]

    ours, theirs = on_both(qemu, steps, PS2Machine())

    assert ours == theirs


PARTS = {"ps2kbd/0": "keyboard", "ps2mouse/0": "mouse", "pckbd/0": "controller"}


def interrupts(qemu: QemuPc) -> tuple[int, int]:
    """Return the levels that the two interrupt controllers have at inputs 1 and 12, from their sections."""
    first, second = (qemu.section(f"i8259/{instance}") for instance in range(2))
    levels = len(b"\x04....\x05i8259........")
    return first[levels] >> 1 & 1, second[levels] >> 4 & 1


@pytest.mark.qemu
@needs_qemu
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(qemu: QemuPc) -> None:
    for number in range(60):
        qemu.reset()
        start, end = drawn(Random(number), 20), drawn(Random(-number), 20)
        before = PS2Machine()
        on_both(qemu, [*afresh(), *start], before)
        moved = PS2Machine()
        for label, name in PARTS.items():
            qemu.move_here(getattr(moved, name), label)
        controller = moved.controller
        assert (controller.keyboard_interrupt.level, controller.mouse_interrupt.level) == interrupts(qemu)

        ours, theirs = on_both(qemu, all_reads(follows(start, end)), moved)

        assert ours == theirs, f"trace {number}"


def values(section: Section, data: bytes) -> dict[str, object]:
    """Return a section's values by path, but for bytes that were taken from a queue, which a reset leaves."""
    fields = {field.path: field.value for field in section.fields_of(data) if "queue.data" not in field.path}
    status = fields.get("pckbd/0.status")
    return fields | ({"pckbd/0.status": status & ~NOT_QEMUS} if isinstance(status, int) else {})


@pytest.mark.qemu
@needs_qemu
def test_every_field_is_as_qemus_after_the_same_trace(qemu: QemuPc) -> None:
    for number in range(100):
        qemu.reset()
        machine = PS2Machine()
        on_both(qemu, [*afresh(), *drawn(Random(number), 30)], machine)

        for label, name in PARTS.items():
            device, theirs = getattr(machine, name), qemu.section(label)
            section = Section(device.state, section_id=int.from_bytes(theirs[1:5]))
            assert values(section, section.save(device)) == values(section, theirs), f"trace {number}"


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state(qemu: QemuPc) -> None:
    for number in range(60):
        qemu.reset()
        start, end = drawn(Random(number), 20), drawn(Random(-number), 20)
        machine = started(*afresh(), *start)
        for label, name in PARTS.items():
            qemu.move_there(getattr(machine, name), label)

        ours, theirs = on_both(qemu, all_reads(follows(start, end)), machine)

        assert ours == theirs, f"trace {number}"


def follows(start: Sequence[Step], end: Sequence[Step]) -> list[Step]:
    """Return what can be done after `start`: no request for a status when the mouse was clicked."""
    clicked = any(step[0] == "click" for step in start)
    return [step for step in end if not clicked or step != ("out", DATA, 0xE9)]
