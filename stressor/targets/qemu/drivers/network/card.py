"""What the drivers of network cards share: memory for rings and frames, and a serial EEPROM.

Source of the EEPROM's commands: Microchip DS21749, 93LC46A/B, section 2.
"""

from __future__ import annotations

from typing import ClassVar, Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["BUFFER", "RING", "Card", "SerialEeprom"]

RING: Final = 8
"""Descriptors of a ring."""

BUFFER: Final = 2048
"""Bytes of the buffer that belongs to a descriptor."""

_BEGINNING: Final = 128
"""Bytes of a received frame that are shown."""


class Card(Driver):
    """A page for descriptors to send and one for those to receive, with a buffer for each."""

    def __init__(self) -> None:
        self.sending = self.allocate(4096)
        self.receiving = self.allocate(4096)
        self.sent = self.allocate(RING * BUFFER)
        self.received = self.allocate(RING * BUFFER)

    def _sent(self, number: int) -> int:
        """Return where a frame to send has its buffer."""
        return self.sent + number % RING * BUFFER

    def _received(self, number: int) -> int:
        """Return where the buffer for a received frame is."""
        return self.received + number % RING * BUFFER

    def _show_rings(self, size: int = 16) -> None:
        """Show both rings of descriptors of `size` bytes, and how each received frame begins."""
        self.memory.show(self.sending, size * RING, "transmit ring")
        self.memory.show(self.receiving, size * RING, "receive ring")
        for number in range(RING):
            self.memory.show(self._received(number), _BEGINNING, f"receive buffer {number}")


class SerialEeprom(Driver):
    """A Microwire EEPROM whose lines are bits of a register: each step may be the last before a save."""

    address_bits: ClassVar[int] = 6

    @operation(word=st.integers(0, 63), bits=st.sampled_from([1, 2, 3, 5, 9, 11]))
    def begin_to_read_eeprom(self, word: int, bits: int) -> None:
        """Send the first `bits` bits of a command, start bit and code among them."""
        self._eeprom_lines(False, False, False)
        self._eeprom_lines(True, False, False)
        command = [1, 1, 0, *(word >> n & 1 for n in reversed(range(self.address_bits)))]
        for bit in command[:bits]:
            self._clock_eeprom(bool(bit))

    @operation(data=st.lists(st.booleans(), min_size=1, max_size=16))
    def clock_eeprom(self, data: list[bool]) -> None:
        for bit in data:
            self._clock_eeprom(bit)

    @operation(word=st.integers(0, 63))
    def read_eeprom(self, word: int) -> None:
        self.begin_to_read_eeprom(word, 3 + self.address_bits)
        for _ in range(16):
            self._clock_eeprom(False)

    @operation(word=st.integers(0, 63), value=st.integers(0, 0xFFFF), finish=st.booleans())
    def write_eeprom(self, word: int, value: int, finish: bool) -> None:
        """Enable writing and write a word; it is only stored when the chip is deselected."""
        for code, last in ((0b10011 << self.address_bits - 2, 0), (0b101 << self.address_bits | word, 16)):
            self._eeprom_lines(False, False, False)
            self._eeprom_lines(True, False, False)
            text = code << last | (value if last else 0)
            for n in reversed(range(3 + self.address_bits + last)):
                self._clock_eeprom(bool(text >> n & 1))
        if finish:
            self._eeprom_lines(False, False, False)
            self._eeprom_lines(True, False, False)
            self._show_eeprom()

    def _clock_eeprom(self, data: bool) -> None:
        self._eeprom_lines(True, False, data)
        self._eeprom_lines(True, True, data)
        self._show_eeprom()
        self._eeprom_lines(True, False, data)

    def _eeprom_lines(self, select: bool, clock: bool, data: bool) -> None:
        """Set the lines of the EEPROM."""
        raise NotImplementedError

    def _show_eeprom(self) -> None:
        """Show the register with the line that comes from the EEPROM."""
        raise NotImplementedError
