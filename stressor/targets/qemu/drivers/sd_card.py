"""SD cards behind any host controller: how one is found, selected and asked.

Source: SD Specifications, Part 1, Physical Layer Simplified Specification 3.01, section 4.2 (card
identification), 4.3 (data transfer), 4.7.4 (commands), 4.9 (responses), 4.10 (card status).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["BLOCK", "NONE", "R1", "R1B", "R2", "R3", "WORDS", "CardHost"]

BLOCK: Final = 512

NONE, R1, R1B, R2, R3 = range(5)
"""Responses: none; a card's status; the same with busy; 128 bits; without a checksum."""

WORDS: Final = st.sampled_from([0, 1, 5, 15, 16, 17, 127, 128, 130])
"""Words of a block of 128 that are moved before a transfer stops, about FIFOs of 16."""

_COMMANDS: Final = (0, 2, 3, 8, 11, 12, 15, 16, 23, 28, 29, 32, 33, 38, 55, 58)
_TRANSFER: Final = 4
_RECEIVING: Final = 6


class CardHost(Driver):
    """What is the same with every controller; one derives from it and says how to send a command."""

    weights = {"identify": 0.5, "other_command": 0.5, "application_command": 0.5, "select": 0.5}

    rca = 0
    """The relative card address that the card published last."""

    def send(self, index: int, argument: int, response: int) -> None:
        """Send a command without data; its response can be read then."""
        raise NotImplementedError

    def response(self) -> int:
        """Return the last response's upper 32 bits of content."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Give up what data transfer the controller is in."""
        raise NotImplementedError

    @operation(steps=st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]), high=st.booleans())
    def identify(self, steps: int, high: bool) -> None:
        """Take the first steps from reset to the transfer state."""
        self.abandon()
        self._identify(steps, 0x40000000 if high else 0)

    @operation(index=st.sampled_from([9, 10, 13]), addressed=st.booleans())
    def ask(self, index: int, addressed: bool) -> None:
        """Ask for CSD, CID or status."""
        self.send(index, self.rca << 16 if addressed else 0, R1 if index == 13 else R2)

    @operation(words=WORDS)
    def take(self, words: int) -> None:
        """Read on where a transfer stopped."""
        self._take(words)

    @operation(words=WORDS)
    def give(self, words: int) -> None:
        """Write on where a transfer stopped."""
        self._give(words)

    @operation(select=st.booleans())
    def select(self, select: bool) -> None:
        self.send(7, self.rca << 16 if select else 0, R1B if select else NONE)

    @operation(
        index=st.sampled_from(_COMMANDS),
        argument=st.sampled_from([0, 1, 8, 16, 512, 0x1AA, 0x10000, 0xFFFFFFFF]),
        response=st.sampled_from([NONE, R1, R1, R1B, R2]),
    )
    def other_command(self, index: int, argument: int, response: int) -> None:
        self.send(index, argument, response)

    @operation(
        index=st.sampled_from([6, 13, 22, 23, 41, 42, 51]),
        argument=st.sampled_from([0, 1, 2, 0x40FF8000]),
    )
    def application_command(self, index: int, argument: int) -> None:
        """Send an application command whose data, if it has some, nobody fetches."""
        self.send(55, self.rca << 16, R1)
        self.send(index, argument, R1)

    @operation(
        first=st.sampled_from([0, 1, 64]), count=st.sampled_from([1, 8, 64]), finish=st.booleans()
    )
    def erase(self, first: int, count: int, finish: bool) -> None:
        self.make_ready()
        self.send(32, first * BLOCK, R1)
        self.send(33, (first + count) * BLOCK, R1)
        if finish:
            self.send(38, 0, R1B)

    def _take(self, words: int) -> None:
        raise NotImplementedError

    def _give(self, words: int) -> None:
        raise NotImplementedError

    def make_ready(self) -> None:
        """See to it that the card takes a data command."""
        self.send(13, self.rca << 16, R1)
        state = self.response() >> 9 & 15
        if not self.rca or not _TRANSFER <= state <= _RECEIVING:
            self.abandon()
            self._identify(8, 0)
        elif state != _TRANSFER:
            self.abandon()
            self.send(12, 0, R1B)

    def _identify(self, steps: int, capacity: int) -> None:
        for step in range(steps):
            if step == 0:
                self.send(0, 0, NONE)
            elif step == 1:
                self.send(8, 0x1AA, R1)
            elif step == 2:
                self.send(55, 0, R1)
                self.send(41, capacity | 0x00FF8000, R3)
            elif step == 3:
                self.send(2, 0, R2)
            elif step == 4:
                self.send(3, 0, R1)
                self.rca = self.response() >> 16
            elif step == 5:
                self.send(7, self.rca << 16, R1B)
            elif step == 6:
                self.send(16, BLOCK, R1)
            else:
                self.send(55, self.rca << 16, R1)
                self.send(6, 2, R1)
