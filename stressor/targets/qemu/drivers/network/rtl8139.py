"""Realtek's Fast Ethernet card.

Sources: Realtek RTL8139C(L) datasheet, section 5 (registers), and RTL8139C+ datasheet, sections 5 and
6.2 (the descriptors of its C+ mode).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import BUFFER, RING, Card, SerialEeprom
from stressor.targets.qemu.drivers.network.frames import FRAMES, PARTS, pieces

__all__ = ["Rtl8139"]

_MAR, _TSD, _TSAD, _RBSTART, _CR, _CAPR, _CBR = 0x08, 0x10, 0x20, 0x30, 0x37, 0x38, 0x3A
_IMR, _ISR, _TCR, _RCR, _TCTR, _MPC, _EECR = 0x3C, 0x3E, 0x40, 0x44, 0x48, 0x4C, 0x50
_CONFIG1, _TIMER, _MSR, _MULINT, _TSAD_ALL, _BMCR = 0x52, 0x54, 0x58, 0x5C, 0x60, 0x62
_POLL, _CPCR, _RDSAR, _THRESHOLD = 0xD9, 0xE0, 0xE4, 0xEC
_OWN, _LAST_ONE, _FIRST, _LAST = 1 << 31, 1 << 30, 1 << 29, 1 << 28
_LOOPED = 0x0006_0000


class Rtl8139(Card, SerialEeprom):
    """Four transmit slots and one long receive buffer, or in C+ mode rings."""

    region = "rtl8139"
    names = {
        _CR: "command", _CAPR: "read pointer", _CBR: "write pointer", _IMR: "interrupt mask",
        _ISR: "interrupt status", _TCR: "transmit configuration", _RCR: "receive configuration",
        _EECR: "eeprom lines", _TSAD_ALL: "transmit summary", _MPC: "missed packets", _CPCR: "c+ command",
        _POLL: "poll", _TIMER: "timer interrupt",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.slot = 0
        self.position = 0

    @operation(receive=st.integers(0, 0x3F), looped=st.booleans(), wrap=st.booleans())
    def set_up(self, receive: int, looped: bool, wrap: bool) -> None:
        self.registers.write(_CR, 0x10, 1)
        self.registers.write(_CR, 0x0C, 1)
        self.registers.write(_RBSTART, self.received)
        self.registers.write(_RCR, receive | 0x0F | wrap << 7)
        self.registers.write(_TCR, _LOOPED if looped else 0)
        self.slot = 0

    @operation(frame=FRAMES, size=st.sampled_from([0, 0, 1, 60]))
    def send(self, frame: bytes, size: int) -> None:
        """A frame through the next slot, `size` bytes of it or all."""
        if not self.registers.read(_CR, 1) & 4:
            self.set_up(0, True, True)
        slot, self.slot = self.slot, (self.slot + 1) % 4
        self.memory.write(self._sent(slot), frame)
        self.registers.write(_TSAD + 4 * slot, self._sent(slot))
        self.registers.write(_TSD + 4 * slot, size or len(frame))
        self.settle()
        for number in range(4):
            self.registers.show(_TSD + 4 * number)
        self.registers.show(_TSAD_ALL, 2)
        self._show_received()

    @operation(count=st.integers(1, 1600))
    def take_received(self, count: int) -> None:
        """Move the read pointer on, as a driver does that has copied so many bytes."""
        self._show_received()
        at = self.registers.read(_CBR, 2)
        self.registers.write(_CAPR, max(0, at - count) - 16 & 0xFFFF, 2)
        self.registers.show(_CR, 1)

    @operation(tagged=st.integers(0, 1), looped=st.booleans())
    def set_up_rings(self, tagged: int, looped: bool) -> None:
        self.registers.write(_CPCR, 3 | tagged << 6, 2)
        for at, ring in ((_TSAD, self.sending), (_TSAD + 8, self.sending + 1024), (_RDSAR, self.receiving)):
            self.registers.write(at, ring)
            self.registers.write(at + 4, 0)
        for number in range(RING):
            flags = _OWN | BUFFER | (_LAST_ONE if number == RING - 1 else 0)
            self.memory.write(
                self.receiving + 16 * number, struct.pack("<IIQ", flags, 0, self._received(number))
            )
        self.memory.fill(self.sending, 16 * RING)
        self.registers.write(_CR, 0x0C, 1)
        self.registers.write(_RCR, 0x0F)
        self.registers.write(_TCR, _LOOPED if looped else 0)
        self.position = 0

    @operation(
        frame=FRAMES, offload=st.sampled_from([0, 1 << 16, 1 << 18, 1 << 27 | 64 << 16]),
        tag=st.sampled_from([0, 0, 0x1_0123]), part=PARTS,
    )  # fmt: skip
    def send_on_ring(self, frame: bytes, offload: int, tag: int, part: str) -> None:
        """A frame in two descriptors, or one of them."""
        if not self.registers.read(_CPCR, 2) & 1 or self.registers.read(_TSAD) != self.sending:
            self.set_up_rings(0, True)
        for data, first, last in pieces(frame, 2, part):
            number = self.position % RING
            flags = _OWN | offload | (_LAST_ONE if number == RING - 1 else 0)
            flags |= (_FIRST if first else 0) | (_LAST if last else 0)
            self.memory.write(self._sent(number), data)
            self.memory.write(
                self.sending + 16 * number,
                struct.pack("<IIQ", flags | len(data), tag, self._sent(number)),
            )
            self.position += 1
        self.registers.write(_POLL, 0x40, 1)
        self.settle()
        self._show_rings()
        self.registers.show(_ISR, 2)

    @operation
    def poll(self) -> None:
        self.registers.write(_POLL, 0x40, 1)
        self.settle()
        self.memory.show(self.sending, 16 * RING, "transmit ring")

    @operation(mask=st.integers(0, 0xFFFF), number=st.integers(0, 0xF))
    def enable_interrupts(self, mask: int, number: int) -> None:
        self.registers.write(_IMR, mask, 2)
        self.registers.write(_MULINT, number << 12, 2)
        self.registers.show(_IMR, 2)
        self.registers.show(_ISR, 2)

    @operation(mask=st.integers(0, 0xFFFF))
    def acknowledge_interrupts(self, mask: int) -> None:
        self.registers.write(_ISR, mask, 2)
        self.registers.show(_ISR, 2)

    @operation(ticks=st.integers(0, 0xFFFF_FFFF))
    def set_timer(self, ticks: int) -> None:
        self.registers.write(_TIMER, ticks)
        self.registers.write(_TCTR, 0)
        self.registers.show(_TIMER)

    @operation(low=st.integers(0, 0xFFFF_FFFF), high=st.integers(0, 0xFFFF_FFFF), accept=st.integers(0, 0x3F))
    def set_filters(self, low: int, high: int, accept: int) -> None:
        self.registers.write(_MAR, low)
        self.registers.write(_MAR + 4, high)
        self.registers.write(_RCR, accept)
        self.registers.show(_RCR)

    @operation(control=st.integers(0, 0xFFFF), medium=st.integers(0, 0xFF))
    def write_phy(self, control: int, medium: int) -> None:
        self.registers.write(_BMCR, control, 2)
        self.registers.write(_MSR, medium, 1)
        for at in (_BMCR, _BMCR + 2, _BMCR + 4, _BMCR + 6, _BMCR + 8):
            self.registers.show(at, 2)

    @operation(unlocked=st.booleans(), configuration=st.integers(0, 0xFF))
    def write_configuration(self, unlocked: bool, configuration: int) -> None:
        self.registers.write(_EECR, 0xC0 if unlocked else 0, 1)
        for at in (_CONFIG1, 0x59, 0x5A, 0xD8):
            self.registers.write(at, configuration, 1)
            self.registers.show(at, 1)

    @operation
    def show_state(self) -> None:
        for at, width in (
            (_CR, 1), (_CAPR, 2), (_CBR, 2), (_ISR, 2), (_TCR, 4), (_RCR, 4), (_MPC, 4), (_CPCR, 2),
        ):  # fmt: skip
            self.registers.show(at, width)

    def _show_received(self) -> None:
        self.registers.show(_CBR, 2)
        self.registers.show(_ISR, 2)
        self.memory.show(self.received, BUFFER, "receive buffer")

    def _eeprom_lines(self, select: bool, clock: bool, data: bool) -> None:
        self.registers.write(_EECR, 0x80 | select << 3 | clock << 2 | data << 1, 1)

    def _show_eeprom(self) -> None:
        self.registers.show(_EECR, 1)
