"""Network cards over virtio.

Source: Virtual I/O Device (VIRTIO) 1.2, section 5.1.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.frames import FRAMES
from stressor.targets.qemu.drivers.virtio.driver import INDIRECT, KICKED, Virtio

__all__ = ["VirtioNetwork"]

_RECEIVE, _TRANSMIT, _CONTROL = 0, 1, 2
_ADDRESSES = st.lists(st.binary(min_size=6, max_size=6), max_size=3)


class VirtioNetwork(Virtio):
    """One pair of queues, and the one for control."""

    queues = 3
    never = 1 << 21  # VIRTIO_NET_F_GUEST_ANNOUNCE: a loaded card asks for it, and a twin never does

    @operation(frame=FRAMES, indirect=INDIRECT, kicked=KICKED)
    def send(self, frame: bytes, indirect: bool, kicked: bool) -> None:
        header = bytes(12 if self.accepted >> 32 & 1 else 10)
        self._request(_TRANSMIT, [header, frame], [], indirect=indirect, kicked=kicked)

    @operation(size=st.sampled_from([64, 1526]), indirect=INDIRECT, kicked=KICKED)
    def post_buffer(self, size: int, indirect: bool, kicked: bool) -> None:
        self._request(_RECEIVE, [], [12, size], indirect=indirect, kicked=kicked)

    @operation(command=st.integers(0, 5), on=st.booleans())
    def set_receive_mode(self, command: int, on: bool) -> None:
        self._control(0, command, [bytes([on])])

    @operation(single=_ADDRESSES, multicast=_ADDRESSES, indirect=INDIRECT)
    def set_address_table(self, single: list[bytes], multicast: list[bytes], indirect: bool) -> None:
        self._control(1, 0, [_table(single), _table(multicast)], indirect)

    @operation(address=st.binary(min_size=6, max_size=6))
    def set_address(self, address: bytes) -> None:
        self._control(1, 1, [address])

    @operation(number=st.integers(0, 4095), on=st.booleans())
    def filter_vlan(self, number: int, on: bool) -> None:
        self._control(2, 0 if on else 1, [struct.pack("<H", number)])

    @operation
    def acknowledge_announcement(self) -> None:
        self._control(3, 0, [])

    @operation(pairs=st.integers(1, 2))
    def set_queue_pairs(self, pairs: int) -> None:
        self._control(4, 0, [struct.pack("<H", pairs)])

    @operation(offloads=st.integers(0, 0x7FF))
    def set_offloads(self, offloads: int) -> None:
        self._control(5, 0, [struct.pack("<Q", offloads)])

    def _control(self, kind: int, command: int, given: list[bytes], indirect: bool = False) -> None:
        self._request(_CONTROL, [bytes([kind, command]), *given], [1], indirect=indirect)


def _table(addresses: list[bytes]) -> bytes:
    return struct.pack("<I", len(addresses)) + b"".join(addresses)
