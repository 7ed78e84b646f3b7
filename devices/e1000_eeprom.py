"""The EEPROM of an 82540EM, a 93C46 on four lines, and its content; and the registers of its PHY.

Sources: Intel 317453 (8254x SDM), sections 5.3 to 5.6 (EEPROM), 13.4.3 (EECD) and what MDIC says of the PHY; the commands of the
93C46 as in Atmel's datasheet of the AT93C46.
"""

from __future__ import annotations

from typing import Final

import stressor.vmstate as vm

__all__ = ["PHY_READABLE", "PHY_RESET", "PHY_WRITABLE", "SELECT", "WIRE_STATE", "Microwire", "initial_words"]

CLOCK, SELECT, DATA_IN, DATA_OUT = 0x01, 0x02, 0x04, 0x08
HELD: Final = 0x77  # lines, flash write enable and request are what the guest last wrote
GRANTED_AND_PRESENT: Final = 0x180
READ_COMMAND, COMMAND_BITS = 0b110, 9  # start bit, operation, and six bits of an address
WRITE, ERASE = 0b101, 0b111
LOCK, WRITE_ALL, ERASE_ALL, UNLOCK = 0b10000, 0b10001, 0b10010, 0b10011  # with the address's upper bits: EWDS ... EWEN
WORD_BITS: Final = 16
CHECKSUM: Final = 0xBABA  # the sum of words 0 to 3Fh, 5.6.35
ADDRESS: Final = (0x5452, 0x1200, 0x5634)
WORDS: Final = (
    0, 0, 0, 0, 0xFFFF, 0, 0, 0, 0x3000, 0x1000, 0x6403, 0x100E, 0x8086, 0x100E, 0x8086, 0x3040,
    0x0008, 0x2000, 0x7E14, 0x0048, 0x1000, 0x00D8, 0, 0x2700, 0x6CC9, 0x3150, 0x0722, 0x040B, 0x0984,
    0, 0xC000, 0x0706, 0x1008, 0, 0x0F04, 0x7FFF, 0x4D01, *[0xFFFF] * 11, 0x0100, 0x4000, 0x121C,
    *[0xFFFF] * 12, 0,
)  # fmt: skip

# PHY control and status, identifiers, abilities, 1000BASE-T control and status, and Marvell's own
PHY_RESET: Final = {
    0: 0x1140, 1: 0x794D, 2: 0x0141, 3: 0x0C20, 4: 0x0DE1, 5: 0x01E0, 9: 0x0E00, 10: 0x3C00,
    16: 0x0360, 17: 0xAC00, 20: 0x0D60,
}  # fmt: skip
PHY_READABLE: Final = frozenset([*PHY_RESET, 6, 21])
PHY_WRITABLE: Final = frozenset([0, 4, 9, 16, 20])

WIRE_STATE = vm.Description(
    "eecd_state",
    fields=[
        vm.u32("val_in", attribute="taken"),
        vm.u16("bitnum_in", attribute="bits_taken"),
        vm.u16("bitnum_out", attribute="position"),
        vm.u16("reading"),
        vm.u32("old_eecd", attribute="lines"),
    ],
)


def initial_words() -> list[int]:
    """Return the content of the EEPROM, with the card's address and the checksum in it."""
    words = [*ADDRESS, *WORDS[3:]]
    words[0x3F] = CHECKSUM - sum(words[:0x3F]) & 0xFFFF
    return words


class Microwire:
    """The serial side of the EEPROM. `position` is the bit that DO shows, counted from word 0."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.taken = 0
        self.bits_taken = 0
        self.position = 0
        self.reading = 0
        self.lines = 0

    def write(self, value: int) -> None:
        """Take the lines as they are now: figure 5-2."""
        changed = value ^ self.lines
        self.lines = value & HELD
        if not value & SELECT:
            return
        if changed & SELECT:
            self.taken = self.bits_taken = self.position = self.reading = 0
        if changed & CLOCK:
            if value & CLOCK:
                self._rise(int(bool(value & DATA_IN)))
            else:
                self.position = self.position + 1 & 0xFFFF

    def carry_out(self, words: list[int], unlocked: int) -> int:
        """Carry out what was taken, as CS falls: write or erase, which it must have been told is allowed. Return
        whether it is from then on."""
        bits = self.bits_taken - COMMAND_BITS
        if self.reading or bits not in (0, WORD_BITS):
            return unlocked
        command, word = self.taken >> bits, self.taken & 0xFFFF if bits else 0xFFFF
        operation, special, address = command >> 6 & 7, command >> 4 & 31, command & 63
        if not bits and special in (LOCK, UNLOCK):
            return int(special == UNLOCK)
        if unlocked and operation == (WRITE if bits else ERASE):
            words[address] = word
        elif unlocked and special == (WRITE_ALL if bits else ERASE_ALL):
            words[:] = [word] * len(words)
        return unlocked

    def _rise(self, bit: int) -> None:
        self.taken = self.taken << 1 & 0xFFFF_FFFF | bit
        self.bits_taken = self.bits_taken + 1 & 0xFFFF
        if self.bits_taken == COMMAND_BITS and not self.reading:
            self.reading = int(self.taken >> 6 & 7 == READ_COMMAND)
            self.position = (self.taken & 0x3F) * 16 - 1 & 0xFFFF  # a zero comes before the data

    def read(self, words: list[int]) -> int:
        """Return EECD."""
        word = words[self.position >> 4 & 0x3F]
        high = not self.reading or word >> (15 - (self.position & 15)) & 1
        return self.lines | GRANTED_AND_PRESENT | (DATA_OUT if high else 0)
