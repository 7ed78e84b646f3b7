"""VMware's paravirtual SCSI adapter: requests and completions in rings.

Source: VMware, PVSCSI interface as published in its header vmw_pvscsi.h (registers, commands, ring
state, descriptors); there is no other document.
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

__all__ = ["Pvscsi"]

_COMMAND, _DATA, _STATUS, _INTERRUPTS, _MASK = 0x0000, 0x0004, 0x0008, 0x100C, 0x2010
_KICK: Final = {"other": 0x3014, "transfer": 0x4018}
_RESET_ADAPTER, _SETUP_RINGS, _RESET_BUS, _RESET_DEVICE, _ABORT, _CONFIGURE, _SETUP_MESSAGES = (
    1, 3, 4, 5, 6, 7, 8,
)  # fmt: skip
_LENGTHS: Final = {
    _SETUP_RINGS: 132,
    _RESET_DEVICE: 3,
    _ABORT: 4,
    _CONFIGURE: 6,
    _SETUP_MESSAGES: 34,
}
"""Words of data behind each command that has some."""
_PAGE: Final = 4096
_PAGES: Final = 2
_REQUEST: Final = 128
_COMPLETION: Final = 32
_BUFFER: Final = 16384
_LIST, _NO_DATA, _TO_HOST, _TO_DEVICE = 0x01, 0x04, 0x08, 0x10
_TARGETS: Final = st.sampled_from([0, 0, 1, 1, 5])
_COMMANDS: Final = st.sampled_from(sorted(_LENGTHS))


class Pvscsi(Driver):
    """One adapter. Requests are put into the ring on their own, and kicked together."""

    region = "pvscsi-io"
    names = {_STATUS: "command status", _INTERRUPTS: "interrupt status", _MASK: "interrupt mask"}
    weights = {
        "submit": 6,
        "kick": 2,
        "reset": 0.5,
        "reset_device": 0.5,
        "abort": 0.5,
        "more_data": 0.5,
    }

    def __init__(self) -> None:
        self.state = self.allocate(_PAGE)
        self.requests = self.allocate(_PAGES * _PAGE)
        self.completions = self.allocate(_PAGES * _PAGE)
        self.messages = self.allocate(_PAGE)
        self.buffer = self.allocate(_BUFFER)
        self.sense = self.allocate(256, 64)
        self.list = self.allocate(256, 64)
        self.produced = 0
        self.pages = 0

    @operation(
        pages=st.integers(1, _PAGES), messages=st.booleans(), mask=st.sampled_from([0, 1, 3, 15])
    )
    def set_up(self, pages: int, messages: bool, mask: int) -> None:
        self._set_up(pages)
        if messages:
            self._send(_SETUP_MESSAGES, [1, 0, self.messages // _PAGE, 0, *[0] * 30])
        self.registers.write(_MASK, mask)
        self._show()

    @operation(
        target=_TARGETS,
        command=COMMAND_BLOCKS,
        listed=st.booleans(),
        kick=st.sampled_from(["", "other", "transfer", "transfer"]),
    )
    def submit(self, target: int, command: bytes, listed: bool, kick: str) -> None:
        """Put a request into the ring, and tell the device of it or not yet."""
        if not self.pages:
            self._set_up(1)
        self._put(target, command, listed)
        if kick:
            self._kick(kick)

    @operation(which=st.sampled_from(sorted(_KICK)))
    def kick(self, which: str) -> None:
        self._kick(which)

    @operation
    def consume(self) -> None:
        """Take all completions: the host's index becomes the device's."""
        produced = self.memory.read(self.state + 12, 4, "completions produced")
        self.memory.write(self.state + 16, produced)
        self._show()

    @operation(command=_COMMANDS, words=st.integers(0, 8))
    def begin_command(self, command: int, words: int) -> None:
        """Write a command and the first words of its data."""
        self.registers.write(_COMMAND, command)
        for word in range(min(words, _LENGTHS.get(command, 0))):
            self.registers.write(_DATA, word)
        self._show()

    @operation(words=st.integers(1, 8))
    def more_data(self, words: int) -> None:
        """Write further words of whatever command was begun."""
        for word in range(words):
            self.registers.write(_DATA, word)
        self.settle()
        self._show()

    @operation(target=_TARGETS)
    def reset_device(self, target: int) -> None:
        self._send(_RESET_DEVICE, [target, 0, 0])

    @operation(target=_TARGETS, back=st.integers(0, 3))
    def abort(self, target: int, back: int) -> None:
        """Abort one of the last requests."""
        self._send(_ABORT, [max(0, self.produced - back), 0, target, 0])

    @operation(whole=st.booleans())
    def reset(self, whole: bool) -> None:
        """Reset the adapter, or the bus."""
        self._send(_RESET_ADAPTER if whole else _RESET_BUS, [])
        if whole:
            self.pages = 0

    @operation(status=st.sampled_from([1, 2, 4, 15]))
    def acknowledge(self, status: int) -> None:
        self.registers.write(_INTERRUPTS, status)
        self._show()

    @operation(mask=st.integers(0, 15))
    def enable_interrupts(self, mask: int) -> None:
        self.registers.write(_MASK, mask)

    def _set_up(self, pages: int) -> None:
        for address, size in (
            (self.state, 256),
            (self.requests, _PAGES * _PAGE),
            (self.completions, _PAGES * _PAGE),
        ):
            self.memory.fill(address, size)
        data = [pages, pages, self.state // _PAGE, 0]
        for ring in (self.requests, self.completions):
            numbers = [ring // _PAGE + page for page in range(pages)] + [0] * (32 - pages)
            for number in numbers:
                data += [number, 0]
        self._send(_SETUP_RINGS, data)
        self.produced = 0
        self.pages = pages

    def _put(self, target: int, command: bytes, listed: bool) -> None:
        length = min(data_length(command, DISC_BLOCK if target == 1 else DISK_BLOCK), _BUFFER)
        flags = (_TO_DEVICE if is_sent(command) else _TO_HOST) if length else _NO_DATA
        address = self.buffer
        if listed and length >= 2:
            flags |= _LIST
            address = self.list
            half = length // 2
            self.memory.write(
                self.list,
                struct.pack("<QIIQII", self.buffer, half, 0, self.buffer + half, length - half, 0),
            )
        self.memory.fill(self.buffer, 512, 0xA5)
        request = struct.pack(
            "<QQQQII16sB8sBBBB", self.produced, address, length, self.sense, 96, flags,
            command.ljust(16, b"\0"), len(command), bytes(8), 0x20, 0, target, 0,
        )  # fmt: skip
        entries = self.pages * _PAGE // _REQUEST
        self.memory.write(
            self.requests + self.produced % entries * _REQUEST, request.ljust(_REQUEST, b"\0")
        )
        self.produced += 1
        self.memory.write(self.state, self.produced.to_bytes(4, "little"))

    def _kick(self, which: str) -> None:
        self.registers.write(_KICK[which], 0)
        self.settle()
        self.settle()
        self.memory.show(self.state, 64, "ring state")
        self.memory.show(self.completions, 16 * _COMPLETION, "completions")
        self.memory.show(self.buffer, 512, "transferred data")
        self.memory.show(self.sense, 32, "sense data")
        self._show()

    def _send(self, command: int, data: list[int]) -> None:
        self.registers.write(_COMMAND, command)
        for word in data:
            self.registers.write(_DATA, word)
        self.settle()
        self._show()

    def _show(self) -> None:
        for offset in (_STATUS, _INTERRUPTS, _MASK):
            self.registers.show(offset)
