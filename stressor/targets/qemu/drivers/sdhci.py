"""SD host controllers: blocks by port, by both sorts of DMA, whole and in parts.

Source: SD Specifications, Part A2, SD Host Controller Simplified Specification 3.00, section 2.2
(registers), 3.7 (how a transaction is driven), 1.13 (ADMA), 2.2.2 and 2.2.3 (buffer boundary).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.sd_card import BLOCK, NONE, R1, R1B, R2, R3, WORDS, CardHost

__all__ = ["Sdhci"]

_ADDRESS, _BLOCK_SIZE, _BLOCK_COUNT, _ARGUMENT, _MODE, _COMMAND, _RESPONSE, _PORT, _STATE = (
    0x00, 0x04, 0x06, 0x08, 0x0C, 0x0E, 0x10, 0x20, 0x24,
)  # fmt: skip
_HOST, _POWER, _GAP, _CLOCK, _RESET, _STATUS, _ERRORS, _ENABLED, _SIGNALLED, _TABLE, _AUTO = (
    0x28, 0x29, 0x2A, 0x2C, 0x2F, 0x30, 0x32, 0x34, 0x38, 0x58, 0x3C,
)  # fmt: skip
_FLAGS: Final = {NONE: 0x00, R1: 0x1A, R1B: 0x1B, R2: 0x09, R3: 0x02}
_DATA_PRESENT = 0x20
_BUFFER: Final = 16384

_BLOCKS: Final = st.sampled_from([0, 1, 100, 0x1FFFE])
_COUNTS: Final = st.sampled_from([1, 1, 2, 3, 16])
_WAYS: Final = st.sampled_from(["port", "port", "sdma", "adma"])


class Sdhci(CardHost):
    """A controller with one slot. A transfer by port stops after some words; others go on with it."""

    region = "sdhci"
    names = {
        _ADDRESS: "SDMA address", _BLOCK_SIZE: "block size", _BLOCK_COUNT: "block count", _RESPONSE: "response",
        _PORT: "buffer data port", _STATE: "present state", _STATUS: "interrupt status",
        _ERRORS: "error status", _AUTO: "auto command status", _TABLE: "ADMA address", _GAP: "block gap",
    }  # fmt: skip
    weights = {
        "read": 4,
        "write": 4,
        "take": 2,
        "give": 2,
        "reset": 0.5,
        "start": 0.5,
        **CardHost.weights,
    }

    def __init__(self) -> None:
        self.buffer = self.allocate(_BUFFER)
        self.table = self.allocate(64, 64)
        self.powered = False

    @operation(
        signalled=st.sampled_from([0, 0x1FF, 0xFFFFFFFF]),
        enabled=st.sampled_from([0xFFFFFFFF, 0x01FF00FF]),
    )
    def start(self, signalled: int, enabled: int) -> None:
        self._start(enabled)
        self.registers.write(_SIGNALLED, signalled)

    @operation(
        way=_WAYS,
        block=_BLOCKS,
        count=_COUNTS,
        words=WORDS,
        automatic=st.booleans(),
        boundary=st.sampled_from([0, 0, 1, 7]),
        offset=st.sampled_from([0, 0, 4096 - 256]),
    )
    def read(
        self,
        way: str,
        block: int,
        count: int,
        words: int,
        automatic: bool,
        boundary: int,
        offset: int,
    ) -> None:
        """Read blocks; by port the first `words`, by SDMA up to the first boundary of its buffer."""
        self._transfer(
            17 if count == 1 else 18,
            way,
            block * BLOCK,
            max(1, count),
            automatic,
            boundary,
            offset,
            to_host=True,
        )
        if way == "port":
            self._take(words)
        else:
            self._show_data(min(count * BLOCK, _BUFFER))

    @operation(
        way=_WAYS,
        block=_BLOCKS,
        count=_COUNTS,
        words=WORDS,
        automatic=st.booleans(),
        boundary=st.sampled_from([0, 0, 1, 7]),
        offset=st.sampled_from([0, 0, 4096 - 256]),
    )
    def write(
        self,
        way: str,
        block: int,
        count: int,
        words: int,
        automatic: bool,
        boundary: int,
        offset: int,
    ) -> None:
        self._transfer(
            24 if count == 1 else 25,
            way,
            block * BLOCK,
            max(1, count),
            automatic,
            boundary,
            offset,
            to_host=False,
        )
        if way == "port":
            self._give(words)

    @operation
    def go_on(self) -> None:
        """Go on behind a boundary of the buffer: section 2.2.1."""
        self.registers.write(_ADDRESS, self.registers.read(_ADDRESS))
        self.settle()
        self._show_data(_BUFFER)

    @operation(
        index=st.sampled_from([6, 8, 13, 22, 30, 42, 51, 56]),
        application=st.booleans(),
        size=st.sampled_from([4, 8, 64, 512]),
        words=st.sampled_from([0, 1, 2, 16]),
    )
    def read_register(self, index: int, application: bool, size: int, words: int) -> None:
        """Read what a card sends as a block: SCR, SD status, switch status, written blocks."""
        self.make_ready()
        if application:
            self.send(55, self.rca << 16, R1)
        self.registers.write(_BLOCK_SIZE, size, 2)
        self.registers.write(_MODE, 0x10, 2)
        self._send(index, 0x00FFFFF1 if index == 6 else 0, R1, _DATA_PRESENT)
        self._take(words)

    @operation(index=st.sampled_from([12, 12, 52]))
    def stop(self, index: int) -> None:
        self._send(index, 0, R1B, 0xC0)

    @operation(gap=st.sampled_from([0, 1, 2, 3, 4, 8]))
    def control_gap(self, gap: int) -> None:
        """Stop at a gap between blocks, or go on: section 2.2.12."""
        self.registers.write(_GAP, gap, 1)
        self.settle()
        self._show()

    @operation(status=st.sampled_from([0x0001, 0x0002, 0x0008, 0x0030, 0xFFFFFFFF]))
    def acknowledge(self, status: int) -> None:
        self.registers.write(_STATUS, status)
        self._show()

    @operation(lines=st.sampled_from([2, 4, 6, 6, 1]))
    def reset(self, lines: int) -> None:
        self.registers.write(_RESET, lines, 1)
        self.settle()
        self.powered &= lines != 1
        self._show()

    @operation(clock=st.sampled_from([0x0001, 0x0005, 0x0007, 0x4007]))
    def set_clock(self, clock: int) -> None:
        self.registers.write(_CLOCK, clock, 2)
        self.registers.show(_CLOCK, 2)

    def send(self, index: int, argument: int, response: int) -> None:
        self._send(index, argument, response, 0)

    def response(self) -> int:
        return self.registers.read(_RESPONSE)

    def abandon(self) -> None:
        self._start(0xFFFFFFFF)

    def _start(self, enabled: int) -> None:
        for line in (2, 4):  # not every controller takes both at once
            self.registers.write(_RESET, line, 1)
        self.settle()
        self.registers.write(_POWER, 0x0F, 1)
        self.registers.write(_CLOCK, 0x0007, 2)
        self.registers.write(_ENABLED, enabled)
        self.registers.write(_STATUS, 0xFFFFFFFF)
        self.powered = True
        self._show()

    def _send(self, index: int, argument: int, response: int, flags: int) -> None:
        if not self.powered:
            self._start(0xFFFFFFFF)
        self.registers.write(_ARGUMENT, argument)
        self.registers.write(_COMMAND, index << 8 | _FLAGS[response] | flags, 2)
        self.settle()
        self.registers.show(_RESPONSE)
        self.registers.show(_STATUS)

    def _transfer(
        self,
        index: int,
        way: str,
        address: int,
        count: int,
        automatic: bool,
        boundary: int,
        offset: int,
        *,
        to_host: bool,
    ) -> None:
        self.make_ready()
        mode = (0 if way == "port" else 1) | (0x10 if to_host else 0)
        if count > 1:
            mode |= 0x22 | (4 if automatic else 0)
        if to_host:
            self.memory.fill(self.buffer, _BUFFER, 0xA5)
        self.registers.write(_HOST, 0x10 if way == "adma" else 0, 1)
        self._describe(count * BLOCK)
        self.registers.write(_ADDRESS, self.buffer + offset)
        self.registers.write(_BLOCK_SIZE, boundary << 12 | BLOCK, 2)
        self.registers.write(_BLOCK_COUNT, count, 2)
        self.registers.write(_MODE, mode, 2)
        self._send(index, address, R1, _DATA_PRESENT)
        self._show()

    def _describe(self, length: int) -> None:
        """Write an ADMA2 table of two pieces."""
        half = length // 2
        table = b""
        for start, last in ((0, 0), (half, 2)):
            table += (0x21 | last | half << 16).to_bytes(4, "little")
            table += (self.buffer + start).to_bytes(4, "little")
        self.memory.write(self.table, table)
        self.registers.write(_TABLE, self.table)

    def _take(self, words: int) -> None:
        for _ in range(words):
            self.registers.show(_PORT)
        self.settle()
        self._show()

    def _give(self, words: int) -> None:
        for word in range(words):
            self.registers.write(_PORT, word)
        self.settle()
        self._show()

    def _show_data(self, length: int) -> None:
        self._show()
        self.memory.show(self.buffer, 64, "the first data")
        self.memory.show(self.buffer + 4096 - 256, 512, "data at the boundary")
        self.memory.show(self.buffer + length - 16, 16, "the last data")

    def _show(self) -> None:
        for offset in (_ADDRESS, _STATE, _STATUS, _TABLE):
            self.registers.show(offset)
        for offset in (_BLOCK_COUNT, _AUTO):
            self.registers.show(offset, 2)
