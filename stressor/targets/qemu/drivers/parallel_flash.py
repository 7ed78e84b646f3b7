"""Flash on a parallel bus, whose commands are writes into its own memory.

Sources: JEDEC JESD68.01, Common Flash Interface, section 4 (the query); Intel 290667, 3 Volt Intel
StrataFlash Memory (28F128J3), tables 4 and 5 and section 7 (command set 1); AMD 21504, Am29LV160D,
table 9 (command set 2).
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.regions import Region

__all__ = ["AmdFlash", "IntelFlash"]

_BLOCKS = st.integers(0, 3)
_WORDS = st.integers(0, 31)
_VALUES = st.integers(0, 0xFFFF_FFFF)
_STEPS = st.integers(1, 6)


class _Flash(Driver):
    """A flash that is `width` bytes wide; its query says which commands it takes.

    A transaction is a list of writes. Of these `steps` are done, and `go_on` does the others, so
    that a save may lie between.
    """

    region = "*flash*"
    sets: tuple[int, ...]

    def __init__(self) -> None:
        self.width = 4
        self.ones = 1
        self.block = 0x10000
        self.rest: list[tuple[int, int]] = []
        self.place = 0

    @classmethod
    def fits(cls, region: Region) -> bool:
        return region.rom

    def learn(self) -> bool:
        for width, ones in ((1, 1), (2, 1), (4, 1), (4, 0x1_0001)):
            self.width, self.ones = width, ones
            self._leave()
            self._write(0x55, 0x98)
            if [self._query(index) for index in (0x10, 0x11, 0x12)] == [*b"QRY"]:
                chips = 2 if ones > 1 else 1
                self.block = (self._query(0x2F) | self._query(0x30) << 8) * 256 * chips
                taken = self._query(0x13) | self._query(0x14) << 8
                self._leave()
                return taken in self.sets
        return False

    def _leave(self) -> None:
        """Have the contents read again; each set has its own command, and ignores the other's."""
        self._write(0, 0xF0)
        self._write(0, 0xFF)

    def _query(self, index: int) -> int:
        return self.registers.read(index * self.width, self.width) & 0xFF

    @operation(command=st.sampled_from([0x98, 0x90]), index=st.sampled_from([0, 1, 2, 0x10, 0x13, 0x27, 0x2C]))
    def identify(self, command: int, index: int) -> None:
        for at, value in self._opening(command):
            self._write(at, value)
        self._show(index * self.width)

    @operation(block=_BLOCKS, word=_WORDS)
    def look(self, block: int, word: int) -> None:
        """Read in whatever mode it is: contents, status, or identification."""
        self._show(block * self.block + word * self.width)

    @operation(block=_BLOCKS, word=_WORDS)
    def read_back(self, block: int, word: int) -> None:
        self._leave()
        self._show(block * self.block + word * self.width)

    @operation
    def go_on(self) -> None:
        """Do what is left of the last transaction."""
        self._send(self.rest, len(self.rest))

    def _opening(self, command: int) -> list[tuple[int, int]]:
        """Return the writes, by address in words, that make it identify itself."""
        raise NotImplementedError

    def _begin(self, writes: Sequence[tuple[int, int]], steps: int, place: int, harmless: int) -> None:
        """Do the first `steps` writes, (word, value) each; a donor only those that change no contents."""
        self.place = place
        self._send(writes, min(steps, harmless) if self.elsewhere else steps)
        if self.elsewhere:
            self.rest = []

    def _send(self, writes: Sequence[tuple[int, int]], count: int) -> None:
        for at, value in writes[:count]:
            self.registers.write(at * self.width, value, self.width)
        self.rest = [*writes[count:]]
        self._show(self.place)

    def _write(self, word: int, command: int) -> None:
        self.registers.write(word * self.width, command * self.ones, self.width)

    def _both(self, word: int, command: int) -> tuple[int, int]:
        """Return a command for each chip of a bank."""
        return word, command * self.ones

    def _show(self, offset: int) -> None:
        self.registers.show(offset % self.registers.size, self.width)

    def _word(self, block: int, word: int = 0) -> int:
        return block * self.block // self.width + word


class IntelFlash(_Flash):
    """Command sets 1 and 3."""

    sets = (1, 3)

    def _opening(self, command: int) -> list[tuple[int, int]]:
        return [(0x55, command)]

    @operation(block=_BLOCKS, word=_WORDS, value=_VALUES, steps=_STEPS)
    def program(self, block: int, word: int, value: int, steps: int) -> None:
        at = self._word(block, word)
        self._begin([self._both(at, 0x40), (at, value)], steps, at * self.width, 1)

    @operation(block=_BLOCKS, values=st.lists(_VALUES, min_size=1, max_size=8), steps=st.integers(1, 12))
    def program_buffer(self, block: int, values: list[int], steps: int) -> None:
        at = self._word(block)
        writes = [self._both(at, 0xE8), self._both(at, len(values) - 1)]
        writes += [(at + index, value) for index, value in enumerate(values)]
        writes.append(self._both(at, 0xD0))
        self._begin(writes, steps, at * self.width, 2)

    @operation(block=_BLOCKS, steps=_STEPS)
    def erase(self, block: int, steps: int) -> None:
        at = self._word(block)
        self._begin([self._both(at, 0x20), self._both(at, 0xD0)], steps, at * self.width, 1)

    @operation(block=_BLOCKS, lock=st.booleans(), steps=_STEPS)
    def lock(self, block: int, lock: bool, steps: int) -> None:
        at = self._word(block)
        last = self._both(at, 0x01 if lock else 0xD0)
        self._begin([self._both(at, 0x60), last], steps, at * self.width, 1)

    @operation(command=st.sampled_from([0x70, 0x50]))
    def status(self, command: int) -> None:
        self._write(0, command)
        self._show(0)


class AmdFlash(_Flash):
    """Command set 2: each command follows two writes that unlock it."""

    sets = (2,)

    def _opening(self, command: int) -> list[tuple[int, int]]:
        return [(0x55, command)] if command == 0x98 else self._unlocked(command)

    def _unlocked(self, command: int) -> list[tuple[int, int]]:
        return [self._both(0x555, 0xAA), self._both(0x2AA, 0x55), self._both(0x555, command)]

    @operation(block=_BLOCKS, word=_WORDS, value=_VALUES, steps=_STEPS)
    def program(self, block: int, word: int, value: int, steps: int) -> None:
        at = self._word(block, word)
        self._begin([*self._unlocked(0xA0), (at, value)], steps, at * self.width, 3)

    @operation(block=_BLOCKS, steps=_STEPS)
    def erase(self, block: int, steps: int) -> None:
        at = self._word(block)
        writes = [*self._unlocked(0x80), *self._unlocked(0)[:2], self._both(at, 0x30)]
        self._begin(writes, steps, at * self.width, 5)

    @operation(block=_BLOCKS, word=_WORDS, value=_VALUES, steps=_STEPS)
    def bypass(self, block: int, word: int, value: int, steps: int) -> None:
        """Unlock bypass: programs need no unlocking until it is reset."""
        at = self._word(block, word)
        writes = [*self._unlocked(0x20), self._both(0, 0xA0), (at, value), self._both(0, 0x90), self._both(0, 0)]
        self._begin(writes, steps, at * self.width, 4)

    @operation(command=st.sampled_from([0xB0, 0x30]))
    def suspend(self, command: int) -> None:
        self._write(0, command)
        self._show(0)
