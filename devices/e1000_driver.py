"""What a driver of an 82540EM does: rings set up, and frames sent whole, in pieces, cut and tagged.

Source: Intel 317453 (8254x SDM), sections 3.2.6 and 3.4 (rings), 3.3 (transmit descriptors), 3.5
(segmentation), 9 (802.1q) and 13.4 (registers).
"""

from __future__ import annotations

import struct
from typing import Final

import hypothesis.strategies as st

from devices.e1000_pci import PciFunction
from devices.e1000_transmit import DATA, EXTENDED, SEGMENT, VLAN_MODE, Transmitter
from stressor.device import operation

__all__ = ["FRAMES", "RECEIVE_BUFFERS", "RECEIVE_RING", "RING", "SEND_RING", "Driver"]

SEND_RING, RECEIVE_RING, SEND_BUFFERS, RECEIVE_BUFFERS = 0x1000, 0x1100, 0x2000, 0x6000
RING, BUFFER = 8, 0x800
FRAMES: Final = st.binary(min_size=14, max_size=80)
BITS: Final = st.integers(0, 1)
SPECIAL: Final = st.integers(0, 0xFFFF)
DELAY: Final = st.integers(0, 400)
"""In units of 1.024 us: shorter and longer than what passes between two operations."""
PIECES: Final = st.lists(st.binary(max_size=60), max_size=4)

CTRL, RCTL, TCTL = 0x0000, 0x0100, 0x0400
RDBAL, RDBAH, RDLEN, RDH, RDT, RDTR, RADV = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x2820, 0x282C
TDBAL, TDBAH, TDLEN, TDH, TDT, TIDV, TADV = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3820, 0x382C
LINK = 0x0014_0240  # CTRL after power-on
END, REPORT, TAG, DELAYED = 0x01, 0x08, 0x40, 0x80  # commands of a descriptor


class Driver(Transmitter):
    """Operations on the whole card. Those that need the rings set them up when they are not."""

    pci: PciFunction

    def _write(self, offset: int, width: int, value: int) -> None:
        """Write a register, as the guest does."""
        raise NotImplementedError

    def masters_bus(self) -> bool:
        return self.pci.masters_bus

    @operation(
        control=st.integers(0, 0xFFFF),
        looped=st.booleans(),
        tagged=st.booleans(),
        strip=st.booleans(),
    )
    def set_up(self, control: int, looped: bool, tagged: bool, strip: bool) -> None:
        """The driver gives the card both rings; `control` is for the filter and the threshold of RCTL."""
        self._begin_rings(LINK | tagged << 30, 0x8002 | control & 0x3318 | looped << 6 | strip << 26)

    def _begin_rings(self, control: int, receive_control: int) -> None:
        self.pci.write(4, 2, 7)
        for number in range(RING):
            self._empty(number)
        for at, value in (
            (RCTL, 0), (TCTL, 0), (CTRL, control),
            (RDBAL, RECEIVE_RING), (RDBAH, 0), (RDLEN, 16 * RING), (RDH, 0), (RDT, RING - 1),
            (TDBAL, SEND_RING), (TDBAH, 0), (TDLEN, 16 * RING), (TDH, 0), (TDT, 0),
            (RCTL, receive_control), (TCTL, 0x000A),
        ):  # fmt: skip
            self._write(at, 4, value)

    def _needs_rings(self) -> None:
        """Set the rings up, unless they are as this driver leaves them."""
        sending = (self.tdbal, self.tdbah, self.tdlen) == (SEND_RING, 0, 16 * RING) and self.tctl & 2
        receiving = (self.rdbal, self.rdbah, self.rdlen) == (RECEIVE_RING, 0, 16 * RING) and self.rctl & 2
        if not (sending and receiving and max(self.tdh, self.tdt, self.rdh, self.rdt) < RING and self.masters_bus()):
            self._begin_rings(LINK, 0x8002)

    @operation
    def give_back(self) -> None:
        """The driver gives all receive buffers back."""
        for number in range(RING):
            self._empty(number)
        self._write(RDT, 4, (self.rdh - 1) % RING)

    def _empty(self, number: int) -> None:
        buffer = RECEIVE_BUFFERS + number * BUFFER
        self.ram.store(RECEIVE_RING + 16 * number, struct.pack("<QQ", buffer, 0))

    @operation(
        frame=FRAMES,
        command=st.sampled_from([0x09, 0x08, 0x49, 0x89, 0x0D]),
        special=st.integers(0, 0xFFFF),
    )
    def send_legacy(self, frame: bytes, command: int, special: int) -> None:
        """A legacy descriptor, 3.3.3."""
        self._add(len(frame) | command << 24, 14 << 8, special, frame)

    @operation(
        tcp=st.integers(0, 1),
        ip=st.integers(0, 1),
        mss=st.integers(1, 40),
        cut=st.booleans(),
        payload=st.integers(0, 80),
    )
    def set_context(self, tcp: int, ip: int, mss: int, cut: bool, payload: int) -> None:
        """A context descriptor, 3.3.6, for IP behind an Ethernet header."""
        header = 54 if tcp else 42
        lower = payload | (0x28 | tcp | ip << 1 | cut << 2) << 24
        packed = struct.pack(
            "<BBHBBHIBBH", 14, 24, 33, 34, 50 if tcp else 0, 0, lower, 0, header, mss
        )
        self._put(packed)

    @operation(
        frame=FRAMES, command=st.sampled_from([0x09, 0x0D, 0x0C, 0x08, 0x49, 0x4C, 0x8D]),
        options=st.integers(0, 3), special=st.integers(0, 0xFFFF),
    )  # fmt: skip
    def send_data(self, frame: bytes, command: int, options: int, special: int) -> None:
        """A data descriptor, 3.3.7: with 4 in the command it is cut."""
        self._add(len(frame) | 1 << 20 | (command | 0x20) << 24, options << 8, special, frame)

    @operation(tcp=BITS, start=st.integers(1, 60), end=st.integers(0, 200), mss=st.integers(1, 40), cut_first=st.booleans())
    def set_contexts(self, tcp: int, start: int, end: int, mss: int, cut_first: bool) -> None:
        """Both contexts, 3.3.6: one for checksums of what is not cut, and one for segmentation."""
        self._needs_rings()
        checksums = struct.pack("<BBHBBHIBBH", 14, 24, 33, start, start + 6, end, (0x28 | tcp) << 24 | end, 0, start + 8, mss)
        for packed in (checksums, _segmentation(tcp, 1, mss, end, 2 * mss))[:: -1 if cut_first else 1]:
            self._put(packed)

    @operation(tcp=BITS, ip=BITS, mss=st.integers(1, 40), end=st.integers(0, 200), pieces=PIECES, options=st.integers(0, 3),
               tag=SPECIAL, ended=st.booleans())  # fmt: skip
    def send_cut(
        self, tcp: int, ip: int, mss: int, end: int, pieces: list[bytes], options: int, tag: int, ended: bool
    ) -> None:
        """A packet for segmentation, 3.5: its header in one buffer, its payload in several, of which the last
        ones may be still to come. Odd tags go in."""
        self._needs_rings()
        self._put(_segmentation(tcp, ip, mss, end, sum(map(len, pieces))))
        self._send_pieces([_header(tcp, ip), *pieces], SEGMENT, options, tag, ended)

    @operation(frame=FRAMES, pieces=PIECES, options=st.integers(0, 3), tag=SPECIAL, ended=st.booleans())
    def send_scattered(self, frame: bytes, pieces: list[bytes], options: int, tag: int, ended: bool) -> None:
        """A packet that is sent as it is, from several buffers, of which the last ones may be still to come."""
        self._needs_rings()
        self._send_pieces([frame, *pieces], 0, options, tag, ended)

    def _send_pieces(self, pieces: list[bytes], cut: int, options: int, tag: int, ended: bool) -> None:
        tagged = tag & 1
        self._write(CTRL, 4, self.ctrl & ~VLAN_MODE | tagged << 30)
        command = EXTENDED | REPORT | cut | tagged * TAG
        for number, piece in enumerate(pieces, 1):
            last = END if ended and number == len(pieces) else 0
            self._add(len(piece) | DATA | (command | last) << 24, options << 8, tag, piece)

    @operation(frame=FRAMES, special=SPECIAL)
    def begin_tagged(self, frame: bytes, special: int) -> None:
        """The first buffer of a tagged packet in a legacy descriptor; another descriptor is to end it."""
        self._needs_rings()
        self._write(CTRL, 4, self.ctrl | VLAN_MODE)
        self._add(len(frame) | (REPORT | TAG) << 24, 0, special, frame)

    @operation(frame=FRAMES, delay=DELAY, limit=DELAY)
    def receive_late(self, frame: bytes, delay: int, limit: int) -> bool:
        """A frame for everybody comes in, of which the driver wants to hear later, 13.4.30 and 13.4.31."""
        self._needs_rings()
        self._write(RDTR, 4, delay)
        self._write(RADV, 4, limit)
        return self.take_frame(b"\xff" * 6 + frame[6:])

    @operation(frame=FRAMES, delay=DELAY, limit=DELAY)
    def send_late(self, frame: bytes, delay: int, limit: int) -> None:
        """A frame goes out, of which the driver wants to hear later, 13.4.41 and 13.4.44."""
        self._needs_rings()
        self._write(TIDV, 4, delay)
        self._write(TADV, 4, limit)
        self._add(len(frame) | (END | REPORT | DELAYED) << 24, 0, 0, frame)

    def _add(self, lower: int, upper: int, special: int, data: bytes) -> None:
        buffer = SEND_BUFFERS + self.tdt % RING * BUFFER
        self.ram.store(buffer, data)
        self._put(struct.pack("<QIHH", buffer, lower, upper, special))

    def _put(self, descriptor: bytes) -> None:
        tail = self.tdt % RING
        self.ram.store(SEND_RING + 16 * tail, descriptor)
        self._write(TDT, 4, (tail + 1) % RING)


def _segmentation(tcp: int, ip: int, mss: int, end: int, payload: int) -> bytes:
    """Return a context descriptor for segmentation; checksums of TCP or UDP go up to `end`, 0 is all."""
    lower = payload | (0x2C | tcp | ip << 1) << 24
    header = 14 + (20 if ip else 40) + (20 if tcp else 8)
    start = 34 if ip else 54
    return struct.pack("<BBHBBHIBBH", 14, 24, 33, start, start + (16 if tcp else 6), end, lower, 0, header, mss)


def _header(tcp: int, ip: int) -> bytes:
    """Return the headers of a packet that `_segmentation` is for."""
    network = bytes.fromhex("4500000000010000400600000a0000010a000002") if ip else b"\x60" + bytes(5) + b"\x06\x40" + bytes(32)
    transport = bytes.fromhex("04d2005000000001000000005019ffff00000000") if tcp else bytes.fromhex("04d2003500000000")
    return b"\xff" * 6 + bytes.fromhex("525400123456") + (b"\x08\x00" if ip else b"\x86\xdd") + network + transport
