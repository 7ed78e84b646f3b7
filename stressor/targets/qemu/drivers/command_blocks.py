"""SCSI command blocks, for the adapters and for packet commands of ATA.

Sources: T10, SPC-3, chapter 6 (INQUIRY, MODE SENSE, REPORT LUNS, REQUEST SENSE, ...); SBC-2,
chapter 5 (READ, WRITE, READ CAPACITY, ...); MMC-4, chapter 6 (READ TOC, GET CONFIGURATION, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

__all__ = [
    "COMMAND_BLOCKS",
    "DISC_BLOCK",
    "DISK_BLOCK",
    "INQUIRY",
    "data_length",
    "is_sent",
    "read_10",
    "write_10",
]

DISK_BLOCK: Final = 512
DISC_BLOCK: Final = 2048

_TEST_UNIT_READY: Final = bytes(6)
_REQUEST_SENSE: Final = bytes([0x03, 0, 0, 0, 18, 0])
INQUIRY: Final = bytes([0x12, 0, 0, 0, 36, 0])
_IDENTIFICATION: Final = bytes([0x12, 1, 0x83, 0, 255, 0])
_MODE_SELECT: Final = bytes([0x15, 0x10, 0, 0, 24, 0])
_MODE_SENSE: Final = bytes([0x1A, 0, 0x3F, 0, 192, 0])
_STOP: Final = bytes([0x1B, 0, 0, 0, 0, 0])
_START: Final = bytes([0x1B, 0, 0, 0, 1, 0])
_EJECT: Final = bytes([0x1B, 0, 0, 0, 2, 0])
_LOCK: Final = bytes([0x1E, 0, 0, 0, 1, 0])
_UNLOCK: Final = bytes([0x1E, 0, 0, 0, 0, 0])
_READ_CAPACITY: Final = bytes([0x25]) + bytes(9)
_SYNCHRONIZE_CACHE: Final = bytes([0x35]) + bytes(9)
_READ_TOC: Final = bytes([0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0])
_GET_CONFIGURATION: Final = bytes([0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0])
_EVENT_STATUS: Final = bytes([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8, 0])
_MODE_SENSE_10: Final = bytes([0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128, 0])
_REPORT_LUNS: Final = bytes([0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0])
_UNKNOWN: Final = bytes([0xEE]) + bytes(5)

_LENGTH_AT: Final[Mapping[int, slice]] = {
    **dict.fromkeys((0x03, 0x12, 0x15, 0x1A), slice(4, 5)),
    **dict.fromkeys((0x43, 0x46, 0x4A, 0x5A), slice(7, 9)),
    0xA0: slice(6, 10),
}
"""Where the allocation or parameter list length stands, by operation code."""


def read_10(block: int, count: int) -> bytes:
    """Return READ(10): `count` blocks from `block` on."""
    return bytes([0x28, 0, *block.to_bytes(4), 0, *count.to_bytes(2), 0])


def write_10(block: int, count: int) -> bytes:
    """Return WRITE(10): `count` blocks from `block` on."""
    return bytes([0x2A, 0, *block.to_bytes(4), 0, *count.to_bytes(2), 0])


def data_length(command: bytes, block: int = DISK_BLOCK) -> int:
    """Return how many bytes a command asks for, or sends; `block` is the size of the medium's."""
    code = command[0]
    if code in (0x28, 0x2A):
        return int.from_bytes(command[7:9]) * block
    if code == 0x25:
        return 8
    place = _LENGTH_AT.get(code)
    return int.from_bytes(command[place]) if place else 0


def is_sent(command: bytes) -> bool:
    """Return whether the data go to the device."""
    return command[0] in (0x15, 0x2A)


_BLOCKS: Final = st.sampled_from([0, 1, 2, 63, 1000, 0x7FFF, 0x1FFFF, 0x20000])
_COUNTS: Final = st.sampled_from([1, 1, 2, 4, 8])

COMMAND_BLOCKS: Final = st.one_of(
    st.sampled_from([
        _TEST_UNIT_READY, _REQUEST_SENSE, _REQUEST_SENSE, INQUIRY, _IDENTIFICATION, _MODE_SELECT,
        _MODE_SENSE, _STOP, _START, _EJECT, _LOCK, _UNLOCK, _READ_CAPACITY, _SYNCHRONIZE_CACHE,
        _READ_TOC, _GET_CONFIGURATION, _EVENT_STATUS, _MODE_SENSE_10, _REPORT_LUNS, _UNKNOWN,
    ]),
    st.builds(read_10, _BLOCKS, _COUNTS),
    st.builds(write_10, _BLOCKS, _COUNTS),
)  # fmt: skip
"""What a guest sends to disks and discs; some blocks lie behind the end of a disk of 64 MiB."""
