"""Which registers answer: found out on a machine that is thrown away afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.regions import Region

__all__ = ["learn_registers", "natural_width"]

_LOOKED_AT: Final = 4096
"""Registers of a region that are tried; larger regions are mostly memory."""

_MOST: Final = 256
"""Answering registers that are kept of a region."""


def natural_width(region: Region) -> int:
    """Return the width in bytes that a region's registers most likely have."""
    if region.ports:
        return 1 if region.size <= 8 or region.size % 4 else 4
    return 4 if region.size >= 4 else 1


def learn_registers(layout: Layout, region: Region) -> tuple[int, ...]:
    """Return the offsets at which a read gives, now or after a write, anything but 0 or all ones.

    A machine that dies of it, or hangs, is looked at by reading alone; then it may be that few or
    none are found.
    """
    for writing in (True, False):
        process = launch(layout).connect()
        try:
            process.run(layout.setup)
            return tuple(_answering(process, region, writing))[:_MOST]
        except (QemuDied, QemuHung):
            continue
        finally:
            process.close()
    return ()


def _answering(process: QemuProcess, region: Region, writing: bool) -> Iterator[int]:
    width = natural_width(region)
    suffix = {1: "b", 2: "w", 4: "l"}[width]
    ones = (1 << 8 * width) - 1
    read, write = ("in", "out") if region.ports else ("read", "write")
    for offset in range(0, min(region.size - width + 1, _LOOKED_AT * width), width):
        address = f"{region.base + offset:#x}"
        commands = [f"{read}{suffix} {address}"]
        if writing:
            for value in (ones, 0x5A5A5A5A & ones, 0):
                commands += [f"{write}{suffix} {address} {value:#x}", f"{read}{suffix} {address}"]
        answers = process.run(commands)[::2] if writing else process.run(commands)
        if {int(answer, 16) & ones for answer in answers} - {0, ones}:
            yield offset
