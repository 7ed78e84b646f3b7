"""How much of which operation: every region gets its share, whether it has three registers or 200."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from stressor.loop.operations import OneOf, OperationType, RegisterValue, Source
from stressor.loop.trace import Argument
from stressor.targets.qemu.guest_memory import Window
from stressor.targets.qemu.registers import Deadly, Learnt, Pair, Register

__all__ = ["COMMAND", "SWEPT", "kinds_of"]

SWEPT: Final = 48
"""Indexes that are read, one after another, behind each pair."""

_EACH: Final = 64
"""Up to so many registers of a region, each one is a kind of operation of its own."""

_BLOCK: Final = 16
"""Beyond that, so many registers are one kind together."""

_SHARE: Final = 12.0
"""The weight of a region's reads, and of its writes."""

_LEAST: Final = 0.5
COMMAND, _STATUS = 0x04, 0x06
"""PCI Local Bus Specification 3.0, section 6.1, figure 6-1."""

_COMMANDS: Final = (0x007, 0x007, 0x007, 0x407, 0x147, 0x006, 0x003, 0x005, 0x000)
"""Memory, I/O and bus master on, mostly: what a device does not decode is not tested."""

_MESSAGES: Final = (0xFEE0_0000, 0xFEE0_1000)
"""Where a PC's interrupt controller takes messages: Intel SDM volume 3, section 10.11."""

_COUNTS: Final = (2, 3, 8, 16, 17, 33)
_FILLERS: Final = tuple(
    tuple(values)
    for count in (2, 8, 16, 17, 33)
    for values in (range(1, count + 1), [0xA5] * count, [0] * count, [1 << at % 8 for at in range(count)])
)


def kinds_of(
    learnt: Sequence[Learnt],
    pairs: Sequence[Pair],
    assigned: Mapping[int, int],
    window: Window | None,
) -> Iterator[OperationType]:
    """Yield every kind of operation on regions. `assigned` are a function's base addresses by
    offset: what is written there is mostly what is there already."""
    addresses = window.addresses if window else ()
    for one in learnt:
        yield from _Region(one, assigned if one.region.config else {}, addresses).kinds()
    for pair in pairs:
        yield from _indexed(pair)
    if window is not None:
        places = OneOf(window.addresses)
        yield OperationType("qemu.store", "store memory", (), (places, OneOf(window.patterns)), 1.5)
        yield OperationType("qemu.fetch", "fetch memory", (), (places, OneOf((16,))), _LEAST)


class _Region:
    def __init__(
        self, learnt: Learnt, assigned: Mapping[int, int], addresses: Sequence[int]
    ) -> None:
        self._learnt = learnt
        self._name = learnt.region.name
        self._assigned = assigned
        own = [*addresses, *(_MESSAGES if learnt.region.config else ())]
        self._addresses = OneOf((*own, *range(2, 9), 16, 0x40, 0x200))
        special = {COMMAND, *assigned} if learnt.region.config else set()
        self._plain = [register for register in learnt.registers if register.offset not in special]

    def kinds(self) -> Iterator[OperationType]:
        if self._learnt.region.config:
            yield from self._config()
        if len(self._plain) <= _EACH:
            yield from self._single()
        else:
            yield from self._blocks()
        for width, registers in groupby(sorted(self._plain, key=_width), key=_width):
            offsets = OneOf(tuple(register.offset for register in registers)), OneOf((width,))
            yield from self._together(width, offsets)
        yield from self._rest()
        if self._learnt.registers:
            yield OperationType("qemu.probe", f"probe {self._name}", (self._name,), (), _LEAST)
        for deadly in self._learnt.deadly:
            yield self._killing(deadly)

    def _single(self) -> Iterator[OperationType]:
        weight = min(max(_SHARE / max(len(self._plain), 1), _LEAST), 3.0)
        for offset, width in self._plain:
            where = f"{self._name}+{offset:#x}"
            leading = (self._name, offset, width)
            yield OperationType("qemu.read", f"read {where}", leading, (), weight)
            yield OperationType("qemu.write", f"write {where}", leading, (RegisterValue(width),), weight)

    def _blocks(self) -> Iterator[OperationType]:
        for width, registers in groupby(sorted(self._plain, key=_width), key=_width):
            offsets = [register.offset for register in registers]
            weight = max(_SHARE * 2 * _BLOCK / len(self._plain), _LEAST)
            for start in range(0, len(offsets), _BLOCK):
                block = offsets[start : start + _BLOCK]
                where = f"{self._name}+{block[0]:#x}..{block[-1]:#x}"
                yield from self._choosing(where, block, width, weight)

    def _together(self, width: int, places: tuple[OneOf, OneOf]) -> Iterator[OperationType]:
        """Yield what is done to any of the registers: changed, filled, emptied, pointed somewhere."""
        ones = (1 << 8 * width) - 1
        keeping = OneOf((ones, ones, ones, 0, *(ones ^ 1 << bit for bit in range(0, 8 * width, 3))))
        changing = OneOf((0, 0, ones, *(1 << bit for bit in range(8 * width))))
        leading = (self._name,)
        name = self._name if width == self._learnt.width else f"{self._name} (by {8 * width} bits)"
        yield OperationType("qemu.modify", f"modify {name}", leading, (*places, keeping, changing), 3.0)
        yield OperationType("qemu.burst", f"burst {name}", leading, (*places, OneOf(_FILLERS)), 1.0)
        yield OperationType("qemu.drain", f"drain {name}", leading, (*places, OneOf(_COUNTS)), 1.0)
        if width >= 2:
            label = f"write {name} (address)"
            yield OperationType("qemu.write", label, leading, (*places, self._addresses), 3.0)

    def _rest(self) -> Iterator[OperationType]:
        """Yield accesses at other widths, and where nothing answers."""
        for width, answering in self._learnt.narrow.items():
            offsets = [offset for offset in answering if not self._special(offset, width)]
            if offsets:
                yield from self._choosing(f"{self._name} (by {8 * width} bits)", offsets, width, 1.0)
        silent = self._learnt.silent or tuple(offset for offset, _ in self._plain)
        offsets = [offset for offset in silent if not self._special(offset, self._learnt.width)]
        if offsets:
            weight = 2.0 if not self._plain else 1.0
            yield from self._choosing(f"{self._name} (silent)", offsets, self._learnt.width, weight)

    def _config(self) -> Iterator[OperationType]:
        written: list[tuple[int, int, Source]] = [
            (COMMAND, 2, OneOf(_COMMANDS)),
            (_STATUS, 2, RegisterValue(2)),
            *((offset, 4, _around(value)) for offset, value in self._assigned.items()),
        ]
        for offset, width, source in written:
            where = f"{self._name}+{offset:#x}"
            yield OperationType("qemu.write", f"write {where}", (self._name, offset, width), (source,), _LEAST)
        for offset in (COMMAND, *self._assigned):
            where = f"{self._name}+{offset:#x}"
            yield OperationType("qemu.read", f"read {where}", (self._name, offset, 4), (), _LEAST)

    def _special(self, offset: int, width: int) -> bool:
        """Return whether what is there switches the registers off: only `_config` writes there."""
        if not self._learnt.region.config:
            return False
        reached = range(offset, offset + width)
        return COMMAND in reached or COMMAND + 1 in reached or any(
            at in reached for base in self._assigned for at in range(base, base + 4)
        )

    def _killing(self, deadly: Deadly) -> OperationType:
        where = f"{self._name}+{deadly.offset:#x}"
        leading: tuple[Argument, ...] = (self._name, deadly.offset, deadly.width)
        if deadly.value is None:
            return OperationType("qemu.read", f"read {where}", leading, (), _LEAST)
        return OperationType("qemu.write", f"write {where}", leading, (OneOf((deadly.value,)),), _LEAST)

    def _choosing(
        self, where: str, offsets: Sequence[int], width: int, weight: float
    ) -> Iterator[OperationType]:
        places = OneOf(tuple(offsets)), OneOf((width,))
        leading = (self._name,)
        yield OperationType("qemu.read", f"read {where}", leading, places, weight)
        yield OperationType("qemu.write", f"write {where}", leading, (*places, RegisterValue(width)), weight)


def _indexed(pair: Pair) -> Iterator[OperationType]:
    leading, value = pair.leading, RegisterValue(pair.width)
    where = f"{pair.data_region}+{pair.data:#x} by index"
    indexes = OneOf((*range(32), *range(32), *range(32, 256, 5), *range(32, 512, 8)))
    yield OperationType("qemu.read-indexed", f"read {where}", leading, (indexes,), 2.0)
    yield OperationType("qemu.write-indexed", f"write {where}", leading, (indexes, value), 3.0)
    yield OperationType("qemu.sweep", f"sweep {where}", leading, (OneOf((SWEPT,)),), _LEAST)


def _around(assigned: int) -> OneOf:
    """A base address that stays, is asked for its size, or moves."""
    return OneOf((assigned, assigned, assigned, 0xFFFF_FFFF, assigned ^ 0x1000_0000))


def _width(register: Register) -> int:
    return register.width
