"""What a USB host does with the device at its first port, whatever the controller is.

Sources: USB 2.0, sections 8.5 (transactions) and 9.4 (requests); Device Class Definition for HID 1.11,
section 7.2; USB Mass Storage Class, Bulk-Only Transport 1.0, sections 3.2 and 5; SPC-3 and SBC-3 for
commands of disks.
"""

from __future__ import annotations

import struct
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["COMMANDS", "IN", "OUT", "REQUESTS", "SETUP", "Stage", "UsbHost", "wrapped"]

SETUP, IN, OUT = 0x2D, 0x69, 0xE1
"""Packet identifiers. USB 2.0, table 8-1."""

REQUESTS: Final = {
    "device": (0x80, 6, 0x0100, 0, 18),
    "configuration": (0x80, 6, 0x0200, 0, 64),
    "string": (0x80, 6, 0x0302, 0x0409, 64),
    "status": (0x80, 0, 0, 0, 2),
    "configure": (0x00, 9, 1, 0, 0),
    "get configuration": (0x80, 8, 0, 0, 1),
    "remote wake-up": (0x00, 3, 1, 0, 0),
    "set idle": (0x21, 0x0A, 0x0400, 0, 0),
    "report": (0xA1, 1, 0x0100, 0, 8),
    "maximal unit": (0xA1, 0xFE, 0, 0, 1),
}
"""Type, request, value, index and length, by a name."""

COMMANDS: Final = {
    "test unit ready": (bytes(6), 0, True),
    "inquiry": (bytes([0x12, 0, 0, 0, 36, 0]), 36, True),
    "request sense": (bytes([0x03, 0, 0, 0, 18, 0]), 18, True),
    "read capacity": (bytes([0x25]) + bytes(9), 8, True),
    "read": (bytes([0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0]), 512, True),
    "write": (bytes([0x2A, 0, 0, 0, 0, 2, 0, 0, 1, 0]), 512, False),
}
"""Command block, bytes of data, and whether these come from the disk, by a name."""

_FRAME: Final = 1_000_000
"""Nanoseconds."""


def wrapped(name: str, tag: int) -> bytes:
    """Return the command block wrapper of one of `COMMANDS`."""
    command, length, inwards = COMMANDS[name]
    head = struct.pack("<IIIBBB", 0x43425355, tag, length, inwards << 7, 0, len(command))
    return (head + command).ljust(31, b"\0")


class Stage(NamedTuple):
    """One direction of a transfer: `length` bytes at `buffer`, the first packet with `toggle`."""

    token: int
    endpoint: int
    toggle: int
    buffer: int
    length: int


class UsbHost(Driver):
    """A controller whose schedule is lists in memory. `packet` is the most that one packet holds.

    A transfer's stages are queued in parts, so that a save may lie between them.
    """

    packet = 8
    bulk_packet = 64

    def __init__(self) -> None:
        self.lists = self.allocate(4 * 4096)
        self.data = self.allocate(4096)
        self.address = 0
        self.up = False
        self.tag = 0
        self.toggles: dict[str, int] = {}
        self.rest: list[Stage] = []

    def start(self) -> None:
        """Reset the controller, give it empty lists, let it run, and reset the port."""
        raise NotImplementedError

    def queue(self, stages: list[Stage]) -> None:
        """Give these stages, which are for one endpoint, to the controller, all at once."""
        raise NotImplementedError

    def show(self) -> None:
        """Show what a guest's driver looks at."""
        raise NotImplementedError

    @operation
    def bring_up(self) -> None:
        """Start everything anew, and give the device the address 1."""
        self.memory.fill(self.lists, 4 * 4096)
        self.address, self.rest, self.toggles = 0, [], {}
        self.start()
        self._finish(self._control((0x00, 5, 1, 0, 0)), 9)
        self.address = 1
        self.up = True

    @operation(name=st.sampled_from(list(REQUESTS)), parts=st.integers(1, 3))
    def control(self, name: str, parts: int) -> None:
        """A control transfer, of which only the first `parts` stages are queued at first."""
        if not self.up:
            self.bring_up()
        self._finish(self._control(REQUESTS[name]), parts)

    @operation(name=st.sampled_from(list(COMMANDS)), parts=st.integers(1, 3))
    def storage(self, name: str, parts: int) -> None:
        """A command to a disk, of which only the first `parts` of its transfers are made at first."""
        if not self.up:
            self.bring_up()
        _, length, inwards = COMMANDS[name]
        if self.elsewhere and not inwards:
            return
        self.tag += 1
        self.memory.write(self.data + 0x800, wrapped(name, self.tag))
        stages = [self._bulk(OUT, 2, self.data + 0x800, 31)]
        if length:
            stages.append(self._bulk(IN, 1, self.data, length) if inwards else self._bulk(OUT, 2, self.data, length))
        stages.append(self._bulk(IN, 1, self.data + 0xC00, 13))
        self._finish(stages, parts)

    @operation
    def poll(self) -> None:
        """Ask the interrupt endpoint; without news the transfer stays where it is."""
        if not self.up:
            self.bring_up()
        self._finish([self._bulk(IN, 1, self.data, 8)], 1)

    @operation
    def go_on(self) -> None:
        """Queue what is left of a transfer."""
        self._finish(self.rest, 9)

    @operation(frames=st.integers(1, 20))
    def let_run(self, frames: int) -> None:
        self.step(frames * _FRAME)
        self.show()

    def _finish(self, stages: list[Stage], parts: int) -> None:
        self.rest = stages[parts:]
        for _, together in groupby(stages[:parts], attrgetter("endpoint")):
            self.queue([*together])
            self.step(4 * _FRAME)
            self.settle()
        self.show()
        self.memory.show(self.data, 64, "data")
        self.memory.show(self.data + 0xC00, 13, "command status wrapper")

    def _control(self, request: tuple[int, int, int, int, int]) -> list[Stage]:
        length, inwards = request[4], request[0] >> 7
        self.memory.write(self.data + 0xE00, struct.pack("<BBHHH", *request))
        stages = [Stage(SETUP, 0, 0, self.data + 0xE00, 8)]
        if length:
            stages.append(Stage(IN if inwards else OUT, 0, 1, self.data, length))
        stages.append(Stage(OUT if inwards and length else IN, 0, 1, 0, 0))
        return stages

    def _bulk(self, token: int, endpoint: int, buffer: int, length: int) -> Stage:
        name = f"{token} {endpoint}"
        toggle = self.toggles.get(name, 0)
        self.toggles[name] = toggle ^ max(1, -(-length // self.bulk_packet)) & 1
        return Stage(token, endpoint, toggle, buffer, length)
