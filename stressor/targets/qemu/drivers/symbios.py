"""SCSI adapters that run SCRIPTS: the 53C8xx family.

Sources: LSI Logic, LSI53C895A PCI to Ultra2 SCSI controller technical manual 2.2, chapter 4
(registers) and 5 (SCRIPTS instructions, figures 5.1 to 5.10); SPI-2, section 16 (messages).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.command_blocks import (
    COMMAND_BLOCKS,
    DISC_BLOCK,
    DISK_BLOCK,
    data_length,
)

__all__ = ["Symbios53C8xx"]

_SCNTL0, _SCNTL1, _SCID, _SFBR, _DSTAT, _SSTAT0, _SSTAT1, _DSA, _ISTAT0 = (
    0x00, 0x01, 0x04, 0x08, 0x0C, 0x0D, 0x0E, 0x10, 0x14,
)  # fmt: skip
_TEMP, _DBC, _DNAD, _DSP, _DSPS, _SCRATCH_A, _DMODE, _DIEN, _DCNTL = (
    0x1C, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x39, 0x3B,
)  # fmt: skip
_SIEN0, _SIEN1, _SIST0, _SIST1, _STIME0, _STIME1, _RESPID, _STEST3, _SCRATCH_B = (
    0x40, 0x41, 0x42, 0x43, 0x48, 0x49, 0x4A, 0x4F, 0x5C,
)  # fmt: skip
_DATA_OUT, _DATA_IN, _COMMAND, _STATUS, _MESSAGE_OUT, _MESSAGE_IN = 0, 1, 2, 3, 6, 7
_MISMATCH = 0x80  # phase mismatch, in SIST0
_BUFFER: Final = 16384
_CODE: Final = 4096

_TARGETS: Final = st.sampled_from([0, 0, 1, 1, 5])
_TAGGED: Final = st.booleans()


def _move(phase: int, count: int, address: int) -> list[int]:
    return [0x08000000 | phase << 24 | count, address]


def _jump(address: int) -> list[int]:
    return [0x80080000, address]


def _jump_in_phase(phase: int, address: int) -> list[int]:
    return [0x800B0000 | phase << 24, address]


def _jump_if(byte: int, address: int) -> list[int]:
    return [0x800C0000 | byte, address]


def _interrupt(code: int) -> list[int]:
    return [0x98080000, code]


_CLEAR_ACKNOWLEDGE: Final = [0x60000040, 0]
_WAIT_DISCONNECT: Final = [0x48000000, 0]


class Symbios53C8xx(Driver):
    """One adapter. Scripts stop at interrupts, and go on where their phases were left."""

    region = "lsi-mmio"
    names = {
        _DSTAT: "DMA status", _SSTAT0: "SCSI status 0", _SSTAT1: "SCSI status 1", _ISTAT0: "interrupt status",
        _TEMP: "temporary", _DBC: "byte counter and command", _DNAD: "next address", _DSP: "script pointer",
        _DSPS: "script pointer save", _SIST0: "SCSI interrupts 0", _SIST1: "SCSI interrupts 1",
        _SCRATCH_A: "scratch A", _SCRATCH_B: "scratch B", _SFBR: "first byte received",
    }  # fmt: skip
    weights = {
        "select": 3, "execute": 4, "move": 3, "go_on": 2, "wait": 0.5, "reset": 0.5, "reset_bus": 0.5,
    }  # fmt: skip

    def __init__(self) -> None:
        self.code = self.allocate(_CODE)
        self.messages = self.allocate(64, 64)
        self.block = self.allocate(64, 64)
        self.buffer = self.allocate(_BUFFER)
        self.dispatch = self.code
        self.started = False

    @operation(modes=st.sampled_from([0x00, 0x40, 0xC0]), parity=st.sampled_from([0xC0, 0xCA]))
    def start(self, modes: int, parity: int) -> None:
        self._start()
        self._byte(_SCNTL0, parity)
        self._byte(_DMODE, modes)

    @operation(target=_TARGETS, command=COMMAND_BLOCKS, tagged=_TAGGED)
    def execute(self, target: int, command: bytes, tagged: bool) -> None:
        """Select a target and take a command through all of its phases, in one script."""
        self._run(self._prepare(target, command, tagged, stop=False))
        if self.registers.read(_SIST0, 1) & _MISMATCH:  # the device had less than was asked for
            self._run(self.dispatch)
        self._show_data()

    @operation(target=_TARGETS, command=COMMAND_BLOCKS, tagged=_TAGGED)
    def select(self, target: int, command: bytes, tagged: bool) -> None:
        """Select a target, send it a command and stop at an interrupt."""
        self._run(self._prepare(target, command, tagged, stop=True))

    @operation
    def go_on(self) -> None:
        """Go on in whatever phase the target is in."""
        self._run(self.dispatch)
        self._show_data()

    @operation(
        phase=st.sampled_from([_DATA_OUT, _DATA_IN, _STATUS, _MESSAGE_IN]),
        count=st.sampled_from([1, 5, 36, 512]),
    )
    def move(self, phase: int, count: int) -> None:
        """Move some bytes of one phase; in another one it is a phase mismatch."""
        self._run(self._write([*_move(phase, count, self.buffer), *_interrupt(phase)], 2048))
        self._show_data()

    @operation(reselect=st.booleans())
    def wait(self, reselect: bool) -> None:
        """Run into a wait for a target that nobody is on the way to."""
        first = [0x50000000, self.code] if reselect else _WAIT_DISCONNECT
        self._run(self._write([*first, *_interrupt(0x77)], 2048))

    @operation(
        operator=st.integers(0, 7),
        register=st.sampled_from([_SCRATCH_A, _SCRATCH_B, _SFBR, _DSA]),
        data=st.integers(0, 255),
    )
    def compute(self, operator: int, register: int, data: int) -> None:
        """Modify a register through the arithmetic unit, call, return, interrupt on the fly."""
        address = self.code + 2048
        change = 0x78000000 | operator << 24 | register << 16 | data << 8
        self._run(self._write([
            change, 0, 0x88080000, address + 32, 0x98180000, 0x10, *_interrupt(0x20),
            0x60000400, 0, 0x58000400, 0, 0x90080000, 0,
        ], 2048))  # fmt: skip
        self.registers.show(register)

    @operation(count=st.sampled_from([1, 4, 64, 4096]), store=st.booleans())
    def copy(self, count: int, store: bool) -> None:
        """Move memory, and load or store a register."""
        register = 0xE0000000 | (0 if store else 0x01000000) | _SCRATCH_A << 16 | 4
        self._run(self._write([
            0xC0000000 | count, self.code, self.buffer, register, self.messages + 32, *_interrupt(0x30),
        ], 2048))  # fmt: skip
        self.registers.show(_SCRATCH_A)
        self._show_data()

    @operation(step=st.booleans())
    def single_step(self, step: bool) -> None:
        self._byte(_DCNTL, 0x10 if step else 0x00)

    @operation
    def continue_script(self) -> None:
        """Start the DMA engine where it stopped."""
        self._byte(_DCNTL, 0x04)
        self.settle()
        self._show()

    @operation(status=st.sampled_from([0x20, 0x80, 0x10, 0x04, 0x00]))
    def signal(self, status: int) -> None:
        """Write the interrupt status: signal the script, abort it, take back an interrupt."""
        self._byte(_ISTAT0, status)
        self.settle()
        self._show()

    @operation(scsi=st.integers(0, 0xFFFF), dma=st.integers(0, 0x7F))
    def enable_interrupts(self, scsi: int, dma: int) -> None:
        self._byte(_SIEN0, scsi & 255)
        self._byte(_SIEN1, scsi >> 8)
        self._byte(_DIEN, dma)
        self.registers.show(_ISTAT0, 1)

    @operation(finish=st.booleans())
    def reset_bus(self, finish: bool) -> None:
        self._byte(_SCNTL1, 0x08)
        self.settle()
        if finish:
            self._byte(_SCNTL1, 0)
        self._show()

    @operation
    def reset(self) -> None:
        self._byte(_ISTAT0, 0x40)
        self._byte(_ISTAT0, 0)
        self.started = False
        self._show()

    def _start(self) -> None:
        for value in (0x40, 0):
            self._byte(_ISTAT0, value)
        for register, value in (
            (_SCNTL0, 0xC0), (_SCID, 0x47), (_SIEN0, 0xFF), (_SIEN1, 0x07), (_DIEN, 0x7D),
            (_RESPID, 0x80), (_STEST3, 0x80), (_STIME0, 0x0C), (_DCNTL, 0),
        ):  # fmt: skip
            self._byte(register, value)
        self.started = True

    def _prepare(self, target: int, command: bytes, tagged: bool, *, stop: bool) -> int:
        """Write the script of a command; return where it begins."""
        if not self.started:
            self._start()
        length = min(data_length(command, DISC_BLOCK if target == 1 else DISK_BLOCK), _BUFFER)
        messages = bytes([0xC0, 0x20, 0x40]) if tagged else bytes([0x80])
        self.memory.write(self.messages, messages)
        self.memory.write(self.block, command)
        self.memory.fill(self.buffer, 512, 0xA5)
        received = self.messages + 32
        at = self.dispatch
        again = _jump(at)
        status, message, data_in, data_out, disconnected, done = range(
            at + 40, at + 40 + 6 * 40, 40
        )
        script = [
            *_jump_in_phase(_STATUS, status), *_jump_in_phase(_MESSAGE_IN, message),
            *_jump_in_phase(_DATA_IN, data_in), *_jump_in_phase(_DATA_OUT, data_out), *_interrupt(0xBAD),
            *_move(_STATUS, 1, received), *again, *again, *again, *again,
            *_move(_MESSAGE_IN, 1, received + 1), *_jump_if(0, done), *_jump_if(4, disconnected),
            *_CLEAR_ACKNOWLEDGE, *again,
            *_move(_DATA_IN, max(1, length), self.buffer), *again, *again, *again, *again,
            *_move(_DATA_OUT, max(1, length), self.buffer), *again, *again, *again, *again,
            *_CLEAR_ACKNOWLEDGE, *_WAIT_DISCONNECT, 0x50000000, at, *again, *again,
            *_CLEAR_ACKNOWLEDGE, *_WAIT_DISCONNECT, *_interrupt(0x600D), *again, *again,
        ]  # fmt: skip
        self._write(script, 0)
        first = [
            0x41000000 | target << 16, at + 32, *_move(_MESSAGE_OUT, len(messages), self.messages),
            *_move(_COMMAND, len(command), self.block), *(_interrupt(0x570) if stop else again),
        ]  # fmt: skip
        return self._write(first, 1024)

    def _write(self, script: list[int], offset: int) -> int:
        """Write a script to memory; return its address."""
        self.memory.write(
            self.code + offset, b"".join(word.to_bytes(4, "little") for word in script)
        )
        return self.code + offset

    def _run(self, address: int) -> None:
        if not self.started:
            self._start()
        self.registers.write(_DSP, address)
        self.settle()
        self._show()

    def _byte(self, register: int, value: int) -> None:
        self.registers.write(register, value, 1)

    def _show_data(self) -> None:
        self.memory.show(self.buffer, 512, "transferred data")
        self.memory.show(self.messages, 64, "status and messages")

    def _show(self) -> None:
        for register in (_DBC, _DNAD, _DSP, _DSPS, _TEMP):
            self.registers.show(register)
        for register in (
            _ISTAT0,
            _SSTAT0,
            _SSTAT1,
            _SFBR,
            _DSTAT,
        ):  # reading the last takes it back
            self.registers.show(register, 1)
        self.registers.show(_SIST1, 1)
