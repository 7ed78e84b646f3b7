"""Which bytes of a PCI configuration space mean something; the rest just keeps what is written.

Sources: PCI Local Bus Specification 3.0, sections 6.1, 6.7 and 6.8; PCI Bus Power Management 1.2,
section 3.2; PCI Express Base Specification, section 7.5.3.
"""

from __future__ import annotations

from typing import Final

__all__ = ["HEADER", "meaningful"]

HEADER: Final = 64
"""Bytes that every function has."""

_STATUS, _POINTER = 0x06, 0x34
_HAS_LIST: Final = 0x10
_SIZES: Final = {0x01: 8, 0x03: 8, 0x05: 16, 0x10: 20, 0x11: 12}
"""Capabilities and their bytes: power management, vital product data, messages, PCI Express, MSI-X."""

_MOST: Final = 48


def meaningful(space: bytes) -> frozenset[int]:
    """Return the offsets of a space, as it is at reset, that belong to the header or a capability, or
    to four bytes that are not 0."""
    found = {*range(HEADER)}
    if len(space) < HEADER:
        return frozenset(found)
    found.update(at for at in range(HEADER, len(space)) if any(space[at & ~3 : (at & ~3) + 4]))
    at = space[_POINTER] & ~3 if space[_STATUS] & _HAS_LIST else 0
    for _ in range(_MOST):
        if not HEADER <= at < len(space) - 1:
            break
        found.update(range(at, min(at + _SIZES.get(space[at], 4), len(space))))
        at = space[at + 1] & ~3
    return frozenset(found)
