"""Fusion-MPT SAS adapters: messages through the doorbell and through queues.

Source: LSI Logic, Fusion-MPT message passing interface specification 1.2, chapter 3 (system
interface: registers, handshake, queues), 4 and 5 (messages), 8 (configuration).
"""

from __future__ import annotations

import struct
from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.command_blocks import (
    COMMAND_BLOCKS,
    DISC_BLOCK,
    DISK_BLOCK,
    data_length,
    is_sent,
)

__all__ = ["Mptsas"]

_DOORBELL, _SEQUENCE, _DIAGNOSTIC, _STATUS, _MASK, _REQUESTS, _REPLIES = (
    0x00, 0x04, 0x08, 0x30, 0x34, 0x40, 0x44,
)  # fmt: skip
_SCSI, _TASK, _INIT, _FACTS, _CONFIGURE, _PORT_FACTS, _PORT_ENABLE, _EVENTS = range(8)
_RESET_UNIT, _HANDSHAKE = 0x40, 0x42
_REQUEST_FRAMES: Final = 4
_REPLY_FRAMES: Final = 4
_FRAME: Final = 128
_BUFFER: Final = 16384
_OPERATIONAL: Final = 0x2

_SLOT: Final = st.integers(0, _REQUEST_FRAMES - 1)
_TARGETS: Final = st.sampled_from([0, 0, 1, 1, 5])


def _init_message() -> bytes:
    return struct.pack(
        "<BBBBBBBBIHHIIHHI", 4, 0, 0, _INIT, 0, 8, 1, 0, 1, _FRAME, 0, 0, 0, 0x0105, 0, 0
    )


def _short_message(function: int) -> bytes:
    return struct.pack("<BBBBBBBBI", 0, 0, 0, function, 0, 0, 0, 0, function)


def _task_message(target: int, kind: int) -> bytes:
    return struct.pack("<BBBBBBBBI8s28xI", target, 0, 0, _TASK, 0, kind, 0, 0, 0x77, bytes(8), 0)


_MESSAGES: Final = {
    "initialise": _init_message(),
    "facts": _short_message(_FACTS),
    "port facts": _short_message(_PORT_FACTS),
    "enable port": _short_message(_PORT_ENABLE),
    "events": struct.pack("<BBBBBBBBI", 1, 0, 0, _EVENTS, 0, 0, 0, 0, 7),
    "reset target": _task_message(0, 3),
    "reset bus": _task_message(0, 4),
    "unknown": _short_message(0x3F),
}
_NAMES: Final = st.sampled_from(sorted(_MESSAGES))


class Mptsas(Driver):
    """One adapter. Handshakes stop after some words, both ways, and can be gone on with."""

    region = "mptsas-mmio"
    names = {
        _DOORBELL: "doorbell", _DIAGNOSTIC: "host diagnostic", _STATUS: "interrupt status",
        _MASK: "interrupt mask", _REPLIES: "reply queue",
    }  # fmt: skip
    weights = {
        "send": 4,
        "handshake": 3,
        "post": 2,
        "configure": 2,
        "reset_unit": 0.5,
        "diagnose": 0.5,
    }

    def __init__(self) -> None:
        self.requests = self.allocate(_REQUEST_FRAMES * _FRAME, 256)
        self.replies = self.allocate(_REPLY_FRAMES * _FRAME, 256)
        self.sense = self.allocate(256, 64)
        self.buffer = self.allocate(_BUFFER)
        self.started = False

    @operation(mask=st.sampled_from([0, 1, 8, 9]))
    def start(self, mask: int) -> None:
        """Reset the unit, initialise it, give it frames for replies and enable its port."""
        self._start()
        self.registers.write(_MASK, mask)

    @operation(
        name=_NAMES,
        words=st.sampled_from([1, 2, 3, 6, 6, 6]),
        answers=st.sampled_from([0, 1, 2, 40]),
    )
    def handshake(self, name: str, words: int, answers: int) -> None:
        """Send a message through the doorbell, or its first words; read some of the reply."""
        message = _MESSAGES.get(name, _MESSAGES["facts"])
        self._handshake(message, words if words < 6 else len(message) // 4, answers)

    @operation(words=st.integers(1, 3))
    def more_words(self, words: int) -> None:
        """Write further words of a message."""
        for word in range(words):
            self.registers.write(_DOORBELL, word)
        self.settle()
        self._show()

    @operation(answers=st.integers(1, 12))
    def more_answers(self, answers: int) -> None:
        """Read on in a reply."""
        self._answers(answers)

    @operation(
        slot=_SLOT,
        target=_TARGETS,
        command=COMMAND_BLOCKS,
        wide=st.booleans(),
        pieces=st.integers(1, 2),
    )
    def send(self, slot: int, target: int, command: bytes, wide: bool, pieces: int) -> None:
        """Send a command block to a drive, through the request queue."""
        length = min(data_length(command, DISC_BLOCK if target == 1 else DISK_BLOCK), _BUFFER)
        control = (1 if is_sent(command) else 2) << 24 if length else 0
        message = struct.pack(
            "<BBBBBBBBI8sI16sII", target, 0, 0, _SCSI, len(command), 96, 0, 0, 0x100 | slot, bytes(8),
            control, command.ljust(16, b"\0"), length, self.sense,
        )  # fmt: skip
        self.memory.fill(self.buffer, 512, 0xA5)
        self._post(slot, message + self._places(length, is_sent(command), wide, pieces))

    @operation(slot=_SLOT, name=_NAMES)
    def post(self, slot: int, name: str) -> None:
        """Send a message through the request queue."""
        self._post(slot, _MESSAGES.get(name, _MESSAGES["facts"]))

    @operation(
        slot=_SLOT,
        kind=st.sampled_from([0, 1, 2, 9, 0x0F, 0x10, 0x11, 0x12, 0x13]),
        page=st.integers(0, 4),
        action=st.sampled_from([0, 1, 5, 6]),
        address=st.sampled_from([0, 1, 0xFFFF, 0x10000]),
    )
    def configure(self, slot: int, kind: int, page: int, action: int, address: int) -> None:
        """Ask for a configuration page, of a plain or (0x0F) an extended kind."""
        plain, extended = (kind, 0) if kind < 0x10 else (0x0F, kind)
        message = struct.pack(
            "<BBBBHBBI8sBBBBI", action, 0, 0, _CONFIGURE, 64, extended, 0, 0x200 | slot, bytes(8),
            0, 64, page, plain, address,
        )  # fmt: skip
        self.memory.fill(self.buffer, 512, 0xA5)
        self._post(slot, message + self._places(256, False, False, 1))

    @operation(frames=st.integers(1, _REPLY_FRAMES))
    def give_replies(self, frames: int) -> None:
        """Give the adapter frames for its replies."""
        self._give(frames)
        self._show()

    @operation(count=st.integers(1, 3))
    def take_replies(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_REPLIES)
        self._show()

    @operation(mask=st.integers(0, 15))
    def enable_interrupts(self, mask: int) -> None:
        self.registers.write(_MASK, mask)
        self._show()

    @operation
    def acknowledge(self) -> None:
        self.registers.write(_STATUS, 0)
        self._show()

    @operation(words=st.integers(1, 6), reset=st.booleans())
    def diagnose(self, words: int, reset: bool) -> None:
        """Write the first words of the sequence that enables diagnostics, and perhaps reset."""
        for word in (0xFF, 0x04, 0x0B, 0x02, 0x07, 0x0D)[:words]:
            self.registers.write(_SEQUENCE, word)
        self.registers.show(_DIAGNOSTIC)
        if reset:
            self.registers.write(_DIAGNOSTIC, 0x04)
            self.started = False
        self._show()

    @operation
    def reset_unit(self) -> None:
        self.registers.write(_DOORBELL, _RESET_UNIT << 24)
        self.settle()
        self.started = False
        self._show()

    def _start(self) -> None:
        self.registers.write(_DOORBELL, _RESET_UNIT << 24)
        self.settle()
        for _ in range(2):
            self.registers.write(_STATUS, 0)
        self._handshake(_MESSAGES["initialise"], len(_MESSAGES["initialise"]) // 4, 12)
        self._give(_REPLY_FRAMES)
        self.started = True

    def _handshake(self, message: bytes, words: int, answers: int) -> None:
        self.registers.write(_DOORBELL, _HANDSHAKE << 24 | len(message) // 4 << 16)
        self.registers.write(_STATUS, 0)
        for at in range(0, 4 * words, 4):
            self.registers.write(_DOORBELL, int.from_bytes(message[at : at + 4], "little"))
        self.settle()
        self._answers(answers)

    def _answers(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_DOORBELL)
            self.registers.write(_STATUS, 0)
        self._show()

    def _places(self, length: int, sent: bool, wide: bool, pieces: int) -> bytes:
        """Return a list of simple elements for `length` bytes of the buffer: section 4.2.2."""
        flags = 0x10 | (0x04 if sent else 0) | (0x02 if wide else 0)
        pieces = max(1, min(pieces, length))
        size = length // pieces
        elements = b""
        for piece in range(pieces):
            last = piece == pieces - 1
            part = length - piece * size if last else size
            word = (flags | (0xC1 if last else 0)) << 24 | part
            address = self.buffer + piece * size
            elements += struct.pack("<IQ" if wide else "<II", word, address)
        return elements

    def _give(self, frames: int) -> None:
        for frame in range(frames):
            self.registers.write(_REPLIES, self.replies + frame * _FRAME)

    def _post(self, slot: int, message: bytes) -> None:
        if not self.started:
            self._start()
        address = self.requests + slot * _FRAME
        self.memory.write(address, message.ljust(_FRAME, b"\0"))
        self.registers.write(_REQUESTS, address)
        self.settle()
        self.settle()
        self._show()
        self.registers.show(_REPLIES)
        self.memory.show(self.replies, _REPLY_FRAMES * _FRAME, "reply frames")
        self.memory.show(self.buffer, 512, "transferred data")
        self.memory.show(self.sense, 32, "sense data")

    def _show(self) -> None:
        for offset in (_DOORBELL, _STATUS, _MASK):
            self.registers.show(offset)
