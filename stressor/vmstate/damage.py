"""Damage done to saved sections on purpose, and whether it must be refused."""

from __future__ import annotations

import struct

__all__ = ["KINDS", "damaged"]

KINDS = ("truncate", "extend", "flip", "swap", "newer", "unknown")
"""Each takes one number that says where; see `damaged`."""


def damaged(kind: str, where: int, data: bytes) -> tuple[bytes, bool]:
    """Return `data` (one framed section) damaged, and whether every loader must refuse it.

    `truncate` cuts at byte `where`, `extend` adds a byte, `flip` turns over bit `where`, `swap`
    exchanges two neighbouring bytes, `newer` raises the section's version, `unknown` adds a
    subsection that nobody declared. All positions count modulo what there is. A flipped or swapped
    value can be a legal one, so these two may be accepted. Raises ValueError for another kind.
    """
    if not data:
        return data, False
    if kind == "truncate":
        return data[: where % len(data)], True
    if kind == "extend":
        return data + bytes([where & 0xFF]), True
    if kind == "flip":
        bit = where % (8 * len(data))
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed), False
    if kind == "swap":
        index = where % max(1, len(data) - 1)
        return data[:index] + data[index + 1 : index + 2] + data[index : index + 1] + data[
            index + 2 :
        ], False
    name_end = 6 + data[5]  # section type, be32 identifier, counted name
    if kind == "newer":
        at = name_end + 4
        (version,) = struct.unpack_from(">I", data, at)
        return data[:at] + struct.pack(">I", version + 1 + where % 7) + data[at + 4 :], True
    if kind == "unknown":
        name = data[6:name_end] + b"/undeclared"
        subsection = b"\x05" + bytes([len(name)]) + name + struct.pack(">I", 1)
        return data[:-5] + subsection + data[-5:], True
    raise ValueError(f"no such damage: {kind}; there are {', '.join(KINDS)}")
