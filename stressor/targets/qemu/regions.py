"""What of a machine can be read and written: `info mtree -f`, and `query-pci`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

__all__ = ["Bar", "PciFunction", "Region", "access", "memory_in", "pci_functions", "regions_in"]

_VIEW: Final = re.compile(r'^ AS "([^"]*)"', re.MULTILINE)
_ROOT: Final = re.compile(r"root: (.+)$", re.MULTILINE)
_RANGE: Final = re.compile(
    r"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (\S+?)\): (.+?)(?: @[0-9a-f]{16})?(?: KVM)?$"
)
_SUFFIX: Final = {1: "b", 2: "w", 4: "l", 8: "q"}
_ADDRESS, _DATA = 0xCF8, 0xCFC
_LEGACY: Final = 0x1000
"""I/O ports below are those of the ISA bus, whose registers have a byte."""


@dataclass(frozen=True)
class Region:
    """A range of registers: `size` bytes at `base`, in memory or (with `ports`) in I/O space.

    With `config` it is the configuration space of the PCI function whose address `base` is.
    A `rom` is memory for who reads it, and a device for who writes: flash, which takes commands.
    """

    name: str
    base: int
    size: int
    ports: bool
    config: bool = False
    rom: bool = False

    def read(self, offset: int, width: int) -> list[str]:
        """Return the qtest commands that read a register; the answer is that to the last one."""
        if self.config:
            return [self._selecting(offset), f"in{_SUFFIX[width]} {_DATA + offset % 4:#x}"]
        return [access(self, offset, width)]

    def write(self, offset: int, width: int, value: int) -> list[str]:
        """Return the qtest commands that write a register."""
        value &= (1 << 8 * width) - 1
        if self.config:
            data = f"out{_SUFFIX[width]} {_DATA + offset % 4:#x} {value:#x}"
            return [self._selecting(offset), data]
        return [access(self, offset, width, value)]

    def _selecting(self, offset: int) -> str:
        """PCI configuration mechanism 1: PCI Local Bus Specification 3.0, section 3.2.2.3.2."""
        return f"outl {_ADDRESS:#x} {0x8000_0000 | self.base | offset & ~3:#x}"

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths in bytes at which it can be asked at all, the most likely one first."""
        first = 1 if self.ports and (self.base < _LEGACY or self.size <= 8 or self.size % 4) else 4
        most = 4 if self.ports or self.config else 8
        ordered = dict.fromkeys((first, 4, 2, 1, 8))
        return tuple(width for width in ordered if width <= min(most, self.size))


@dataclass(frozen=True)
class Bar:
    """A base address register: `size` bytes of I/O space, or of memory."""

    number: int
    size: int
    ports: bool
    wide: bool


@dataclass(frozen=True)
class PciFunction:
    """A PCI function where `query-pci` shows it; `id` is the one given with `-device`."""

    bus: int
    device: int
    function: int
    id: str
    bars: tuple[Bar, ...]

    @property
    def address(self) -> int:
        """Bus, device and function as they stand in the configuration address, bits 23 to 8."""
        return (self.bus << 8 | self.device << 3 | self.function) << 8


def access(region: Region, offset: int, width: int, value: int | None = None) -> str:
    """Return the qtest command that reads a register, or with a `value` writes it.

    A configuration space takes two, see `Region.read`.
    """
    if region.ports:
        verb = "in" if value is None else "out"
    else:
        verb = "read" if value is None else "write"
    written = "" if value is None else f" {value:#x}"
    return f"{verb}{_SUFFIX[width]} {region.base + offset:#x}{written}"


def memory_in(text: str) -> range:
    """Return the addresses of the largest piece of memory that `info mtree -f` shows."""
    largest = range(0)
    for view in re.split(r"^FlatView #\d+$", text, flags=re.MULTILINE):
        if "memory" not in _VIEW.findall(view):
            continue
        for match in filter(None, map(_RANGE.match, view.splitlines())):
            if match[3] == "ram":
                found = range(int(match[1], 16), int(match[2], 16) + 1)
                largest = max(largest, found, key=len)
    return largest


def pci_functions(buses: Sequence[Mapping[str, Any]]) -> Iterator[PciFunction]:
    """Yield what `query-pci` lists, with what lies behind bridges."""
    for bus in buses:
        for device in bus["devices"]:
            bars = tuple(
                Bar(bar["bar"], bar["size"], bar["type"] == "io", bar.get("mem_type_64", False))
                for bar in device["regions"]
            )
            yield PciFunction(
                device["bus"], device["slot"], device["function"], device["qdev_id"], bars
            )
            behind = device.get("pci_bridge", {}).get("devices", ())
            yield from pci_functions([{"devices": behind}])


def regions_in(text: str, patterns: tuple[str, ...] = ("*",)) -> tuple[Region, ...]:
    """Return the regions of device registers that `info mtree -f` shows, each once, by address.

    Only what fits one of `patterns` by its name; I/O space is the view named `I/O`. Of a ROM that is
    seen at several places only the last is taken: the others are copies for the processor's start.
    """
    found: dict[tuple[bool, int], Region] = {}
    for view in re.split(r"^FlatView #\d+$", text, flags=re.MULTILINE):
        spaces = _VIEW.findall(view)
        if not ("I/O" in spaces or "memory" in spaces):
            continue
        ports = "memory" not in spaces
        roots = {"(none)", *_ROOT.findall(view)}  # what lies bare under no device has their name
        for line in view.splitlines():
            match = _RANGE.match(line)
            if match is None or match[3] not in ("i/o", "romd") or match[4] in roots:
                continue
            first, last = int(match[1], 16), int(match[2], 16)
            if any(fnmatchcase(match[4], pattern) for pattern in patterns):
                region = Region(match[4], first, last - first + 1, ports, rom=match[3] == "romd")
                found.setdefault((ports, first), region)
    regions = [found[key] for key in sorted(found)]
    roms = {region.name: region for region in regions if region.rom}
    return tuple(_numbered([one for one in regions if not one.rom or roms[one.name] is one]))


def _numbered(regions: list[Region]) -> Iterator[Region]:
    """Tell regions of one name apart: the second one gets `#2` behind it."""
    seen: dict[str, int] = {}
    for region in regions:
        count = seen[region.name] = seen.get(region.name, 0) + 1
        name = region.name if count == 1 else f"{region.name}#{count}"
        yield replace(region, name=name)
