"""What a device needs beside it, to exist and to have something to do: its companions.

What it needs is read from its properties (`-device X,help`): one that takes a block device or a
network is given one. What it has room for is read from its buses (`info qtree`): a SCSI bus is
given a disk, a USB bus a keyboard. So no list of devices is needed, and new ones are served as well.

No companion reaches outside the process: disks read as zeros and forget what is written, networks
have no other end, random numbers are zeros. What a user gave is never replaced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from stressor.targets.qemu.binary import QemuBinary

__all__ = ["PLACES", "Bus", "Companions", "board_companions", "buses_in", "guests_for"]

_DISK: Final = "read-zeroes=on,size=67108864"
_BACKENDS: Final = {
    "drive": ("-blockdev", f"driver=null-co,node-name={{}},{_DISK}"),
    "netdev": ("-netdev", "hubport,id={},hubid=0"),
    "chardev": ("-chardev", "null,id={}"),
    "audiodev": ("-audiodev", "none,id={}"),
    "fsdev": ("-fsdev", "synth,id={}"),
    "memdev": ("-object", "memory-backend-ram,id={},size=1M"),
    "rng": ("-object", "rng-random,id={},filename=/dev/zero"),
    "cryptodev": ("-object", "cryptodev-backend-builtin,id={}"),
    "canbus": ("-object", "can-bus,id={}"),
    "bmc": ("-device", "ipmi-bmc-sim,id={}"),
}
"""By property (numbers behind it dropped), what makes the backend that it takes, `{}` for its id."""

_VALUES: Final = {
    "serial": "stressor", "mount_tag": "stressor", "chassis_nr": "1", "master": "on",
}  # fmt: skip
"""Properties that some devices insist on to exist, or to be migratable; a serial number only beside a
disk."""

_SERVED: Final = ("vhost-", "ivshmem-doorbell")
"""Devices whose other end is a server outside of QEMU: what we could give kills or hangs it."""

_FLASH: Final = "mx25l25635e"
"""A serial flash; without a drive it is one that was erased."""

PLACES: Final[dict[str, Sequence[str]]] = {
    "SCSI": ("scsi-hd", "scsi-cd"),
    "IDE": ("ide-hd", "ide-cd"),
    "usb-bus": ("usb-storage", "usb-kbd"),
    "sd-bus": ("sd-card",),
    "sdhci-bus": ("sd-card",),
    "HDA": ("hda-duplex",),
    "virtio-serial-bus": ("virtserialport",),
    "IndustryPack": ("ipoctal232",),
    "floppy-bus": ("floppy",),
    "SSI": (_FLASH,),
}
"""By type of bus, what is put on it. Of IDE buses, which hold one or two, each gets the next one."""

_PROPERTY: Final = re.compile(r"^\s+(\w+)=<(?:str|uint8|OnOffAuto|link<[^>]*>)>", re.MULTILINE)


@dataclass(frozen=True)
class Bus:
    """A bus as `info qtree` shows it; `empty` when no device is on it."""

    name: str
    type: str
    empty: bool


@dataclass
class Companions:
    """Collects arguments of a command line; each companion gets an id of its own."""

    binary: QemuBinary
    arguments: list[str] = field(default_factory=list)
    _count: int = 0

    def device(self, name: str, given: Sequence[tuple[str, str]]) -> None:
        """Add a device with the properties `given`, behind the backends that it needs."""
        properties = [*given, *self._needs(name, {key for key, _ in given})]
        options = "".join(f",{key}={value}" for key, value in properties)
        self.arguments += ["-device", f"{name}{options}"]

    def guest(self, name: str, bus: str) -> None:
        """Add a device on a bus."""
        self.device(name, [("bus", bus)])

    def _needs(self, name: str, given: Collection[str]) -> Iterator[tuple[str, str]]:
        properties = _PROPERTY.findall(self.binary.properties(name))
        if name.startswith(_SERVED) or name == _FLASH:
            return
        for key in properties:
            if key in given:
                continue
            kind = key.rstrip("0123456789")
            if kind in _BACKENDS:
                option, text = _BACKENDS[kind]
                backend = self._id()
                self.arguments += [option, text.format(backend)]
                yield key, backend
            elif key in _VALUES and (key != "serial" or "drive" in properties):
                yield key, _VALUES[key]

    def _id(self) -> str:
        self._count += 1
        return f"companion{self._count}"


def guests_for(buses: Sequence[Bus]) -> Iterator[tuple[str, str]]:
    """Yield what there is to put on empty buses: the device, and the bus by its name.

    Buses of one name cannot be told apart, and are left empty.
    """
    names = [bus.name for bus in buses]
    turn = 0
    for bus in buses:
        if not bus.empty or names.count(bus.name) > 1:
            continue
        guests = PLACES.get(bus.type, ())
        if bus.type == "IDE":
            guests, turn = guests[turn : turn + 1], turn + 1
        for guest in guests:
            yield guest, bus.name


def board_companions(given: Sequence[str], cards: int) -> list[str]:
    """Return what a board's own devices are wired to: a serial line, a network, sound, `cards` cards.

    Of each kind only what is not among the arguments `given`.
    """
    text = " ".join(given)
    found: list[str] = []
    if "-serial" not in given:
        found += ["-serial", "null"]
    if not re.search(r"-(net|nic|netdev)\b", text):
        found += ["-net", "nic"]
    if "-audiodev" not in given:
        found += ["-audiodev", "none,id=companion-sound"]
    if "if=sd" not in text:
        for index in range(cards):
            found += ["-drive", f"if=sd,index={index},id=companion-card{index},driver=null-co,{_DISK}"]
    return found


def buses_in(tree: str, device: str | None = None) -> list[Bus]:
    """Return the buses in the text of `info qtree`; with `device`, those below the device of that id."""
    lines = tree.splitlines()
    if device is not None:
        lines = _below(lines, device)
    found: list[Bus] = []
    for index, line in enumerate(lines):
        match = re.match(r"( *)bus: (.+)$", line)
        if match is None:
            continue
        inside = f"{match[1]}  "
        kind = lines[index + 1].strip().removeprefix("type ") if index + 1 < len(lines) else ""
        following = lines[index + 2] if index + 2 < len(lines) else ""
        found.append(Bus(match[2], kind, not following.startswith(f"{inside}dev: ")))
    return sorted(found, key=lambda bus: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", bus.name)])


def _below(lines: Sequence[str], device: str) -> list[str]:
    """Return the lines that stand deeper than the line of a device."""
    starts = [index for index, line in enumerate(lines) if line.endswith(f', id "{device}"')]
    if not starts:
        return []
    depth = len(lines[starts[0]]) - len(lines[starts[0]].lstrip())
    found = []
    for line in lines[starts[0] + 1 :]:
        if len(line) - len(line.lstrip()) <= depth:
            break
        found.append(line)
    return found
