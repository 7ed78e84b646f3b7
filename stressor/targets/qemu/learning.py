"""Which registers answer, and how: found out on machines that are thrown away afterwards.

Each place is read, written and read again at each width. What ever gives anything but 0 or all ones
answers there. A place that ends or hangs QEMU is found, so that traffic does not die of it again
and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from stressor.targets.qemu.bench import Bench
from stressor.targets.qemu.configuration import meaningful
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Deadly, Learnt, Register

__all__ = ["learn_registers"]

_LOOKED_AT: Final = 4096
"""Places of a region that are tried at its first width; larger regions are mostly memory."""

_FURTHER: Final = 1024
"""Bytes of a region that are tried at further widths."""

_MOST: Final = 256
"""Answering registers that are kept of a region."""

_TOGETHER: Final = 16
"""Places tried in one go, until one of them kills."""

_DEATHS: Final = 6
"""Machines that one region may cost; from then on it is only read, and after as many more let be."""


def learn_registers(bench: Bench, region: Region) -> Learnt:
    """Try out a region, on machines that are of no use for anything else afterwards.

    Raises TargetError when no machine starts.
    """
    return _Trial(bench, region).learnt()


class _Trial:
    def __init__(self, bench: Bench, region: Region) -> None:
        self._bench = bench
        self._most = bench.deaths + _DEATHS
        self._region = region
        self._deadly: list[Deadly] = []

    def learnt(self) -> Learnt:
        widths = self._region.widths
        width = widths[0]
        answering = {width: self._answering(width, _LOOKED_AT)}
        for other in widths[1:]:
            answering[other] = self._answering(other, _FURTHER // other)
        if not answering[width]:  # it refuses what most regions take
            width = max(widths, key=lambda other: other * len(answering[other]))
        registers = {offset: Register(offset, width) for offset in answering[width]}
        heard = {at for offset in registers for at in range(offset, offset + width)}
        for other in widths:
            for offset in answering[other] if other < width else ():
                if heard.isdisjoint(range(offset, offset + other)):
                    registers[offset] = Register(offset, other)
                    heard.update(range(offset, offset + other))
        narrow = {
            other: tuple(offset for offset in answering[other] if not self._kills(offset, other))
            for other in widths
            if other != width
        }
        safe = [registers[offset] for offset in sorted(registers) if not self._kills(*registers[offset])]
        if self._region.config:
            meant = self._meant()
            safe = [register for register in safe if register.offset in meant]
            narrow = {other: tuple(filter(meant.__contains__, narrow[other])) for other in narrow}
        return Learnt(self._region, width, tuple(safe[:_MOST]), narrow, tuple(self._deadly))

    def _meant(self) -> frozenset[int]:
        """Return the places of a configuration space that mean something."""
        lines = [line for at in range(0, self._region.size, 4) for line in self._access(at, 4, None)]
        answers = self._bench.ask(lines, anew=True) or []
        return meaningful(b"".join(int(answer, 16).to_bytes(4, "little") for answer in answers[1::2]))

    def _answering(self, width: int, most: int) -> list[int]:
        """Return the offsets that answer at a width."""
        last = self._region.size - width
        offsets = [*range(0, last + 1, width)][:most]
        found: list[int] = []
        for start in range(0, len(offsets), _TOGETHER):
            found += self._tried(offsets[start : start + _TOGETHER], width)
            if len(found) >= _MOST:  # it is mostly memory
                break
        return found

    def _tried(self, offsets: Sequence[int], width: int) -> Iterator[int]:
        """Yield those of a few places that answer, and remember which of them kill."""
        offsets = [offset for offset in offsets if not self._kills(offset, width)]
        writing = self._bench.deaths < self._most
        if self._bench.deaths >= self._most + _DEATHS:
            return
        parts = [self._commands(offset, width, writing) for offset in offsets]
        answers = self._bench.ask([line for lines, _ in parts for line in lines])
        if answers is not None:
            ones = (1 << 8 * width) - 1
            at = 0
            for offset, (lines, reads) in zip(offsets, parts, strict=True):
                if {int(answers[at + read], 16) & ones for read in reads} - {0, ones}:
                    yield offset
                at += len(lines)
        elif len(offsets) > 1:
            for offset in offsets:
                yield from self._tried([offset], width)
        elif writing:
            self._blame(offsets[0], width)

    def _blame(self, offset: int, width: int) -> None:
        """Find the one access that kills a machine that is asked nothing else, if there is one."""
        for value in (None, *_values(width)):
            if self._bench.ask(self._access(offset, width, value), anew=True) is None:
                self._deadly.append(Deadly(offset, width, value))
                return

    def _kills(self, offset: int, width: int) -> bool:
        return Learnt(self._region, width, deadly=tuple(self._deadly)).kills(offset, width)

    def _commands(self, offset: int, width: int, writing: bool) -> tuple[list[str], list[int]]:
        """Return what to ask of a place, and which of the answers are those to reads."""
        commands = self._access(offset, width, None)
        reads = [len(commands) - 1]
        for value in _values(width) if writing else ():
            commands += self._access(offset, width, value) + self._access(offset, width, None)
            reads.append(len(commands) - 1)
        return commands, reads

    def _access(self, offset: int, width: int, value: int | None) -> list[str]:
        if value is None:
            return self._region.read(offset, width)
        return self._region.write(offset, width, value)


def _values(width: int) -> tuple[int, ...]:
    ones = (1 << 8 * width) - 1
    return ones, 0x5A5A5A5A5A5A5A5A & ones, 0
