"""MegaRAID SAS adapters: frames in memory, posted to a queue.

Source: LSI, MegaRAID firmware interface as published in its driver's header megaraid_sas.h
(registers, frame headers, direct commands, queue information); there is no other document.
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

__all__ = ["Megasas"]

_DOORBELL, _STATUS, _MASK, _QUEUE, _CLEAR, _STATE, _QUEUE_LOW, _QUEUE_HIGH, _DIAGNOSTIC, _SEQUENCE = (
    0x20, 0x30, 0x34, 0x40, 0xA0, 0xB0, 0xC0, 0xC4, 0xF8, 0xFC,
)  # fmt: skip
_INIT, _READ, _WRITE, _LOGICAL, _PHYSICAL, _DIRECT, _ABORT = range(7)
_UNPOSTED, _TO_DEVICE, _TO_HOST = 0x01, 0x08, 0x10
_FRAMES: Final = 4
_FRAME: Final = 256
_ENTRIES: Final = 8
_BUFFER: Final = 16384
_PENDING: Final = 0xFF

_SLOT: Final = st.integers(0, _FRAMES - 1)
_TARGETS: Final = st.sampled_from([0, 0, 1, 1, 5])
_OPCODES: Final = st.sampled_from([
    0x01010000, 0x01030100, 0x01030200, 0x01040100, 0x01040300, 0x01040500, 0x01050000, 0x01060000,
    0x01080101, 0x01080201, 0x010E0100, 0x02010000, 0x02010100, 0x02020000, 0x03010000, 0x03010100,
    0x03020000, 0x03030000, 0x03030200, 0x03090000, 0x04010000, 0x05010000, 0x08000000, 0x0E010100,
])  # fmt: skip
"""Direct commands: controller information, events, time, lists of drives, properties, ..."""


class Megasas(Driver):
    """One adapter. Frames are written and posted on their own; replies come in a queue."""

    region = "megasas-mmio#1"
    names = {
        _DOORBELL: "inbound doorbell", _STATUS: "outbound interrupt status", _MASK: "interrupt mask",
        _STATE: "firmware state", _CLEAR: "outbound doorbell clear", _DIAGNOSTIC: "diagnostic",
    }  # fmt: skip
    weights = {"send": 4, "transfer": 3, "direct": 3, "ring": 0.5, "reset": 0.5}

    def __init__(self) -> None:
        self.frames = self.allocate(_FRAMES * _FRAME, 256)
        self.information = self.allocate(64, 64)
        self.queue = self.allocate(256, 256)
        self.sense = self.allocate(128, 64)
        self.buffer = self.allocate(_BUFFER)
        self.started = False

    @operation(entries=st.sampled_from([2, _ENTRIES]), wide=st.booleans(), enabled=st.booleans())
    def start(self, entries: int, wide: bool, enabled: bool) -> None:
        """Bring the firmware to ready, and initialise its queues."""
        self._start(entries, wide=wide)
        self.registers.write(_MASK, 0 if enabled else 0xFFFFFFFF)
        self._show()

    @operation(
        slot=_SLOT,
        target=_TARGETS,
        command=COMMAND_BLOCKS,
        physical=st.booleans(),
        posted=st.booleans(),
        pieces=st.integers(1, 2),
    )
    def send(
        self, slot: int, target: int, command: bytes, physical: bool, posted: bool, pieces: int
    ) -> None:
        """Pass a command block to a drive."""
        length = min(data_length(command, DISC_BLOCK if target == 1 else DISK_BLOCK), _BUFFER)
        direction = (_TO_DEVICE if is_sent(command) else _TO_HOST) if length else 0
        body = struct.pack("<II16s", self.sense, 0, command.ljust(16, b"\0"))
        self._frame(
            slot, _PHYSICAL if physical else _LOGICAL, body, length, target=target, posted=posted,
            direction=direction, command=len(command), pieces=pieces,
        )  # fmt: skip
        self._post(slot)

    @operation(
        slot=_SLOT,
        write=st.booleans(),
        target=_TARGETS,
        block=st.sampled_from([0, 1, 0x1FFFF, 0x20000]),
        count=st.sampled_from([1, 2, 8]),
        pieces=st.integers(1, 2),
    )
    def transfer(
        self, slot: int, write: bool, target: int, block: int, count: int, pieces: int
    ) -> None:
        """Read or write blocks of a logical drive."""
        body = struct.pack("<IIII", self.sense, 0, block, 0)
        length = max(1, count) * DISK_BLOCK
        self._frame(
            slot, _WRITE if write else _READ, body, length, target=target, pieces=pieces,
            direction=_TO_DEVICE if write else _TO_HOST, counted=max(1, count),
        )  # fmt: skip
        self._post(slot)

    @operation(
        slot=_SLOT,
        opcode=_OPCODES,
        length=st.sampled_from([0, 8, 64, 512, 2048]),
        box=st.integers(0, 3),
    )
    def direct(self, slot: int, opcode: int, length: int, box: int) -> None:
        """Send a direct command to the firmware; some stay with it for later."""
        body = struct.pack("<IIII", opcode, box, 0, 0)
        self._frame(slot, _DIRECT, body, length, direction=_TO_HOST if length else 0)
        self._post(slot)

    @operation(slot=_SLOT, other=_SLOT)
    def abort(self, slot: int, other: int) -> None:
        body = struct.pack("<IIII", other, 0, self.frames + other * _FRAME, 0)
        self._frame(slot, _ABORT, body, 0)
        self._post(slot)

    @operation(slot=_SLOT, wide=st.booleans())
    def post(self, slot: int, wide: bool) -> None:
        """Post whatever frame lies there."""
        self._post(slot, wide=wide)

    @operation(doorbell=st.sampled_from([0x01, 0x02, 0x04, 0x08, 0x0E]))
    def ring(self, doorbell: int) -> None:
        """Ring the firmware's doorbell: abort, ready, frame mode, clear handshake."""
        self.registers.write(_DOORBELL, doorbell)
        self.settle()
        self.started = False
        self._show()

    @operation(value=st.sampled_from([0x4, 0x80000000, 0xFFFFFFFF]))
    def acknowledge(self, value: int) -> None:
        self.registers.write(_CLEAR, value)
        self._show()

    @operation(entries=st.integers(1, _ENTRIES))
    def consume(self, entries: int) -> None:
        """Move the host's index in the reply queue."""
        self.memory.write(self.information + 60, entries.to_bytes(4, "little"))

    @operation(words=st.integers(1, 6))
    def unlock_diagnostics(self, words: int) -> None:
        """Write the first words of the sequence that lets the adapter be reset."""
        for word in (0x00, 0x0F, 0x04, 0x0B, 0x02, 0x07, 0x0D)[:words]:
            self.registers.write(_SEQUENCE, word)
        self.registers.show(_DIAGNOSTIC)
        self.registers.show(_SEQUENCE)

    @operation(value=st.sampled_from([0x80, 0x04]))
    def reset(self, value: int) -> None:
        self.registers.write(_DIAGNOSTIC, value)
        self.settle()
        self.started = False
        self._show()

    def _start(self, entries: int, *, wide: bool) -> None:
        self.registers.write(_DOORBELL, 0x0E)
        self.settle()
        producer, consumer = self.information + 56, self.information + 60
        self.memory.write(
            self.information,
            struct.pack("<IIIIIIII", 0, entries, self.queue, 0, producer, 0, consumer, 0).ljust(
                64, b"\0"
            ),
        )
        self.memory.fill(self.queue, 256)
        self._frame(0, _INIT, struct.pack("<IIIIII", self.information, 0, 0, 0, 0, 0), 0)
        self.started = True
        self._post(0, wide=wide)

    def _frame(
        self,
        slot: int,
        code: int,
        body: bytes,
        length: int,
        *,
        target: int = 0,
        posted: bool = True,
        direction: int = 0,
        command: int = 0,
        pieces: int = 1,
        counted: int | None = None,
    ) -> None:
        """Write a frame: its header, `body`, and where its data lie."""
        pieces = min(pieces, length) or 1
        size = length // pieces
        places = b"".join(
            struct.pack(
                "<II",
                self.buffer + piece * size,
                size if piece < pieces - 1 else length - piece * size,
            )
            for piece in range(pieces)
        )
        header = struct.pack(
            "<BBBBBBBBIIHHI", code, 96, _PENDING, 0, target, 0, command, pieces if length else 0,
            slot, 0, direction | (0 if posted else _UNPOSTED), 0, length if counted is None else counted,
        )  # fmt: skip
        self.memory.fill(self.buffer, 512, 0xA5)
        self.memory.write(
            self.frames + slot * _FRAME, (header + body + places).ljust(_FRAME, b"\0")
        )

    def _post(self, slot: int, *, wide: bool = False) -> None:
        if not self.started:
            kept = self.frames + slot * _FRAME
            frame = self.memory.read(kept, _FRAME, "the frame")
            self._start(_ENTRIES, wide=wide)
            self.memory.write(kept, frame)
        address = self.frames + slot * _FRAME
        if wide:
            self.registers.write(_QUEUE_HIGH, 0)
            self.registers.write(_QUEUE_LOW, address)
        else:
            self.registers.write(_QUEUE, address)
        self.settle()
        self.settle()
        self._show()
        self.memory.show(address, 24, "frame header")
        self.memory.show(self.queue, 64, "reply queue")
        self.memory.show(self.information + 56, 8, "queue indexes")
        self.memory.show(self.buffer, 512, "transferred data")
        self.memory.show(self.sense, 32, "sense data")

    def _show(self) -> None:
        for offset in (_STATE, _STATUS, _MASK, _CLEAR):
            self.registers.show(offset)
