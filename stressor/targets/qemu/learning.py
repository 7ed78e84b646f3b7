"""Which registers answer, and how: found out on machines that are thrown away afterwards.

Each place is read, written and read again at each width. What ever gives anything but 0 or all ones
answers there. A place that ends or hangs QEMU is found, so that traffic does not die of it again
and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Deadly, Learnt, Register

__all__ = ["Bench", "learn_registers"]

_LOOKED_AT: Final = 4096
"""Places of a region that are tried at its first width; larger regions are mostly memory."""

_FURTHER: Final = 1024
"""Bytes of a region that are tried at further widths."""

_MOST: Final = 256
"""Answering registers that are kept of a region."""

_CAPABILITY: Final = 16
"""Bytes of a PCI function's capability that may read as 0 at reset."""

_TOGETHER: Final = 16
"""Places tried in one go, until one of them kills."""

_DEATHS: Final = 6
"""Machines that one region may cost; from then on it is only read."""

_PATIENCE: Final = 4.0
"""Seconds after which a machine that is tried out counts as hung."""


class Bench:
    """Machines to try things on: a new one whenever the last one died or hung. `close` it."""

    def __init__(self, layout: Layout) -> None:
        self._layout: Final = layout
        self._process: QemuProcess | None = None
        self.deaths = 0

    def ask(self, commands: Sequence[str], *, anew: bool = False) -> list[str] | None:
        """Return the answers to qtest commands, None when the machine died or hung of them.

        With `anew` it is a machine that was not asked anything before.
        """
        if anew:
            self.close()
        if self._process is None:
            self._process = launch(self._layout, seconds=_PATIENCE).connect()
            self._process.run(self._layout.setup)
        try:
            return self._process.run(commands)
        except (QemuDied, QemuHung):
            self.deaths += 1
            self.close()
            return None

    def close(self) -> None:
        """End the machine; never raises."""
        if self._process is not None:
            self._process.close()
            self._process = None


def learn_registers(layout: Layout, region: Region) -> Learnt:
    """Try out a region. Raises TargetError when no machine starts."""
    bench = Bench(layout)
    try:
        return _Trial(bench, region).learnt()
    finally:
        bench.close()


class _Trial:
    def __init__(self, bench: Bench, region: Region) -> None:
        self._bench = bench
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
            safe = self._meaning(safe)
        return Learnt(self._region, width, tuple(safe[:_MOST]), narrow, tuple(self._deadly))

    def _meaning(self, registers: Sequence[Register]) -> list[Register]:
        """Return the registers of a configuration space that mean something.

        Beyond the header these are capabilities, recognised by what is there at reset; the rest of
        the space just keeps what is written.
        """
        last = 0x40
        kept: list[Register] = []
        for register in registers:
            answers = self._bench.ask(self._access(*register, None), anew=last == 0x40 and not kept)
            if answers and int(answers[-1], 16) and register.offset >= 0x40:
                last = register.offset + _CAPABILITY
            if register.offset < last:
                kept.append(register)
        return kept

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
        writing = self._bench.deaths < _DEATHS
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
