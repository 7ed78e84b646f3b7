"""Disks over virtio.

Source: Virtual I/O Device (VIRTIO) 1.2, sections 5.2 (block) and 5.6 (SCSI host); for the command
blocks SCSI Primary Commands 4 and SCSI Block Commands 3.
"""

from __future__ import annotations

import struct
from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.virtio.driver import INDIRECT, KICKED, Virtio

__all__ = ["VirtioBlock", "VirtioScsi"]

_READ, _WRITE, _FLUSH, _GET_ID, _DISCARD, _ZEROES = 0, 1, 4, 8, 11, 13
_SECTORS = st.integers(0, 63)
_SECTOR: Final = 512


class VirtioBlock(Virtio):
    """A disk; the sectors of requests are its first ones."""

    @operation(sector=_SECTORS, count=st.integers(1, 3), indirect=INDIRECT, kicked=KICKED)
    def read(self, sector: int, count: int, indirect: bool, kicked: bool) -> None:
        self._block(_READ, sector, b"", count * _SECTOR, indirect, kicked)

    @operation(sector=_SECTORS, byte=st.integers(0, 255), indirect=INDIRECT, kicked=KICKED)
    def write(self, sector: int, byte: int, indirect: bool, kicked: bool) -> None:
        self._block(_WRITE, sector, bytes([byte]) * _SECTOR, 0, indirect, kicked)

    @operation(kicked=KICKED)
    def flush(self, kicked: bool) -> None:
        self._block(_FLUSH, 0, b"", 0, False, kicked)

    @operation
    def get_id(self) -> None:
        self._block(_GET_ID, 0, b"", 20, False, True)

    @operation(sector=_SECTORS, count=st.integers(1, 8), zeroes=st.booleans())
    def clear(self, sector: int, count: int, zeroes: bool) -> None:
        segment = struct.pack("<QII", sector, count, 0)
        self._block(_ZEROES if zeroes else _DISCARD, 0, segment, 0, False, True)

    @operation(kind=st.sampled_from([2, 3, 5, 99]), kicked=KICKED)
    def ask_for_what_is_not_there(self, kind: int, kicked: bool) -> None:
        self._block(kind, 0, b"", _SECTOR, False, kicked)

    def _block(
        self, kind: int, sector: int, given: bytes, size: int, indirect: bool, kicked: bool
    ) -> None:
        header = struct.pack("<IIQ", kind, 0, sector)
        self._request(
            0, [header, given] if given else [header], [size, 1] if size else [1],
            indirect=indirect, kicked=kicked,
        )  # fmt: skip


class VirtioScsi(Virtio):
    """A host adapter: the queues for control, for events, and one for requests."""

    queues = 3

    @operation(target=st.integers(0, 1), indirect=INDIRECT, kicked=KICKED)
    def inquire(self, target: int, indirect: bool, kicked: bool) -> None:
        self._command(target, bytes([0x12, 0, 0, 0, 36, 0]), b"", 36, indirect, kicked)

    @operation(target=st.integers(0, 1))
    def test_unit_ready(self, target: int) -> None:
        self._command(target, bytes(6), b"", 0, False, True)

    @operation(target=st.integers(0, 1))
    def read_capacity(self, target: int) -> None:
        self._command(target, b"\x25" + bytes(9), b"", 8, False, True)

    @operation(block=st.integers(0, 31), indirect=INDIRECT, kicked=KICKED)
    def read(self, block: int, indirect: bool, kicked: bool) -> None:
        command = struct.pack(">BBIBHB", 0x28, 0, block, 0, 1, 0)
        self._command(0, command, b"", _SECTOR, indirect, kicked)

    @operation(block=st.integers(0, 31), byte=st.integers(0, 255), kicked=KICKED)
    def write(self, block: int, byte: int, kicked: bool) -> None:
        command = struct.pack(">BBIBHB", 0x2A, 0, block, 0, 1, 0)
        self._command(0, command, bytes([byte]) * _SECTOR, 0, False, kicked)

    @operation(kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7]), target=st.integers(0, 1))
    def manage_task(self, kind: int, target: int) -> None:
        self._request(0, [struct.pack("<II8sQ", 0, kind, _unit(target), 1)], [1])

    @operation(events=st.integers(0, 0x7E))
    def subscribe(self, events: int) -> None:
        self._request(0, [struct.pack("<I8sI", 2, _unit(0), events)], [5])

    @operation(kicked=KICKED)
    def post_event_buffer(self, kicked: bool) -> None:
        self._request(1, [], [16], kicked=kicked)

    def _command(
        self, target: int, command: bytes, given: bytes, size: int, indirect: bool, kicked: bool
    ) -> None:
        header = struct.pack("<8sQBBB32s", _unit(target), self.requests, 0, 0, 0, command)
        self._request(
            2, [header, given] if given else [header], [108, size] if size else [108],
            indirect=indirect, kicked=kicked,
        )  # fmt: skip


def _unit(target: int) -> bytes:
    return bytes([1, target, 0x40, 0, 0, 0, 0, 0])
