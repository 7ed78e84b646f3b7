"""Displays over virtio.

Source: Virtual I/O Device (VIRTIO) 1.2, section 5.7.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.virtio.driver import KICKED, Virtio

__all__ = ["VirtioDisplay"]

_CONTROL, _CURSOR = 0, 1
_RESOURCES = st.integers(1, 3)
_SIDE = st.sampled_from([1, 8, 16])
_FULL = 16
_FORMATS = st.sampled_from([1, 2, 3, 4, 67, 68, 121, 134])


class VirtioDisplay(Virtio):
    """Pictures of at most 16 by 16 dots, backed by one page of guest memory each."""

    queues = 2

    def __init__(self) -> None:
        super().__init__()
        self.pictures = self.allocate(4 * 4096)

    @operation
    def get_display_information(self) -> None:
        self._control(0x0100, b"", 24 + 16 * 24)

    @operation(scanout=st.integers(0, 1))
    def get_edid(self, scanout: int) -> None:
        self._control(0x010A, struct.pack("<II", scanout, 0), 24 + 8 + 1024)

    @operation(resource=_RESOURCES, form=_FORMATS, width=_SIDE, height=_SIDE)
    def create(self, resource: int, form: int, width: int, height: int) -> None:
        self._control(0x0101, struct.pack("<IIII", resource, form, width, height))

    @operation(resource=_RESOURCES)
    def forget(self, resource: int) -> None:
        self._control(0x0102, struct.pack("<II", resource, 0))

    @operation(resource=_RESOURCES, pieces=st.integers(1, 3))
    def attach(self, resource: int, pieces: int) -> None:
        base = self.pictures + 4096 * resource
        entries = [struct.pack("<QII", base + 1024 * n, 1024, 0) for n in range(pieces)]
        self._control(0x0106, struct.pack("<II", resource, pieces) + b"".join(entries))

    @operation(resource=_RESOURCES)
    def detach(self, resource: int) -> None:
        self._control(0x0107, struct.pack("<II", resource, 0))

    @operation(resource=_RESOURCES, width=_SIDE, height=_SIDE, byte=st.integers(0, 255))
    def transfer(self, resource: int, width: int, height: int, byte: int) -> None:
        self.memory.fill(self.pictures + 4096 * resource, 1024, byte)
        self._control(0x0105, _square(width, height) + struct.pack("<QII", 0, resource, 0))

    @operation(scanout=st.integers(0, 1), resource=st.integers(0, 3), width=_SIDE, height=_SIDE)
    def set_scanout(self, scanout: int, resource: int, width: int, height: int) -> None:
        self._control(0x0103, _square(width, height) + struct.pack("<II", scanout, resource))

    @operation(resource=_RESOURCES)
    def flush(self, resource: int) -> None:
        self._control(0x0104, _square(_FULL, _FULL) + struct.pack("<II", resource, 0))

    @operation(resource=_RESOURCES, form=_FORMATS)
    def show_picture(self, resource: int, form: int) -> None:
        """Create, attach, transfer, set as scanout and flush, as a guest does once."""
        self.create(resource, form, _FULL, _FULL)
        self.attach(resource, 1)
        self.transfer(resource, _FULL, _FULL, 0x5A)
        self.set_scanout(0, resource, _FULL, _FULL)
        self.flush(resource)

    @operation(
        move=st.booleans(), resource=st.integers(0, 3), x=st.integers(0, 64), y=st.integers(0, 64),
        kicked=KICKED,
    )  # fmt: skip
    def put_cursor(self, move: bool, resource: int, x: int, y: int, kicked: bool) -> None:
        where = struct.pack("<IIIIIIII", 0, x, y, 0, resource, x & 7, y & 7, 0)
        self._request(_CURSOR, [_header(0x0301 if move else 0x0300, 0), where], [], kicked=kicked)

    def _control(self, kind: int, body: bytes, size: int = 24) -> None:
        fence = self.requests + 1
        self._request(_CONTROL, [_header(kind, fence) + body], [size])


def _header(kind: int, fence: int) -> bytes:
    return struct.pack("<IIQII", kind, 1, fence, 0, 0)


def _square(width: int, height: int) -> bytes:
    return struct.pack("<IIII", 0, 0, width, height)
