"""Ethernet frames that drivers send, whole or in parts.

Source: IEEE 802.3, section 3; IEEE 802.1Q, section 9 (the tag of a VLAN); RFC 826 (ARP).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from hypothesis import strategies as st

__all__ = ["ADDRESS", "FRAMES", "MULTICAST", "PARTS", "Piece", "arp_request", "frame", "pieces"]

ADDRESS: Final = bytes.fromhex("525400123456")
"""What QEMU gives to the first card of a machine."""

MULTICAST: Final = bytes.fromhex("01005e000001")
_BROADCAST: Final = bytes([255] * 6)
_GATEWAY: Final = bytes([10, 0, 2, 2])
_GUEST: Final = bytes([10, 0, 2, 15])


def frame(destination: bytes, size: int, byte: int, vlan: int | None = None) -> bytes:
    """Return a frame without its check sequence: `size` bytes of one value behind the header."""
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return destination + ADDRESS + tag + struct.pack(">H", 0x88B5) + bytes([byte]) * size


def arp_request() -> bytes:
    """Return what a user network of QEMU answers to at once."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + ADDRESS + _GUEST + bytes(6) + _GATEWAY
    return (_BROADCAST + ADDRESS + b"\x08\x06" + body).ljust(60, b"\0")


FRAMES: Final = st.one_of(
    st.builds(
        frame,
        st.sampled_from([ADDRESS, _BROADCAST, MULTICAST, bytes.fromhex("525400000001")]),
        st.sampled_from([1, 46, 50, 100, 300, 1500]),
        st.integers(0, 255),
        st.sampled_from([None, None, 1, 0xABC]),
    ),
    st.just(arp_request()),
)

PARTS: Final = st.sampled_from(["whole", "whole", "first", "last"])
"""How much of a frame is given to the card: all, all but its last piece, or that alone."""


class Piece(NamedTuple):
    """What one descriptor has of a frame."""

    data: bytes
    first: bool
    last: bool


def pieces(whole: bytes, count: int, part: str) -> list[Piece]:
    """Return the pieces of a frame that `part`, one of PARTS, means; of `count`, and of two where a
    part is wanted."""
    size = -(-len(whole) // (count if part == "whole" else max(2, count)))
    found = [
        Piece(whole[start : start + size], start == 0, start + size >= len(whole))
        for start in range(0, len(whole), size)
    ]
    return {"first": found[:-1], "last": found[-1:]}.get(part, found)
