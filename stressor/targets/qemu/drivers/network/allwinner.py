"""Network cards of Allwinner's boards.

Sources: Allwinner A10 user manual, 'EMAC'; Allwinner H3 datasheet, section 8.10 (EMAC).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.card import BUFFER, RING
from stressor.targets.qemu.drivers.network.frames import FRAMES
from stressor.targets.qemu.drivers.network.ring_card import RingCard

__all__ = ["Sun4iEmac", "Sun8iEmac"]


class Sun4iEmac(Driver):
    """The A10's: two FIFOs to send and one to receive, each behind a port."""

    region = "aw_emac"
    names = {
        0x00: "ctl", 0x04: "tx_mode", 0x0C: "tx_ctl0", 0x10: "tx_ctl1", 0x14: "tx_ins", 0x18: "tx_pl0",
        0x1C: "tx_pl1", 0x20: "tx_sta", 0x3C: "rx_ctl", 0x48: "rx_sta", 0x4C: "rx_io_data", 0x50: "rx_fbc",
        0x54: "int_ctl", 0x58: "int_sta", 0x5C: "mac_ctl0", 0x60: "mac_ctl1", 0x74: "mac_supp",
        0x7C: "mac_mcfg", 0x80: "mac_mcmd", 0x84: "mac_madr", 0x88: "mac_mwtd", 0x8C: "mac_mrdd",
        0x98: "mac_a0", 0x9C: "mac_a1",
    }  # fmt: skip

    @operation(receive=st.integers(0, 0xFFFF_FFFF), mode=st.integers(0, 3), mask=st.integers(0, 0xFFFF))
    def set_up(self, receive: int, mode: int, mask: int) -> None:
        for offset, value in ((0x00, 7), (0x04, mode), (0x3C, receive & ~8), (0x54, mask)):
            self.registers.write(offset, value)
        self._show_state()

    @operation(frame=FRAMES, channel=st.integers(0, 1), left=st.sampled_from([0, 0, 1, 5]), start=st.booleans())
    def send(self, frame: bytes, channel: int, left: int, start: bool) -> None:
        """A frame but for its last `left` words; with `start` it is sent."""
        self.registers.write(0x00, 7)
        self.registers.write(0x14, channel)
        data = frame + bytes(-len(frame) % 4)
        words = struct.unpack(f"<{len(data) // 4}I", data)
        for word in words[: len(words) - left]:
            self.registers.write(0x24, word)
        if start:
            self.start(channel, len(frame) - 4 * left)

    @operation(channel=st.integers(0, 1), size=st.integers(1, 1600))
    def start(self, channel: int, size: int) -> None:
        """Send what a FIFO has, as a frame of `size` bytes."""
        self.registers.write(0x18 + 4 * channel, size)
        self.registers.write(0x0C + 4 * channel, 1)
        self.settle()
        self._show_state()

    @operation(words=st.integers(1, 20))
    def receive(self, words: int) -> None:
        self.registers.show(0x50)
        for _ in range(words):
            self.registers.show(0x4C)

    @operation(bits=st.integers(0, 0xFFFF))
    def acknowledge_interrupts(self, bits: int) -> None:
        self.registers.write(0x58, bits)
        self._show_state()

    @operation(first=st.integers(0, 0xFF_FFFF), second=st.integers(0, 0xFF_FFFF))
    def set_address(self, first: int, second: int) -> None:
        self.registers.write(0x98, first)
        self.registers.write(0x9C, second)
        self._show_state()

    @operation(register=st.integers(0, 31), value=st.integers(0, 0xFFFF), writing=st.booleans())
    def use_phy(self, register: int, value: int, writing: bool) -> None:
        self.registers.write(0x84, 1 << 8 | register)
        if writing:
            self.registers.write(0x88, value)
        self.registers.write(0x80, 1)
        for offset in (0x80, 0x84, 0x8C):
            self.registers.show(offset)

    def _show_state(self) -> None:
        for offset in (0x00, 0x04, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x3C, 0x50, 0x54, 0x58, 0x98, 0x9C):
            self.registers.show(offset)


class Sun8iEmac(RingCard):
    """The H3's, with chained descriptors."""

    region = "allwinner-sun8i-emac"
    names = {
        0x00: "basic_ctl0", 0x04: "basic_ctl1", 0x08: "int_sta", 0x0C: "int_en", 0x10: "tx_ctl0",
        0x14: "tx_ctl1", 0x1C: "tx_flow_ctl", 0x20: "tx_dma_list", 0x24: "rx_ctl0", 0x28: "rx_ctl1",
        0x34: "rx_dma_list", 0x38: "frm_flt", 0x48: "mii_cmd", 0x4C: "mii_data", 0x50: "addr_high0",
        0x54: "addr_low0", 0xB0: "tx_dma_sta", 0xB4: "tx_cur_desc", 0xB8: "tx_cur_buf", 0xC0: "rx_dma_sta",
        0xC4: "rx_cur_desc", 0xC8: "rx_cur_buf",
    }  # fmt: skip
    interrupts, mask = 0x08, 0x0C
    state = (
        0x00, 0x08, 0x0C, 0x10, 0x14, 0x20, 0x24, 0x28, 0x34, 0xB0, 0xB4, 0xB8, 0xC0, 0xC4, 0xC8,
    )  # fmt: skip
    filters = (0x38, 0x40, 0x44, 0x50, 0x54, 0x58, 0x5C, 0x1C)

    def _empty(self, number: int, last: bool) -> bytes:
        following = self.receiving + 16 * ((number + 1) % RING)
        return struct.pack("<IIII", 1 << 31, BUFFER - 4, self._received(number), following)

    def _idle(self, number: int, last: bool) -> bytes:
        return struct.pack("<IIII", 0, 0, self._sent(number), self.sending + 16 * ((number + 1) % RING))

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        flags = 1 << 31 | final << 30 | first << 29
        following = self.sending + 16 * ((number + 1) % RING)
        return struct.pack("<IIII", 1 << 31, flags | size, self._sent(number), following)

    def _start(self, control: int, looped: bool) -> None:
        for offset, value in (
            (0x00, 1 | looped << 1), (0x20, self.sending), (0x34, self.receiving), (0x38, control & 0x8001_0333),
            (0x10, 1 << 31), (0x14, 1 << 30), (0x24, 1 << 31), (0x28, 3 << 30),
        ):  # fmt: skip
            self.registers.write(offset, value)

    def _runs(self) -> bool:
        return self.registers.read(0x20) == self.sending and bool(self.registers.read(0x10) >> 31)

    def _poll(self) -> None:
        self.registers.write(0x14, 3 << 30)

    def _manage(self, register: int, value: int, writing: bool) -> None:
        self.registers.write(0x4C, value)
        self.registers.write(0x48, 1 << 12 | register << 4 | writing << 1 | 1)
        self.registers.show(0x48)
        self.registers.show(0x4C)
