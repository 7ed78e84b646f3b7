"""The SD host of a Raspberry Pi, to which its pins have to lead the card first.

Sources: Raspberry Pi, register list of the SDHOST block as published in its driver bcm2835-sdhost.c
(there is no data sheet); Broadcom, BCM2835 ARM peripherals, section 6.1 (function select).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.sd_card import BLOCK, NONE, R1B, R2, WORDS, CardHost

__all__ = ["Sdhost"]

_COMMAND, _ARGUMENT, _RESPONSE, _STATUS, _POWER, _DEBUG, _CONFIGURATION, _SIZE, _DATA, _COUNT = (
    0x00, 0x04, 0x10, 0x20, 0x30, 0x34, 0x38, 0x3C, 0x40, 0x50,
)  # fmt: skip
_NEW, _BUSY, _SILENT, _LONG, _WRITE, _READ = 0x8000, 0x800, 0x400, 0x200, 0x80, 0x40
_FLAGS: Final = {NONE: _SILENT, R1B: _BUSY, R2: _LONG}
_SELECT_40, _SELECT_50 = 0x10, 0x14
_TO_HOST: Final = 0b100
"""Function 0 of pins 48 to 53, which leads the card here; 0 makes them inputs."""

_BLOCKS: Final = st.sampled_from([0, 1, 100, 0x1FFFE])
_COUNTS: Final = st.sampled_from([1, 1, 2, 3])


class Sdhost(CardHost):
    """A host with one card. Each transfer stops after some words, and can be gone on with."""

    region = "bcm2835-sdhost"
    others = {"pins": "bcm2835_gpio"}
    names = {
        _COMMAND: "command", _RESPONSE: "response", _STATUS: "host status", _DEBUG: "debug state",
        _CONFIGURATION: "configuration", _SIZE: "block size", _DATA: "data", _COUNT: "block count",
    }  # fmt: skip
    weights = {"read": 4, "write": 4, "take": 2, "give": 2, **CardHost.weights}

    def __init__(self) -> None:
        self.powered = False

    @operation(configuration=st.sampled_from([0x00A, 0x10A, 0x41A, 0x53E]))
    def start(self, configuration: int) -> None:
        self._start(configuration)

    @operation(block=_BLOCKS, count=_COUNTS, words=WORDS)
    def read(self, block: int, count: int, words: int) -> None:
        self._transfer(17 if count == 1 else 18, block, count, _READ)
        self._take(words)

    @operation(block=_BLOCKS, count=_COUNTS, words=WORDS)
    def write(self, block: int, count: int, words: int) -> None:
        self._transfer(24 if count == 1 else 25, block, count, _WRITE)
        self._give(words)

    @operation
    def stop(self) -> None:
        self.send(12, 0, R1B)

    @operation(mask=st.sampled_from([0x701, 0x7F8, 0x001]))
    def acknowledge(self, mask: int) -> None:
        self.registers.write(_STATUS, mask)
        self._show()

    @operation(here=st.booleans())
    def lead_card(self, here: bool) -> None:
        """Connect the card to this host, or take it away."""
        self._lead(_TO_HOST if here else 0)
        self._show()

    def send(self, index: int, argument: int, response: int) -> None:
        self._send(index, argument, _FLAGS.get(response, 0))

    def response(self) -> int:
        return self.registers.read(_RESPONSE)

    def abandon(self) -> None:
        self._start(0x00A)

    def _start(self, configuration: int) -> None:
        self._lead(_TO_HOST)
        self.registers.write(_POWER, 1)
        self.registers.write(_STATUS, 0x7F8)
        self.registers.write(_CONFIGURATION, configuration)
        self.powered = True
        self._show()

    def _lead(self, function: int) -> None:
        for register, pins in ((_SELECT_40, range(8, 10)), (_SELECT_50, range(4))):
            self.other["pins"].write(register, sum(function << 3 * pin for pin in pins))

    def _send(self, index: int, argument: int, flags: int) -> None:
        if not self.powered:
            self._start(0x00A)
        self.registers.write(_ARGUMENT, argument)
        self.registers.write(_COMMAND, _NEW | index | flags)
        self.settle()
        self.registers.show(_COMMAND)
        self.registers.show(_RESPONSE)
        self.registers.show(_STATUS)

    def _transfer(self, index: int, block: int, count: int, flags: int) -> None:
        self.make_ready()
        self.registers.write(_SIZE, BLOCK)
        self.registers.write(_COUNT, max(1, count))
        self._send(index, block * BLOCK, flags)

    def _take(self, words: int) -> None:
        for _ in range(words):
            self.registers.show(_DATA)
        self._show()

    def _give(self, words: int) -> None:
        for word in range(words):
            self.registers.write(_DATA, word)
        self._show()

    def _show(self) -> None:
        for offset in (_STATUS, _DEBUG, _COUNT):
            self.registers.show(offset)
