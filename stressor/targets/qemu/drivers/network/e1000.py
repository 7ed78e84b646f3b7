"""Intel's Gigabit cards.

Sources: Intel 317453, PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual,
sections 3 (descriptors), 5 (EEPROM) and 13 (registers); Intel 82574 GbE Controller Family datasheet,
sections 7 and 10.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import RING, Card, SerialEeprom
from stressor.targets.qemu.drivers.network.frames import FRAMES, PARTS, pieces

__all__ = ["E1000", "E1000e"]

_CTRL, _STATUS, _EECD, _EERD, _MDIC, _VET = 0x0000, 0x0008, 0x0010, 0x0014, 0x0020, 0x0038
_ICR, _ITR, _ICS, _IMS, _IMC = 0x00C0, 0x00C4, 0x00C8, 0x00D0, 0x00D8
_RCTL, _TCTL, _TIPG = 0x0100, 0x0400, 0x0410
_RDBAL, _RDBAH, _RDLEN, _RDH, _RDT, _RDTR = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x2820
_TDBAL, _TDBAH, _TDLEN, _TDH, _TDT, _TIDV, _TADV = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3820, 0x382C
_RXCSUM, _MTA, _RAL, _RAH, _VFTA = 0x5000, 0x5200, 0x5400, 0x5404, 0x5600
_GPRC, _GPTC, _GORCL, _GOTCL, _TPR, _TPT = 0x4074, 0x4080, 0x4088, 0x4090, 0x40D0, 0x40D4
_END, _CHECK, _INSERT, _REPORT, _EXTENDED, _VLAN, _DELAY = 0x01, 0x02, 0x04, 0x08, 0x20, 0x40, 0x80
_RECEIVE = 0x8002 | 0x0018  # enabled, broadcasts, and all that comes
_LOOPED = 0x40  # RCTL.LBM: MAC loopback
_PHY_LOOPED = 0x4000


class E1000(Card, SerialEeprom):
    """The 82540EM and its kin, by legacy and extended descriptors."""

    region = "e1000-mmio"
    loops: ClassVar[bool] = False
    """Whether a card that is set up for a frame loops it. QEMU's 82540EM receives nothing for a second
    of virtual time after its receive control was written, and forgets that in a cycle."""
    names = {
        _CTRL: "control", _STATUS: "status", _EECD: "eeprom lines", _EERD: "eeprom read", _MDIC: "mdi",
        _ICR: "interrupt causes", _IMS: "interrupt mask", _RCTL: "receive control", _TCTL: "transmit control",
        _RDH: "receive head", _RDT: "receive tail", _TDH: "transmit head", _TDT: "transmit tail",
        _TDBAL: "transmit ring", _GPRC: "good packets received", _GPTC: "good packets sent",
        _GORCL: "good octets received", _GOTCL: "good octets sent", _TPR: "packets received",
        _TPT: "packets sent",
    }  # fmt: skip

    @operation(control=st.integers(0, 0xFFFF), looped=st.booleans())
    def set_up(self, control: int, looped: bool) -> None:
        """Both rings; `control` is put over the bits of the receive control that matter little."""
        for at, value in (
            (_TDBAL, self.sending), (_TDBAH, 0), (_TDLEN, 16 * RING), (_TDH, 0), (_TDT, 0),
            (_RDBAL, self.receiving), (_RDBAH, 0), (_RDLEN, 16 * RING), (_RDH, 0), (_RDT, RING - 1),
        ):  # fmt: skip
            self.registers.write(at, value)
        for number in range(RING):
            self.memory.write(self.receiving + 16 * number, struct.pack("<QQ", self._received(number), 0))
        self.registers.write(_TCTL, 0x0004_00FA)
        self.registers.write(_RCTL, _RECEIVE | control & 0x0300 | (_LOOPED if looped else 0))
        self._mdi(0, 0x1140 | (_PHY_LOOPED if looped else 0))

    @operation(frame=FRAMES, count=st.integers(1, 3), part=PARTS)
    def send(self, frame: bytes, count: int, part: str) -> None:
        tail = self._tail()
        for piece in pieces(frame, count, part):
            command = _CHECK | _REPORT | (_END if piece.last else 0)
            self.memory.write(self._sent(tail), piece.data)
            self._describe(tail, struct.pack(
                "<QHBBBBH", self._sent(tail), len(piece.data), 0, command, 0, 0, 0
            ))  # fmt: skip
            tail = (tail + 1) % RING
        self._go(tail)

    @operation(
        frame=FRAMES, mss=st.sampled_from([0, 64, 512]), vlan=st.integers(0, 0xFFFF),
        command=st.sampled_from([0, 1, 4, 5, 0x84]), finish=st.sampled_from([True, False]),
    )  # fmt: skip
    def send_extended(self, frame: bytes, mss: int, vlan: int, command: int, finish: bool) -> None:
        """A context descriptor, then a data descriptor that refers to it when `finish`."""
        tail = self._tail()
        self._describe(tail, struct.pack(
            "<BBHBBHIBBH", 14, 24, 33, 34, 50, 0,
            min(len(frame), 0xFFFFF) | (_EXTENDED | _REPORT | command & 0x07) << 24, 0, 54, mss,
        ))  # fmt: skip
        tail = (tail + 1) % RING
        if finish:
            self.memory.write(self._sent(tail), frame)
            flags = _END | _CHECK | _REPORT | _EXTENDED | (_VLAN if vlan & 1 else 0) | command & 0x84
            self._describe(tail, struct.pack(
                "<QIBBH", self._sent(tail), len(frame) | 1 << 20 | flags << 24, 0, command & 3, vlan
            ))  # fmt: skip
            tail = (tail + 1) % RING
        self._go(tail)

    @operation
    def look_at_rings(self) -> None:
        self.registers.show(_RDH)
        self._show_rings()

    @operation(tail=st.integers(0, RING - 1))
    def return_buffers(self, tail: int) -> None:
        self.registers.write(_RDT, tail)
        self.registers.show(_RDH)

    @operation(mask=st.integers(0, 0x1FFFF), throttle=st.integers(0, 0xFFFF), delay=st.integers(0, 99))
    def enable_interrupts(self, mask: int, throttle: int, delay: int) -> None:
        for at, value in ((_ITR, throttle), (_TIDV, delay), (_TADV, delay), (_RDTR, delay), (_IMS, mask)):
            self.registers.write(at, value)
        self.registers.show(_IMS)

    @operation(causes=st.integers(0, 0x1FFFF))
    def raise_interrupts(self, causes: int) -> None:
        self.registers.write(_ICS, causes)

    @operation(mask=st.integers(0, 0x1FFFF))
    def disable_interrupts(self, mask: int) -> None:
        self.registers.write(_IMC, mask)
        self.registers.show(_IMS)

    @operation
    def take_interrupts(self) -> None:
        self.registers.show(_ICR)

    @operation
    def show_statistics(self) -> None:
        for at in (_GPRC, _GPTC, _GORCL, _GOTCL, _TPR, _TPT):
            self.registers.show(at)

    @operation(address=st.integers(0, 31), value=st.integers(0, 0xFFFF))
    def write_phy(self, address: int, value: int) -> None:
        self._mdi(address, value)

    @operation(address=st.integers(0, 31))
    def read_phy(self, address: int) -> None:
        self.registers.write(_MDIC, 0x0820_0000 | address << 16)
        self.registers.show(_MDIC)

    @operation(word=st.integers(0, 63))
    def read_eeprom_at_once(self, word: int) -> None:
        self.registers.write(_EERD, word << 8 | 1)
        self.registers.show(_EERD)

    @operation(
        slot=st.integers(0, 15), low=st.integers(0, 0xFFFF_FFFF), valid=st.booleans(),
        word=st.integers(0, 127), bits=st.integers(0, 0xFFFF_FFFF),
    )  # fmt: skip
    def set_filters(self, slot: int, low: int, valid: bool, word: int, bits: int) -> None:
        """An address, a word of the multicast table and one of the VLAN filter."""
        for at, value in (
            (_RAL + 8 * slot, low), (_RAH + 8 * slot, 0x5634 | valid << 31),
            (_MTA + 4 * word, bits), (_VFTA + 4 * word, bits), (_VET, 0x8100),
        ):  # fmt: skip
            self.registers.write(at, value)
            self.registers.show(at)

    @operation(control=st.sampled_from([0x0400_0000, 0x0000_0041, 0x4000_0041, 0x0140_0241]))
    def set_control(self, control: int) -> None:
        """Reset, link up, tagging of VLANs on, or pins."""
        self.registers.write(_CTRL, control)
        self.registers.show(_CTRL)
        self.registers.show(_STATUS)

    def _tail(self) -> int:
        """Return where the next descriptor goes, on a ring that is set up if it was not."""
        if self.registers.read(_TDBAL) != self.sending:
            self.set_up(0, self.loops)
        return self.registers.read(_TDT) % RING

    def _describe(self, number: int, descriptor: bytes) -> None:
        self.memory.write(self.sending + 16 * (number % RING), descriptor)

    def _go(self, tail: int) -> None:
        self.registers.write(_TDT, tail)
        self.settle()
        self.registers.show(_TDH)
        self.registers.show(_RDH)
        self._show_rings()

    def _mdi(self, address: int, value: int) -> None:
        self.registers.write(_MDIC, 0x0420_0000 | address << 16 | value)
        self.registers.show(_MDIC)

    def _eeprom_lines(self, select: bool, clock: bool, data: bool) -> None:
        self.registers.write(_EECD, 0x40 | select << 1 | clock | data << 2)

    def _show_eeprom(self) -> None:
        self.registers.show(_EECD)


class E1000e(E1000):
    """The 82574L: a second pair of queues, vectors, and descriptors of its own."""

    region = "e1000e-mmio"
    loops = True

    @operation(mode=st.sampled_from([0, 1, 2, 0x0033_0001]), key=st.integers(0, 0xFFFF_FFFF))
    def set_queues(self, mode: int, key: int) -> None:
        """Multiple receive queues: MRQC, RETA and RSSRK; the second rings lie behind the first."""
        self.registers.write(0x5818, mode)
        for number in range(4):
            self.registers.write(0x5C00 + 4 * number, 0x8000_8000 if number % 2 else 0)
            self.registers.write(0x5C80 + 4 * number, key)
        for base, at in ((0x2900, self.receiving + 1024), (0x3900, self.sending + 1024)):
            for offset, value in ((0, at), (4, 0), (8, 16 * RING), (0x10, 0), (0x18, 0)):
                self.registers.write(base + offset, value)
        self.registers.show(0x5818)

    @operation(vectors=st.integers(0, 0xFFFFF), throttle=st.integers(0, 0xFFFF), auto=st.integers(0, 0x1F))
    def set_vectors(self, vectors: int, throttle: int, auto: int) -> None:
        """IVAR, EITR, EIAC and IAM."""
        self.registers.write(0x00E4, vectors)
        self.registers.write(0x1680, throttle)
        self.registers.write(0x00DC, auto << 20)
        self.registers.write(0x00E0, auto << 20)
        self.registers.show(0x00E4)

    @operation(filters=st.sampled_from([0, 0x8000, 0x0001_0000]), checksums=st.integers(0, 0x3FFF))
    def set_receive_format(self, filters: int, checksums: int) -> None:
        """RFCTL, with extended descriptors or not, and RXCSUM."""
        self.registers.write(0x5008, filters)
        self.registers.write(_RXCSUM, checksums)
        self.registers.show(0x5008)
