"""The keyboard controller of a PC: an 8042 with IBM's program in it.

Sources: IBM, "Personal Computer AT Technical Reference", March 1986, section 1, "Keyboard Controller", and for
what has to do with a mouse (the auxiliary device) IBM, "Personal System/2 Hardware Interface Technical
Reference", October 1990, "Keyboard and Auxiliary Device Controller"; names of commands and bits are theirs.
The saved state is QEMU's `pckbd` section, version 3, byte for byte. What is plugged in is in `devices.ps2`.

That section has no room for the 8042's own memory, so this is left out: the bytes of it beside the command
byte, the password, and the parity and time-out errors of the lines to the devices. Scan codes are translated
by the keyboard, whose section has the state for it, as the line `translates` asks. A byte that comes from a
device is taken over when the processor reads it.
"""

from __future__ import annotations

from typing import ClassVar, Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from devices.ps2 import SELECT_SET, PS2Keyboard, PS2Mouse
from stressor.device import Device, Line, Region, operation
from stressor.machine import Machine, part

__all__ = ["I8042", "PS2Machine", "Plug"]

DATA, COMMAND = 0, 1
# Status register
OUTPUT_FULL, SYSTEM, LAST_WAS_COMMAND, NOT_LOCKED, OUTPUT_FROM_MOUSE = 0x01, 0x04, 0x08, 0x10, 0x20
# Command byte
KEYBOARD_INTERRUPT, MOUSE_INTERRUPT, SYSTEM_FLAG, KEYBOARD_DISABLED, MOUSE_DISABLED, TRANSLATE = (
    0x01, 0x02, 0x04, 0x10, 0x20, 0x40,
)  # fmt: skip
# Output port: of two bits "output buffer full", and whether it is with a byte of the mouse's
NOT_RESET, A20, FULL, MOUSE_FULL, OTHERS = 0x01, 0x02, 0x10, 0x20, 0xCC
# Commands
READ_BYTE, WRITE_BYTE = 0x20, 0x60
TEST_PASSWORD, DISABLE_MOUSE, ENABLE_MOUSE, TEST_MOUSE, SELF_TEST, TEST_KEYBOARD = (
    0xA4, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB,
)  # fmt: skip
DISABLE_KEYBOARD, ENABLE_KEYBOARD, READ_INPUT_PORT, READ_OUTPUT_PORT, WRITE_OUTPUT_PORT = (
    0xAD, 0xAE, 0xC0, 0xD0, 0xD1,
)  # fmt: skip
AS_KEYBOARD, AS_MOUSE, TO_MOUSE, CLEAR_A20, SET_A20, PULSE = 0xD2, 0xD3, 0xD4, 0xDD, 0xDF, 0xF0
ANSWERS: Final = {TEST_PASSWORD: 0xF1, TEST_MOUSE: 0x00, SELF_TEST: 0x55, TEST_KEYBOARD: 0x00, READ_INPUT_PORT: 0x80}
"""There is no password; nothing is wrong; the keyboard is not locked."""
WITH_ARGUMENT: Final = (WRITE_BYTE, WRITE_OUTPUT_PORT, AS_KEYBOARD, AS_MOUSE, TO_MOUSE)
# Where a byte comes from, as bits of what waits and of where the one in the output buffer is from
FROM_KEYBOARD, FROM_MOUSE, OWN, OWN_AS_MOUSE = 0x01, 0x02, 0x04, 0x08
WAITS: Final = {OWN: 0x04, OWN_AS_MOUSE: 0x08, FROM_KEYBOARD: 0x10, FROM_MOUSE: 0x20}
"""The bit of `pending` of each source, in the order in which they are served."""
NOTHING: Final = 0xFF
"""What is read of a device that is not plugged in."""


class Plug:
    """Where a device is plugged in, if there is one."""

    live_attributes: ClassVar[None] = None  # wiring

    def __init__(self) -> None:
        self.device: PS2Keyboard | PS2Mouse | None = None

    def read(self) -> int:
        return NOTHING if self.device is None else self.device.read()

    def write(self, byte: int) -> None:
        if self.device is not None:
            self.device.write(byte)


class I8042(Device):
    """The controller, by itself with nothing plugged in."""

    state = vm.Description(
        "pckbd",
        version=3,
        fields=[
            vm.u8("write_cmd", attribute="command"),
            vm.u8("status"),
            vm.u8("mode", attribute="command_byte"),
            vm.u8("pending_tmp", attribute="pending"),
        ],
        subsections=[
            vm.Description(
                "pckbd_outport",
                # QEMU saves it unless it is what follows from the rest and A20 is on
                needed=f"output_port != {NOT_RESET | A20 | OTHERS}"
                f" + (status & {OUTPUT_FULL} != 0) * {FULL} + (status & {OUTPUT_FROM_MOUSE} != 0) * {MOUSE_FULL}",
                fields=[vm.u8("outport", attribute="output_port")],
                post_load=lambda controller, version: controller._output_port_came(),
            ),
            vm.Description(
                "pckbd/extended_state",
                version=0,
                minimum_version=0,
                needed=lambda controller: True,  # as QEMU since 7.0 does
                fields=[
                    vm.unused(4),  # whether a throttled keyboard has to wait; ours is not throttled
                    vm.u32("obsrc", attribute="source"),
                    vm.u8("obdata", attribute="output"),
                    vm.u8("cbdata", attribute="own_output"),
                ],
            ),
        ],
        validate=[vm.Validate("a byte is from the keyboard, the mouse or the controller", "source in (0, 1, 2, 4)")],
        post_load=lambda controller, version: controller._loaded(),
        unsaved={"output_port_known": "is about a load, and only while it lasts"},
    )

    io = Region(size=2, ports=True, registers={DATA: "data", COMMAND: "status/command"})

    keyboard_ready = Line(input=True)
    mouse_ready = Line(input=True)
    translates = Line()
    keyboard_interrupt = Line()
    mouse_interrupt = Line()
    a20 = Line(level=1)
    resets = Line()
    """The processor's reset."""

    def __init__(self) -> None:
        self.keyboard = Plug()
        self.mouse = Plug()
        self.output_port_known = False
        self.reset()

    def reset(self) -> None:
        """Power-on, and what the firmware of QEMU's leaves: both interrupts enabled."""
        self.command = 0
        self.status = NOT_LOCKED | LAST_WAS_COMMAND
        self.command_byte = KEYBOARD_INTERRUPT | MOUSE_INTERRUPT
        self.pending = 0
        self.output_port = NOT_RESET | A20 | OTHERS
        self.source = 0
        self.output = 0
        self.own_output = 0
        self._note(FROM_KEYBOARD, self.keyboard_ready.level)
        self._note(FROM_MOUSE, self.mouse_ready.level)
        self._update()
        self._drive_lines()

    def _output_port_came(self) -> None:
        self.output_port_known = True

    def _loaded(self) -> None:
        if not self.output_port_known:
            self.output_port = NOT_RESET | A20 | OTHERS
            self._note_full()
        self.output_port_known = False
        self._drive_lines()

    # the output buffer

    @keyboard_ready.on_change
    def _keyboard_ready(self, level: int) -> None:
        self._note(FROM_KEYBOARD, level)
        self._update()

    @mouse_ready.on_change
    def _mouse_ready(self, level: int) -> None:
        self._note(FROM_MOUSE, level)
        self._update()

    def _note(self, source: int, level: int) -> None:
        bit = WAITS[source]
        self.pending = self.pending | bit if level else self.pending & ~bit

    def _next(self) -> int:
        """Return where the next byte comes from, 0 when there is none."""
        waiting = self.pending
        if self.command_byte & KEYBOARD_DISABLED:
            waiting &= ~WAITS[FROM_KEYBOARD]
        if self.command_byte & MOUSE_DISABLED:
            waiting &= ~WAITS[FROM_MOUSE]
        return next((source for source, bit in WAITS.items() if waiting & bit), 0)

    def _update(self) -> None:
        """Fill the output buffer when it is empty."""
        if not self.status & OUTPUT_FULL:
            source = self._next()
            if source:
                self.source = OWN if source == OWN_AS_MOUSE else source
                self.status |= OUTPUT_FULL | OUTPUT_FROM_MOUSE * (source in (FROM_MOUSE, OWN_AS_MOUSE))
            self._note_full()
        self._interrupt()

    def _note_full(self) -> None:
        self.output_port &= ~(FULL | MOUSE_FULL)
        if self.status & OUTPUT_FULL:
            self.output_port |= FULL | MOUSE_FULL * (self.status & OUTPUT_FROM_MOUSE != 0)

    def _interrupt(self) -> None:
        full, mouse = self.status & OUTPUT_FULL, self.status & OUTPUT_FROM_MOUSE
        enabled = self.command_byte & (KEYBOARD_INTERRUPT | KEYBOARD_DISABLED) == KEYBOARD_INTERRUPT
        self.keyboard_interrupt.set(full and not mouse and enabled)
        self.mouse_interrupt.set(full and mouse and self.command_byte & MOUSE_INTERRUPT)

    def _drive_lines(self) -> None:
        self._interrupt()
        self.translates.set(self.command_byte & TRANSLATE)
        self.a20.set(self.output_port & A20)
        self.resets.set(not self.output_port & NOT_RESET)

    def _put(self, value: int, source: int = OWN) -> None:
        """Have a byte of its own wait, in place of one that does."""
        self.pending &= ~(WAITS[OWN] | WAITS[OWN_AS_MOUSE])
        self.own_output = value
        self._note(source, 1)
        self._update()

    # ports

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if offset == COMMAND:
            return self.status
        if self.status & OUTPUT_FULL:
            self.status &= ~(OUTPUT_FULL | OUTPUT_FROM_MOUSE)
            self._interrupt()
            if self.source == FROM_KEYBOARD:
                self.output = self.keyboard.read()
            elif self.source == FROM_MOUSE:
                self.output = self.mouse.read()
            else:
                self.output = self.own_output
                self.pending &= ~(WAITS[OWN] | WAITS[OWN_AS_MOUSE])
            self._update()
        return self.output

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset == COMMAND:
            self.status |= LAST_WAS_COMMAND
            self._do(value)
        else:
            self.status &= ~LAST_WAS_COMMAND
            command, self.command = self.command, 0
            self._take(command, value)

    @operation(command=st.sampled_from(WITH_ARGUMENT), argument=st.integers(0, 0xFF))
    def order(self, command: int, argument: int) -> None:
        """The processor gives a command and its argument in one go."""
        self._write(COMMAND, 1, command)
        self._write(DATA, 1, argument)

    @operation(command=st.sampled_from(WITH_ARGUMENT))
    def begin(self, command: int) -> None:
        """The processor gives a command whose argument is still to come."""
        self._write(COMMAND, 1, command)

    def _do(self, command: int) -> None:
        """Do a command, or wait for its argument."""
        if command in WITH_ARGUMENT:
            self.command = command
        elif command in ANSWERS:
            if command == SELF_TEST:
                self.status |= SYSTEM
            self._put(ANSWERS[command])
        elif command == READ_BYTE:
            self._put(self.command_byte)
        elif command == READ_OUTPUT_PORT:
            self._put(self.output_port)
        elif command in (DISABLE_MOUSE, ENABLE_MOUSE):
            self._disable(MOUSE_DISABLED, command == DISABLE_MOUSE)
        elif command in (DISABLE_KEYBOARD, ENABLE_KEYBOARD):
            self._disable(KEYBOARD_DISABLED, command == DISABLE_KEYBOARD)
        elif command in (CLEAR_A20, SET_A20):
            self._write_output_port(self.output_port & ~A20 | A20 * (command == SET_A20))
        elif command & PULSE == PULSE and not command & NOT_RESET:
            self.resets.set(1)  # "bits 0 to 3 indicate which bits are to be pulsed", low
            self.resets.set(not self.output_port & NOT_RESET)

    def _take(self, command: int, value: int) -> None:
        """Take what was written to the data port: an argument, or a byte for the keyboard."""
        if command == WRITE_BYTE:
            self.command_byte = value
            self.status = self.status & ~SYSTEM | value & SYSTEM_FLAG  # the same bit in both
            self.translates.set(value & TRANSLATE)
            self._update()
        elif command == WRITE_OUTPUT_PORT:
            self._write_output_port(value)
        elif command in (AS_KEYBOARD, AS_MOUSE):
            self._put(value, OWN if command == AS_KEYBOARD else OWN_AS_MOUSE)
        elif command == TO_MOUSE:
            self._disable(MOUSE_DISABLED, False)
            self.mouse.write(value)
        else:
            self._disable(KEYBOARD_DISABLED, False)  # "the keyboard interface is enabled"
            self.keyboard.write(value)

    def _disable(self, bit: int, off: bool) -> None:
        self.command_byte = self.command_byte | bit if off else self.command_byte & ~bit
        self._update()

    def _write_output_port(self, value: int) -> None:
        self.output_port = value
        self._drive_lines()


class PS2Machine(Machine):
    """The controller of a PC with its keyboard and its mouse."""

    keyboard = part(PS2Keyboard)
    mouse = part(PS2Mouse)
    controller = part(I8042)

    def wire(self) -> None:
        self.controller.keyboard.device = self.keyboard
        self.controller.mouse.device = self.mouse
        self.connect(self.keyboard.ready, self.controller.keyboard_ready)
        self.connect(self.mouse.ready, self.controller.mouse_ready)
        self.connect(self.controller.translates, self.keyboard.translating)

    @operation(number=st.integers(1, 3))
    def select_set(self, number: int) -> None:
        """The processor has the keyboard send one of its three sets of codes."""
        for byte in (SELECT_SET, number):
            self.controller._write(DATA, 1, byte)
