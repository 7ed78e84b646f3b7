"""Network cards of Arm boards.

Sources: Freescale IMX6DQRM, i.MX 6Dual/6Quad reference manual, chapter 23 (ENET), with the buffer
descriptors of 23.6.13; Faraday FTGMAC100 datasheet and Aspeed AST2500 datasheet, 'Gigabit MAC';
Nuvoton NPCM7xx datasheet, 'Ethernet MAC Controller'; Xilinx UG585, Zynq-7000 TRM, chapter 16 and
appendix B.18 (GEM); Texas Instruments SPMS008, LM3S6965 datasheet, chapter 15.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.card import BUFFER, RING
from stressor.targets.qemu.drivers.network.frames import ADDRESS, FRAMES
from stressor.targets.qemu.drivers.network.ring_card import RingCard
from stressor.targets.qemu.regions import Region

__all__ = ["CadenceGem", "Ftgmac100", "ImxFec", "NuvotonEmc", "StellarisEthernet"]

_FEC_PHY, _GEM_PHY = 6, 7
"""Where SABRE Lite and the Zynq board have their PHYs."""


class ImxFec(RingCard):
    """The FEC and ENET of i.MX, with descriptors of eight bytes."""

    region = "imx.fec"
    names = {
        0x04: "eir", 0x08: "eimr", 0x10: "rdar", 0x14: "tdar", 0x24: "ecr", 0x40: "mmfr", 0x44: "mscr",
        0x84: "rcr", 0xC4: "tcr", 0xE4: "palr", 0xE8: "paur", 0x118: "iaur", 0x11C: "ialr", 0x120: "gaur",
        0x124: "galr", 0x144: "tfwr", 0x180: "erdsr", 0x184: "etdsr", 0x188: "emrbr",
    }  # fmt: skip
    descriptor_size = 8
    interrupts, mask = 0x04, 0x08
    state = (0x04, 0x08, 0x10, 0x14, 0x24, 0x40, 0x84, 0xC4, 0x180, 0x184, 0x188)
    filters = (0xE4, 0xE8, 0x118, 0x11C, 0x120, 0x124, 0x144, 0x44)

    def _empty(self, number: int, last: bool) -> bytes:
        return struct.pack("<HHI", 0, 0x8000 | last << 13, self._received(number))

    def _idle(self, number: int, last: bool) -> bytes:
        return struct.pack("<HHI", 0, last << 13, self._sent(number))

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        flags = 0x8000 | last << 13 | (0x0C00 if final else 0)
        return struct.pack("<HHI", size, flags, self._sent(number))

    def _start(self, control: int, looped: bool) -> None:
        for offset, value in (
            (0x180, self.receiving), (0x184, self.sending), (0x188, BUFFER - 16),
            (0x84, 0x05EE_0004 | control & 0x28 | looped), (0xC4, control & 0x0C), (0x24, 2), (0x10, 1 << 24),
        ):  # fmt: skip
            self.registers.write(offset, value)

    def _runs(self) -> bool:
        return bool(self.registers.read(0x24) & 2) and self.registers.read(0x184) == self.sending

    def _poll(self) -> None:
        self.registers.write(0x14, 1 << 24)

    def _manage(self, register: int, value: int, writing: bool) -> None:
        code = 1 if writing else 2
        self.registers.write(0x40, 1 << 30 | code << 28 | _FEC_PHY << 23 | register << 18 | 2 << 16 | value)
        self.registers.show(0x40)


class Ftgmac100(RingCard):
    """The Gigabit MAC of Aspeed's BMCs."""

    region = "ftgmac100*"  # newer QEMUs put `.regs` behind it
    names = {
        0x00: "isr", 0x04: "ier", 0x08: "mac_madr", 0x0C: "mac_ladr", 0x10: "maht0", 0x14: "maht1",
        0x20: "nptxr_badr", 0x24: "rxr_badr", 0x30: "itc", 0x34: "aptc", 0x38: "dblac", 0x4C: "rbsr",
        0x50: "maccr", 0x54: "macsr", 0x60: "phycr", 0x64: "phydata", 0x68: "fcr",
    }  # fmt: skip
    interrupts, mask = 0x00, 0x04
    state = (0x00, 0x04, 0x20, 0x24, 0x30, 0x34, 0x38, 0x4C, 0x50, 0x54)
    filters = (0x08, 0x0C, 0x10, 0x14, 0x68, 0x38, 0x34, 0x30)

    @classmethod
    def fits(cls, region: Region) -> bool:
        return not region.name.endswith(".high")  # further address bits of some

    def _empty(self, number: int, last: bool) -> bytes:
        return struct.pack("<IIII", last << 30, 0, 0, self._received(number))

    def _idle(self, number: int, last: bool) -> bytes:
        return struct.pack("<IIII", last << 30, 0, 0, self._sent(number))

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        flags = 1 << 31 | last << 30 | first << 29 | final << 28
        return struct.pack("<IIII", flags | size, 0, 0, self._sent(number))

    def _start(self, control: int, looped: bool) -> None:
        self.registers.write(0x20, self.sending)
        self.registers.write(0x24, self.receiving)
        self.registers.write(0x4C, BUFFER)
        self.registers.write(0x50, 0x0003_410F | looped << 6 | control & 0x8000)

    def _runs(self) -> bool:
        return self.registers.read(0x50) & 0x0F == 0x0F

    def _poll(self) -> None:
        self.registers.write(0x18, 1)
        self.registers.write(0x1C, 1)

    def _manage(self, register: int, value: int, writing: bool) -> None:
        self.registers.write(0x64, value)
        self.registers.write(0x60, register << 21 | (1 << 27 if writing else 1 << 26))
        self.registers.show(0x60)
        self.registers.show(0x64)


class NuvotonEmc(RingCard):
    """The 10/100 MAC of NPCM7xx; descriptors are chained."""

    region = "npcm7xx-emc"
    names = {
        0x00: "camcmr", 0x04: "camen", 0x08: "camm0", 0x0C: "caml0", 0x88: "txdlsa", 0x8C: "rxdlsa",
        0x90: "mcmdr", 0x94: "miid", 0x98: "miida", 0x9C: "fftcr", 0xA8: "dmarfc", 0xAC: "mien",
        0xB0: "mista", 0xB4: "mgsta", 0xB8: "mpcnt", 0xC8: "dmarfs", 0xCC: "ctxdsa", 0xD0: "ctxbsa",
        0xD4: "crxdsa", 0xD8: "crxbsa",
    }  # fmt: skip
    interrupts, mask = 0xB0, 0xAC
    state = (0x88, 0x8C, 0x90, 0x9C, 0xAC, 0xB0, 0xB4, 0xB8, 0xC8, 0xCC, 0xD0, 0xD4, 0xD8)
    filters = (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0xA8, 0x9C)

    def _empty(self, number: int, last: bool) -> bytes:
        following = self.receiving + 16 * ((number + 1) % RING)
        return struct.pack("<IIII", 2 << 30, self._received(number), 0, following)

    def _idle(self, number: int, last: bool) -> bytes:
        return struct.pack("<IIII", 0, self._sent(number), 0, self.sending + 16 * ((number + 1) % RING))

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        following = self.sending + 16 * ((number + 1) % RING)
        return struct.pack("<IIII", 1 << 31 | 7, self._sent(number), size, following)

    def _start(self, control: int, looped: bool) -> None:
        for offset, value in (
            (0x88, self.sending), (0x8C, self.receiving), (0x08, int.from_bytes(ADDRESS[:4], "big")),
            (0x0C, int.from_bytes(ADDRESS[4:], "big") << 16), (0x04, 1), (0x00, 0x1F),
            (0x90, 0x0101 | looped << 21 | control & 0x2E), (0xA4, 1),
        ):  # fmt: skip
            self.registers.write(offset, value)

    def _runs(self) -> bool:
        return self.registers.read(0x90) & 0x0101 == 0x0101

    def _poll(self) -> None:
        self.registers.write(0xA0, 1)
        self.registers.write(0xA4, 1)

    def _manage(self, register: int, value: int, writing: bool) -> None:
        self.registers.write(0x94, value)
        self.registers.write(0x98, 1 << 17 | writing << 16 | 1 << 8 | register)
        self.registers.show(0x98)
        self.registers.show(0x94)


class CadenceGem(RingCard):
    """The Gigabit MAC of Zynq, with descriptors of eight bytes."""

    region = "enet"
    names = {
        0x00: "nwctrl", 0x04: "nwcfg", 0x08: "nwstatus", 0x10: "dmacfg", 0x14: "txstatus", 0x18: "rxqbase",
        0x1C: "txqbase", 0x20: "rxstatus", 0x24: "isr", 0x30: "imr", 0x34: "phymntnc", 0x80: "hashlo",
        0x84: "hashhi", 0x88: "spaddr1lo", 0x8C: "spaddr1hi", 0x108: "txcnt", 0x158: "rxcnt",
    }  # fmt: skip
    descriptor_size = 8
    interrupts, mask = 0x24, 0x28
    state = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x30)
    filters = (0x80, 0x84, 0x88, 0x8C, 0x90, 0x94, 0xA8, 0x38)

    @operation
    def take_interrupts(self) -> None:
        for offset in (0x24, 0x100, 0x104, 0x108, 0x150, 0x154, 0x158):
            self.registers.show(offset)

    @operation(mask=st.integers(0, 0x07FF_FFFF))
    def disable_interrupts(self, mask: int) -> None:
        self.registers.write(0x2C, mask)
        self.registers.show(0x30)

    def _empty(self, number: int, last: bool) -> bytes:
        return struct.pack("<II", self._received(number) | last << 1, 0)

    def _idle(self, number: int, last: bool) -> bytes:
        return struct.pack("<II", self._sent(number), 1 << 31 | last << 30)

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        return struct.pack("<II", self._sent(number), size | final << 15 | last << 30)

    def _start(self, control: int, looped: bool) -> None:
        self.registers.write(0x00, 0)
        for offset, value in (
            (0x04, 0x0008_0010 | control & 0x0002_01E0), (0x10, 0x0020_0784), (0x18, self.receiving),
            (0x1C, self.sending), (0x00, 0x1C | looped << 1),
        ):  # fmt: skip
            self.registers.write(offset, value)

    def _runs(self) -> bool:
        return self.registers.read(0x00) & 0x0C == 0x0C

    def _poll(self) -> None:
        self.registers.write(0x00, 0x021E)

    def _manage(self, register: int, value: int, writing: bool) -> None:
        code = 1 if writing else 2
        self.registers.write(0x34, 1 << 30 | code << 28 | _GEM_PHY << 23 | register << 18 | 2 << 16 | value)
        self.registers.show(0x34)


class StellarisEthernet(Driver):
    """The MAC of LM3S microcontrollers: one port into two FIFOs."""

    region = "stellaris_enet"
    names = {
        0x00: "ris", 0x04: "im", 0x08: "rctl", 0x0C: "tctl", 0x10: "data", 0x14: "ia0", 0x18: "ia1",
        0x1C: "thr", 0x20: "mctl", 0x24: "mdv", 0x2C: "mtxd", 0x30: "mrxd", 0x34: "np", 0x38: "tr",
    }  # fmt: skip

    @operation(transmit=st.integers(0, 0x1F), receive=st.integers(0, 0x1F), threshold=st.integers(0, 0x3F))
    def set_up(self, transmit: int, receive: int, threshold: int) -> None:
        for offset, value in ((0x08, receive | 1), (0x0C, transmit | 1), (0x1C, threshold)):
            self.registers.write(offset, value)
            self.registers.show(offset)

    @operation(frame=FRAMES, left=st.sampled_from([0, 0, 1, 5]), finish=st.booleans())
    def send(self, frame: bytes, left: int, finish: bool) -> None:
        """A frame but for its last `left` words; with `finish` it is sent even if the FIFO is not full."""
        self.registers.write(0x0C, 1)
        data = struct.pack("<H", max(0, len(frame) - 14)) + frame
        data += bytes(-len(data) % 4)
        words = [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4)]
        for word in words[: max(1, len(words) - left)]:
            self.registers.write(0x10, word)
        if finish:
            self.registers.write(0x38, 1)
        self.settle()
        self._show_state()

    @operation(words=st.integers(1, 20))
    def receive(self, words: int) -> None:
        for _ in range(words):
            self.registers.show(0x10)
        self.registers.show(0x34)

    @operation(mask=st.integers(0, 0x7F), bits=st.integers(0, 0x7F))
    def use_interrupts(self, mask: int, bits: int) -> None:
        self.registers.write(0x04, mask)
        self.registers.write(0x00, bits)
        self._show_state()

    @operation(low=st.integers(0, 0xFFFF_FFFF), high=st.integers(0, 0xFFFF))
    def set_address(self, low: int, high: int) -> None:
        self.registers.write(0x14, low)
        self.registers.write(0x18, high)
        self._show_state()

    @operation(register=st.integers(0, 31), value=st.integers(0, 0xFFFF), writing=st.booleans())
    def use_phy(self, register: int, value: int, writing: bool) -> None:
        self.registers.write(0x24, value & 0xFF)
        self.registers.write(0x2C, value)
        self.registers.write(0x20, register << 3 | writing << 1 | 1)
        for offset in (0x20, 0x24, 0x2C, 0x30):
            self.registers.show(offset)

    def _show_state(self) -> None:
        for offset in (0x00, 0x04, 0x08, 0x0C, 0x14, 0x18, 0x1C, 0x34, 0x38):
            self.registers.show(offset)
