"""The receive side of an 82540EM: address filter and descriptor ring.

Source: Intel 317453 (8254x SDM), sections 3.2 (receive), 9 (802.1q) and 13.4.22 (RCTL).
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from devices.e1000_registers import RegisterFile
from stressor.device import Clock, Memory

__all__ = ["BUS_MASTER", "MINIMUM", "Receiver", "Ring"]

MINIMUM: Final = 60  # octets of a frame without its CRC
LONGEST: Final = 1522
BUS_MASTER: Final = 0x04  # of the PCI command register
DESCRIPTOR: Final = 16
# RCTL
ENABLE, STORE_BAD, ALL_UNICAST, ALL_MULTICAST, LONG = 0x02, 0x04, 0x08, 0x10, 0x20
MAC_LOOPBACK, BROADCAST, VLAN_FILTER = 0x40, 0x8000, 0x40000
LARGER, STRIP_CRC = 0x0200_0000, 0x0400_0000
LINK_UP, VLAN_MODE, VALID = 0x02, 0x4000_0000, 0x8000_0000  # STATUS.LU, CTRL.VME, RAH.AV
# Causes of interrupts
RXDMT0, RXO, RXT0 = 0x10, 0x40, 0x80
# Status of a descriptor
DONE, END, NO_CHECKSUM, TAGGED = 0x01, 0x02, 0x04, 0x08


class Ring(RegisterFile):
    """What both sides share: guest memory, causes of interrupts, frames that come and go."""

    ram: Memory
    clock: Clock
    phy: list[int]

    def raise_causes(self, causes: int) -> None:
        """Set causes in ICR."""
        raise NotImplementedError

    def fetch(self, address: int, size: int) -> bytes:
        """Read guest memory; where there is none, zeros."""
        if address + size > self.ram.size:
            return bytes(size)
        return self.ram.read(address, size)

    def put(self, address: int, data: bytes) -> None:
        """Write guest memory, where there is some."""
        if data and address + len(data) <= self.ram.size:
            self.ram.write(address, data)


class Receiver(Ring):
    """Takes frames from the wire, or from the transmitter in loopback."""

    buffer_size: int
    threshold_shift: int

    def set_receive_control(self, value: int) -> None:
        self.rctl = value
        self.follow_receive_control()

    def follow_receive_control(self) -> None:
        """Work out the size of buffers (BSIZE and BSEX) and the threshold (RDMTS)."""
        code = self.rctl >> 16 & 3
        self.buffer_size = 2048 >> code
        if self.rctl & LARGER and code:
            self.buffer_size *= 16
        self.threshold_shift = (self.rctl >> 8 & 3) + 1

    def _free(self) -> int:
        """Return how many descriptors hardware owns: those from head up to tail, 3.2.6."""
        if self.rdh <= self.rdt:
            return self.rdt - self.rdh
        return max(self.rdlen // DESCRIPTOR + self.rdt - self.rdh, 0)

    def take_frame(self, frame: bytes) -> bool:
        """Take a frame without its CRC; return whether it went to memory."""
        if not self.rctl & ENABLE or not self.status & LINK_UP:
            return False
        frame = frame.ljust(MINIMUM, b"\0")
        if len(frame) > LONGEST and not self.rctl & (LONG | STORE_BAD):
            self.count(0x40AC)  # ROC
            return False
        if not self._wanted(frame):
            return False
        special = status = 0
        length = len(frame)
        if self.ctrl & VLAN_MODE and frame[12:14] == (self.vet & 0xFFFF).to_bytes(2):
            special, status = int.from_bytes(frame[14:16]), TAGGED
            frame = frame[:12] + frame[16:]
        if not self.rctl & STRIP_CRC:
            frame += zlib.crc32(frame).to_bytes(4, "little")
        if self._free() * self.buffer_size < len(frame) or not self._free():
            self.count(0x40A0)  # RNBC
            self.count(0x4010)  # MPC
            self.raise_causes(RXO)
            return False
        self._store(frame, status, special)
        self._count_received(frame, length)
        low = self.rdlen >> self.threshold_shift >= self._free() * DESCRIPTOR
        self.received(RXDMT0 if low else 0)
        return True

    def received(self, causes: int) -> None:
        """A frame is in memory: RXT0, at once or after a delay, besides other causes."""
        raise NotImplementedError

    def _store(self, frame: bytes, status: int, special: int) -> None:
        base = self.rdbah << 32 | self.rdbal
        for start in range(0, len(frame), self.buffer_size):
            piece = frame[start : start + self.buffer_size]
            place = base + DESCRIPTOR * self.rdh
            buffer = int.from_bytes(self.fetch(place, 8), "little")
            last = start + len(piece) == len(frame)
            flags = status | DONE | (END | NO_CHECKSUM if last else 0)
            if buffer:  # a null descriptor has no buffer
                self.put(buffer, piece)
            checksum = self.fetch(place + 10, 2)
            written = struct.pack("<QH2sBBH", buffer, len(piece), checksum, flags, 0, special)
            self.put(place, written)
            self.rdh = self.rdh + 1 if (self.rdh + 1) * DESCRIPTOR < self.rdlen else 0

    def _count_received(self, frame: bytes, length: int) -> None:
        """13.7: packets and octets received, CRC included."""
        self.count(0x40D0)
        self.count(0x4074)
        self.count_size(0x405C, length + 4)
        self.count_octets(0x40C0, length + 4)
        self.count_octets(0x4088, length + 4)
        if frame[:6] == b"\xff" * 6:
            self.count(0x4078)
        elif frame[0] & 1:
            self.count(0x407C)

    def _wanted(self, frame: bytes) -> bool:
        """Section 3.2.1: the VLAN filter, then addresses."""
        to, group = frame[:6], frame[0] & 1
        if self.rctl & VLAN_FILTER and frame[12:14] == (self.vet & 0xFFFF).to_bytes(2):
            tag = int.from_bytes(frame[14:16]) & 0xFFF
            if not self.peek(0x5600 + 4 * (tag >> 5)) >> (tag & 31) & 1:
                return False
        if (not group and self.rctl & ALL_UNICAST) or (group and self.rctl & ALL_MULTICAST):
            return True
        if to == b"\xff" * 6 and self.rctl & BROADCAST:
            return True
        for slot in range(0x5400, 0x5480, 8):
            high = self.peek(slot + 4)
            if high & VALID and to == struct.pack("<IH", self.peek(slot), high & 0xFFFF):
                return True
        shift = (4, 3, 2, 0)[self.rctl >> 12 & 3]  # MO
        hashed = int.from_bytes(to[4:], "little") >> shift & 0xFFF
        return bool(self.peek(0x5200 + 4 * (hashed >> 5)) >> (hashed & 31) & 1)
