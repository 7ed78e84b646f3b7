"""A board as it can be started: with as much memory as it accepts, and its own devices wired to something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from stressor.errors import StressorError, TargetError
from stressor.targets.qemu.binary import QemuBinary
from stressor.targets.qemu.companions import Bus, board_companions, buses_in
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.regions import Region, regions_in
from stressor.targets.qemu.view import View
from stressor.vmstate.live import same, without_indexes

__all__ = ["Board", "board_of", "unsteady"]

_MEMORY: Final = "4M"
"""Little, as a fresh process is given all of it; a board that refuses has its own amount."""

_CARDS: Final = 4
_CARD: Final = re.compile(r"does not support if=sd,bus=0,unit=(\d+)")
_SIZE: Final = re.compile(r"\b(D?RAM|memory)\b", re.IGNORECASE)
_PCI: Final = 0xCF8


@dataclass(frozen=True)
class Board:
    """What a binary's machine is without any device added; `memory` is "" where it is its own choice."""

    binary: QemuBinary
    memory: str
    arguments: tuple[str, ...]
    regions: tuple[Region, ...]
    sections: frozenset[str]
    buses: tuple[Bus, ...]

    @property
    def reaches_pci(self) -> bool:
        """Whether PCI devices can be configured by mechanism 1, as they are on a PC."""
        return any(region.ports and region.base == _PCI for region in self.regions)


@cache
def board_of(
    binary: QemuBinary,
    machine: str,
    memory: str | None,
    arguments: tuple[str, ...],
    *,
    wired: bool,
) -> Board:
    """Return a board after starting it; with `wired`, its own devices have something to do.

    Raises TargetError in QEMU's words when it does not start, or cannot be saved.
    """
    size, given, process = _started(binary, ["-machine", machine, *arguments], memory, wired)
    try:
        regions = regions_in(process.human("info mtree -f"))
        buses = tuple(buses_in(process.human("info qtree")))
        sections = frozenset(Machine(process).sections)
        return Board(binary, size, tuple(given), regions, sections, buses)
    finally:
        process.close()


@cache
def unsteady(binary: QemuBinary, memory: str, arguments: tuple[str, ...]) -> frozenset[str]:
    """Return the fields (indexes dropped) that change before any operation: from one process to
    another, by a reset, or by save and load.

    They are findings about the whole machine, and are left out where some of its regions are looked
    at. Empty for a machine that cannot do all of this.
    """
    process = QemuProcess(binary, arguments, memory=memory)
    other = QemuProcess(binary, arguments, memory=memory)
    view = View(None)
    try:
        machine = Machine(process.connect())
        devices, stream = machine.named()
        first = view.attributes(stream)
        states = [view.attributes(Machine(other.connect()).named()[1])]
        machine.reset()
        states.append(view.attributes(machine.named()[1]))
        machine.load(devices)
        states.append(view.attributes(machine.named()[1]))
    except (StressorError, QemuDied, QemuHung):
        return frozenset()
    finally:
        process.close()
        other.close()
    return frozenset(
        without_indexes(name)
        for state in states
        for name in {**first, **state}
        if not same(first.get(name), state.get(name))
    )


def _started(
    binary: QemuBinary, arguments: Sequence[str], memory: str | None, wired: bool
) -> tuple[str, list[str], QemuProcess]:
    """Start a board; what it refuses of our own choices is taken back."""
    size = _MEMORY if memory is None else memory
    cards: int | None = _CARDS if wired else None
    while True:
        given = [*arguments, *(board_companions(arguments, cards) if cards is not None else ())]
        try:
            return size, given, QemuProcess(binary, given, memory=size).connect()
        except TargetError as error:
            # its words only: the command that stands behind them has memory in it
            words = str(error).partition("; command: ")[0]
            refused = _CARD.search(words)
            if refused and cards:
                cards = min(int(refused[1]), cards - 1)
            elif memory is None and size and _SIZE.search(words):
                size = ""
            elif cards is not None:
                cards = cards - 1 if cards > 1 else (0 if cards else None)
            else:
                raise
