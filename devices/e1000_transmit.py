"""The transmit side of an 82540EM: descriptor ring, checksums and segmentation.

Source: Intel 317453 (8254x SDM), sections 3.3 (transmit descriptors), 3.4 (ring) and 3.5 (segmentation).
"""

from __future__ import annotations

import struct
from typing import Final

import stressor.vmstate as vm
from devices.e1000_receive import DESCRIPTOR, Receiver

__all__ = ["CONTEXT_STATE", "Context", "Transmitter", "checksum"]

ENABLE, PAD = 0x02, 0x08  # TCTL
VLAN_MODE, PHY_LOOPBACK, MAC_LOOPBACK = 0x4000_0000, 0x4000, 0xC0
# Command of a descriptor
END, CHECKSUM, SEGMENT, REPORT, EXTENDED, TAG, DELAY = 0x01, 0x04, 0x04, 0x08, 0x20, 0x40, 0x80
REPORT_SENT: Final = 0x10
DONE, COLLISIONS = 0x01, 0x0E
TXDW, TXQE = 0x01, 0x02
DATA, BUFFER, MOST = 0x10_0000, 0x10000, 0xFFFF  # DTYP; octets of the packet buffer, of which so many are used

CONTEXT_STATE = vm.Description(
    "e1000_context",
    fields=[
        vm.u8("ipcss"), vm.u8("ipcso"), vm.u16("ipcse"), vm.u8("tucss"), vm.u8("tucso"),
        vm.u16("tucse"), vm.u32("paylen"), vm.u8("hdr_len"), vm.u16("mss"),
    ],
)  # fmt: skip


class Context:
    """What a context descriptor says, 3.3.6: where checksums start, go and end, and how to cut."""

    def __init__(self) -> None:
        self.set((0,) * 9)

    def set(self, values: tuple[int, ...]) -> None:
        (self.ipcss, self.ipcso, self.ipcse, self.tucss, self.tucso, self.tucse, self.paylen,
         self.hdr_len, self.mss) = values  # fmt: skip

    def values(self) -> tuple[int, ...]:
        return (
            self.ipcss, self.ipcso, self.ipcse, self.tucss, self.tucso, self.tucse, self.paylen,
            self.hdr_len, self.mss,
        )  # fmt: skip


def checksum(data: bytes | bytearray) -> int:
    """Return the ones' complement sum of 16-bit words, complemented; of the two zeros the one that is
    not "no checksum" in UDP (RFC 768)."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", bytes(data) + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


class Transmitter(Receiver):
    """Takes descriptors from head to tail, and sends what they describe."""

    last: Context
    last_ip: int
    last_tcp: int
    checksums: Context
    segmentation: Context
    segment_ip: int
    segment_tcp: int
    size: int  # octets of the packet so far
    segments: int  # sent of it already
    options: int  # POPTS: which checksums are inserted
    segmenting: int
    tag: int  # 0x10000 with the VLAN tag that goes in, or 0
    apart: int  # 1 while the last context is not the one for checksums
    header: bytearray
    data: bytearray

    def masters_bus(self) -> bool:
        raise NotImplementedError

    def emit(self, frame: bytes) -> None:
        """Put a frame on the wire."""
        raise NotImplementedError

    def reset_transmitter(self) -> None:
        self.last, self.checksums, self.segmentation = Context(), Context(), Context()
        self.last_ip = self.last_tcp = self.segment_ip = self.segment_tcp = 0
        self.apart = 0
        self.header, self.data = bytearray(256), bytearray(BUFFER)
        self._begin()

    def _begin(self) -> None:
        self.size = self.segments = self.options = self.segmenting = self.tag = 0

    def transmit(self) -> None:
        """Work off the ring, 3.4."""
        if not self.tctl & ENABLE or not self.masters_bus():
            return
        causes, delayed = TXQE, False
        base, count = self.tdbah << 32 | self.tdbal, self.tdlen // DESCRIPTOR
        head, tail = self.tdh, self.tdt
        for _ in range(count):  # a tail beyond the ring is never met
            place = base + DESCRIPTOR * head
            if head == tail or place + DESCRIPTOR > self.ram.size:
                break
            descriptor = self.fetch(place, DESCRIPTOR)
            self._describe(descriptor)
            command = descriptor[11]
            if command & (REPORT | REPORT_SENT):
                self.put(place + 12, bytes([descriptor[12] & ~COLLISIONS | DONE]))
                if command & DELAY:
                    delayed = True
                else:
                    causes |= TXDW
            head = head + 1 if head + 1 < count else 0
        self.tdh = head
        self.transmitted(causes, delayed)

    def transmitted(self, causes: int, delayed: bool) -> None:
        """The ring was worked off; with `delayed` TXDW comes later."""
        raise NotImplementedError

    def _describe(self, descriptor: bytes) -> None:
        lower = int.from_bytes(descriptor[8:12], "little")
        command, extended = lower >> 24, lower >> 24 & EXTENDED
        if extended and not lower & DATA:
            self._set_context(descriptor)
            return
        address = int.from_bytes(descriptor[:8], "little")
        special = int.from_bytes(descriptor[14:16], "little")
        if extended:
            if not self.size:
                self.options = descriptor[13]
            self.segmenting = int(bool(command & SEGMENT))
            length = lower & 0xFFFFF
        else:
            self.segmenting = 0
            length = lower & 0xFFFF
        if (
            self.ctrl & VLAN_MODE
            and command & TAG
            and (self.segmenting or command & END or not extended)
        ):
            self.tag = 0x10000 | special
        if address + length <= self.ram.size:  # nothing answers to a buffer beyond memory
            self._gather(self.fetch(address, length))
        if not command & END:
            return
        if not extended and command & CHECKSUM:
            self._insert(descriptor[10], descriptor[13], 0, self.size)
        if not self.segmenting or self.size >= self.segmentation.hdr_len:
            self._send()
        self._begin()

    def _set_context(self, descriptor: bytes) -> None:
        ipcss, ipcso, ipcse, tucss, tucso, tucse, lower, _, hdr_len, mss = struct.unpack(
            "<BBHBBHIBBH", descriptor
        )
        command = lower >> 24
        values = (ipcss, ipcso, ipcse, tucss, tucso, tucse, lower & 0xFFFFF, hdr_len, mss)
        self.last.set(values)
        self.last_ip, self.last_tcp = command >> 1 & 1, command & 1
        if command & SEGMENT:
            self.segmentation.set(values)
            self.segment_ip, self.segment_tcp = self.last_ip, self.last_tcp
            self.segments = 0
        else:
            self.checksums.set(values)
        self.apart = int(self.checksums.values() != self.last.values())

    def _gather(self, data: bytes) -> None:
        """Collect the packet; a full segment is sent when more comes, and the header stands before that."""
        context = self.segmentation
        full = min(context.hdr_len + context.mss, MOST) if self.segmenting else MOST
        while data:
            if self.segmenting and self.size == full and context.mss:
                self._send()
                self.data[: context.hdr_len] = self.header[: context.hdr_len]
                self.size = context.hdr_len
            piece, data = data[: max(full - self.size, 0)], data[max(full - self.size, 0) :]
            if not piece:
                return  # more than there may be, or a context that has no room for data
            before = self.size
            self.data[before : before + len(piece)] = piece
            self.size += len(piece)
            if self.segmenting and before < context.hdr_len <= self.size:
                self.header[: context.hdr_len] = self.data[: context.hdr_len]

    def _send(self) -> None:
        """Send the packet, or a segment of it."""
        context = self.segmentation if self.segmenting else self.checksums
        if self.segmenting:
            self._number(context)
            self.segments = self.segments + 1 & 0xFFFF
        if self.options & 2:
            self._insert(context.tucso, context.tucss, context.tucse, self.size)
        if self.options & 1:
            self._insert(context.ipcso, context.ipcss, context.ipcse, self.size)
        frame = bytes(self.data[: self.size])
        if self.tag:
            frame = (
                frame[:12] + struct.pack(">HH", self.vet & 0xFFFF, self.tag & 0xFFFF) + frame[12:]
            )
        self._count_sent(frame)
        if self.phy[0] & PHY_LOOPBACK or self.rctl & MAC_LOOPBACK == 0x40:
            self.take_frame(frame)
        else:
            self.emit(frame)

    def _number(self, context: Context) -> None:
        """3.5.9: lengths, identification, sequence number and flags of one segment."""
        data, start = self.data, context.ipcss
        if self.segment_ip:
            data[start + 2 : start + 4] = (self.size - start & 0xFFFF).to_bytes(2)
            number = int.from_bytes(data[start + 4 : start + 6]) + self.segments
            data[start + 4 : start + 6] = (number & 0xFFFF).to_bytes(2)
        else:
            data[start + 4 : start + 6] = (self.size - start - 40 & 0xFFFF).to_bytes(2)
        start = context.tucss
        length = self.size - start & 0xFFFF
        last = context.paylen - self.segments * context.mss <= context.mss
        if last:
            self.count(0x40F8)  # TSCTC, once a packet that is cut
        if self.segment_tcp:
            sequence = int.from_bytes(data[start + 4 : start + 8]) + self.segments * context.mss
            data[start + 4 : start + 8] = (sequence & 0xFFFF_FFFF).to_bytes(4)
            if not last:
                data[start + 13] &= ~0x09  # neither PSH nor FIN but on the last
        else:
            data[start + 4 : start + 6] = length.to_bytes(2)
        if self.options & 2:  # the prototype of the pseudo header has no length in it
            at = context.tucso
            total = int.from_bytes(data[at : at + 2]) + length
            data[at : at + 2] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2)

    def _insert(self, at: int, start: int, end: int, size: int) -> None:
        """Put a checksum in, over what lies from `start` to `end` (inclusive; 0 is all)."""
        size = min(size, end + 1) if end else size
        if at + 1 < size:
            self.data[at : at + 2] = checksum(self.data[start:size]).to_bytes(2)

    def _count_sent(self, frame: bytes) -> None:
        """13.7: packets and octets sent."""
        length = len(frame) + 4
        self.count(0x40D4)
        self.count(0x4080)
        self.count_size(0x40D8, length)
        self.count_octets(0x40C8, length)
        self.count_octets(0x4090, length)
        if frame[:6] == b"\xff" * 6:
            self.count(0x40F4)
        elif frame[:1] and frame[0] & 1:
            self.count(0x40F0)
