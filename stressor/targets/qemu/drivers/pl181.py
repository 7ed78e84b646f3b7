"""The multimedia card interface of Arm boards.

Source: ARM DDI 0172A, PrimeCell Multimedia Card Interface (PL180), chapter 3 (programmer's model),
section 2.2 (adapter: command path, data path, FIFO); the PL181 has the same registers.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.sd_card import BLOCK, NONE, R1, R2, R3, WORDS, CardHost

__all__ = ["Pl181"]

_POWER, _CLOCK, _ARGUMENT, _COMMAND, _RESPONSE_COMMAND, _RESPONSE, _TIMER, _LENGTH, _CONTROL = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C,
)  # fmt: skip
_LEFT, _STATUS, _CLEAR, _MASK, _SELECT, _FIFO_COUNT, _FIFO = (
    0x30,
    0x34,
    0x38,
    0x3C,
    0x44,
    0x48,
    0x80,
)
_ENABLE, _RESPONDS, _LONG = 0x400, 0x40, 0x80
_DATA, _TO_HOST, _STREAM, _DMA = 1, 2, 4, 8

_BLOCKS: Final = st.sampled_from([0, 1, 100, 0x1FFFE])
_COUNTS: Final = st.sampled_from([1, 1, 2, 3])


class Pl181(CardHost):
    """A controller with one card. Each transfer stops after some words, and can be gone on with."""

    region = "pl181"
    names = {
        _RESPONSE_COMMAND: "response command", _RESPONSE: "response", _LEFT: "data counter",
        _STATUS: "status", _FIFO_COUNT: "FIFO count", _FIFO: "FIFO", _CONTROL: "data control",
    }  # fmt: skip
    weights = {"read": 4, "write": 4, "take": 2, "give": 2, "start": 0.5, **CardHost.weights}

    def __init__(self) -> None:
        self.powered = False

    @operation(
        mask=st.sampled_from([0, 0x1FFFFF, 0xFC000]), clock=st.sampled_from([0x100, 0x1FF, 0x4FF])
    )
    def start(self, mask: int, clock: int) -> None:
        self._power(clock)
        self.registers.write(_MASK, mask)
        self.registers.show(_STATUS)

    @operation(block=_BLOCKS, count=_COUNTS, words=WORDS, early=st.booleans())
    def read(self, block: int, count: int, words: int, early: bool) -> None:
        """Read blocks: the data path is enabled before the command (`early`) or after it."""
        self._transfer(17 if count == 1 else 18, block, count, _TO_HOST, early)
        self._take(words)

    @operation(block=_BLOCKS, count=_COUNTS, words=WORDS, early=st.booleans())
    def write(self, block: int, count: int, words: int, early: bool) -> None:
        self._transfer(24 if count == 1 else 25, block, count, 0, early)
        self._give(words)

    @operation(
        index=st.sampled_from([6, 13, 22, 51]),
        application=st.booleans(),
        size=st.sampled_from([4, 8, 64]),
        words=st.sampled_from([0, 1, 2, 16]),
    )
    def read_register(self, index: int, application: bool, size: int, words: int) -> None:
        """Read what a card sends as a block: SCR, SD status, switch status, written blocks."""
        self.make_ready()
        if application:
            self.send(55, self.rca << 16, R1)
        self._enable(size, size.bit_length() - 1, _TO_HOST)
        self.send(index, 0x00FFFFF1 if index == 6 else 0, R1)
        self._take(words)

    @operation(
        length=st.sampled_from([4, 64, 512, 1024, 0xFFFF]),
        to_host=st.booleans(),
        stream=st.booleans(),
        dma=st.booleans(),
    )
    def enable_data(self, length: int, to_host: bool, stream: bool, dma: bool) -> None:
        """Enable the data path for what the card is doing."""
        flags = (_TO_HOST if to_host else 0) | (_STREAM if stream else 0) | (_DMA if dma else 0)
        self._enable(length, 9, flags)
        self._show()

    @operation
    def stop(self) -> None:
        self.registers.write(_CONTROL, 0)
        self.send(12, 0, R1)

    @operation(mask=st.sampled_from([0x7FF, 0x001, 0x100, 0x40, 0x4]))
    def acknowledge(self, mask: int) -> None:
        self.registers.write(_CLEAR, mask)
        self.registers.show(_STATUS)

    @operation(argument=st.integers(0, 0xFFFFFFFF), index=st.integers(0, 63))
    def load_command(self, argument: int, index: int) -> None:
        """Write a command and its argument, and do not send it yet."""
        self.registers.write(_ARGUMENT, argument)
        self.registers.write(_COMMAND, index | _RESPONDS)

    def send(self, index: int, argument: int, response: int) -> None:
        if not self.powered:
            self._power(0x100)
        flags = {NONE: 0, R2: _RESPONDS | _LONG, R3: _RESPONDS}.get(response, _RESPONDS)
        self.registers.write(_CLEAR, 0xC5)
        self.registers.write(_ARGUMENT, argument)
        self.registers.write(_COMMAND, index | flags | _ENABLE)
        self.settle()
        self.registers.show(_RESPONSE_COMMAND)
        self.registers.show(_RESPONSE)
        self.registers.show(_STATUS)

    def response(self) -> int:
        return self.registers.read(_RESPONSE)

    def abandon(self) -> None:
        self.registers.write(_CONTROL, 0)

    def _power(self, clock: int) -> None:
        self.registers.write(_POWER, 0x86)
        self.registers.write(_POWER, 0x87)
        self.registers.write(_CLOCK, clock)
        self.powered = True

    def _transfer(self, index: int, block: int, count: int, flags: int, early: bool) -> None:
        self.make_ready()
        if early:
            self._enable(max(1, count) * BLOCK, 9, flags)
        self.send(index, block * BLOCK, R1)
        if not early:
            self._enable(max(1, count) * BLOCK, 9, flags)

    def _enable(self, length: int, block: int, flags: int) -> None:
        self.registers.write(_CLEAR, 0x73A)
        self.registers.write(_TIMER, 0xFFFFFFFF)
        self.registers.write(_LENGTH, length)
        self.registers.write(_CONTROL, _DATA | flags | block << 4)

    def _take(self, words: int) -> None:
        for word in range(words):
            if word % 8 == 0:  # half of the FIFO, as its interrupt asks for
                self.registers.show(_STATUS)
            self.registers.show(_FIFO)
        self._show()

    def _give(self, words: int) -> None:
        for word in range(words):
            self.registers.write(_FIFO, word)
        self._show()

    def _show(self) -> None:
        for offset in (_STATUS, _LEFT, _FIFO_COUNT, _CONTROL):
            self.registers.show(offset)
