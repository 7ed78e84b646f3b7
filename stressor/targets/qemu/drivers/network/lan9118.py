"""SMSC's LAN9118, with FIFOs instead of rings.

Source: SMSC LAN9118 datasheet, sections 3.12 and 3.13 (transmit and receive data paths), 5.3 (registers),
5.4 (MAC registers behind two ports) and 5.5 (PHY registers behind two of those).
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.frames import FRAMES

__all__ = ["Lan9118"]

_RX_DATA, _TX_DATA, _RX_STATUS, _RX_PEEK, _TX_STATUS, _TX_PEEK = 0x00, 0x20, 0x40, 0x44, 0x48, 0x4C
_IRQ_CFG, _INT_STS, _INT_EN, _BYTE_TEST, _FIFO_INT, _RX_CFG, _TX_CFG, _HW_CFG = (
    0x54, 0x58, 0x5C, 0x64, 0x68, 0x6C, 0x70, 0x74,
)  # fmt: skip
_RX_DP, _RX_INF, _TX_INF, _PMT, _GPIO, _TIMER, _TIMER_COUNT, _WORD_SWAP = (
    0x78, 0x7C, 0x80, 0x84, 0x88, 0x8C, 0x90, 0x98,
)  # fmt: skip
_MAC_COMMAND, _MAC_DATA, _AFC, _EEPROM, _EEPROM_DATA = 0xA4, 0xA8, 0xAC, 0xB0, 0xB4
_BUSY, _READ = 1 << 31, 1 << 30
_MAC_CONTROL, _MII_ACCESS, _MII_DATA = 1, 6, 7
_FIRST, _LAST = 1 << 13, 1 << 12


class Lan9118(Driver):
    """Frames are words written to one port and read from another; both may stop within one."""

    region = "lan9118-mmio"
    names = {
        _RX_DATA: "receive data", _RX_STATUS: "receive status", _RX_PEEK: "receive status peek",
        _TX_STATUS: "transmit status", _TX_PEEK: "transmit status peek", _IRQ_CFG: "interrupt configuration",
        _INT_STS: "interrupt status", _INT_EN: "interrupt enable", _FIFO_INT: "fifo interrupts",
        _RX_CFG: "receive configuration", _TX_CFG: "transmit configuration", _HW_CFG: "hardware configuration",
        _RX_DP: "receive path control", _RX_INF: "receive fifo", _TX_INF: "transmit fifo", _PMT: "power",
        _GPIO: "gpio", _TIMER: "timer configuration", _TIMER_COUNT: "timer", _WORD_SWAP: "word swap",
        _MAC_COMMAND: "mac command", _MAC_DATA: "mac data", _AFC: "flow control", _EEPROM: "eeprom command",
        _EEPROM_DATA: "eeprom data", 0x24: "transmit data",
    }  # fmt: skip

    @operation(control=st.sampled_from([0, 1 << 18, 1 << 31, 1 << 13]), looped=st.booleans(), offset=st.integers(0, 3))
    def set_up(self, control: int, looped: bool, offset: int) -> None:
        """MAC, PHY (in loopback or not) and FIFOs on."""
        self.registers.write(_HW_CFG, 5 << 16)
        self.registers.write(_RX_CFG, offset << 8)
        self.registers.write(_TX_CFG, 2)
        self._mac(_MAC_CONTROL, 0x0010_000C | control)
        self._phy(0, 0x4100 if looped else 0x3000)

    @operation(
        frame=FRAMES, pieces=st.integers(1, 3), offset=st.integers(0, 3), left=st.sampled_from([0, 0, 1, 4, 9])
    )
    def send(self, frame: bytes, pieces: int, offset: int, left: int) -> None:
        """A frame in `pieces` buffers, whose last `left` words are not written yet."""
        if not self.registers.read(_TX_CFG) & 2:
            self.set_up(0, True, 0)
        size = -(-len(frame) // pieces)
        words: list[int] = []
        for start in range(0, len(frame), size):
            part = frame[start : start + size]
            flags = (_FIRST if start == 0 else 0) | (_LAST if start + size >= len(frame) else 0)
            words += [1 << 31 | offset << 16 | flags | len(part), 0xABC << 20 | len(frame)]
            data = bytes(offset) + part
            data += bytes(-len(data) % 4)
            words += [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4)]
        for word in words[: max(2, len(words) - left)]:
            self.registers.write(_TX_DATA, word)
        self.settle()
        self._show(_TX_INF, _RX_INF, _TX_PEEK, _RX_PEEK, _INT_STS)

    @operation(words=st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=4))
    def go_on_sending(self, words: list[int]) -> None:
        for word in words:
            self.registers.write(_TX_DATA, word)
        self._show(_TX_INF, _TX_PEEK)

    @operation(words=st.integers(1, 24))
    def receive(self, words: int) -> None:
        """A status, and then some words of data."""
        self._show(_RX_STATUS, *[_RX_DATA] * words, _RX_INF)

    @operation(words=st.integers(1, 24))
    def go_on_receiving(self, words: int) -> None:
        self._show(*[_RX_DATA] * words, _RX_INF)

    @operation(skip=st.booleans())
    def drop_received(self, skip: bool) -> None:
        self.registers.write(_RX_DP if skip else _RX_CFG, 1 << 31 if skip else 1 << 15)
        self._show(_RX_DP, _RX_INF)

    @operation
    def take_transmit_status(self) -> None:
        self._show(_TX_INF, _TX_STATUS, _TX_INF)

    @operation(mask=st.integers(0, 0xFFFF_FFFF), levels=st.integers(0, 0xFFFF_FFFF), line=st.integers(0, 0xFF00_0111))
    def enable_interrupts(self, mask: int, levels: int, line: int) -> None:
        self.registers.write(_INT_EN, mask)
        self.registers.write(_FIFO_INT, levels)
        self.registers.write(_IRQ_CFG, line)
        self._show(_INT_EN, _FIFO_INT, _IRQ_CFG, _INT_STS)

    @operation(bits=st.integers(0, 0xFFFF_FFFF))
    def acknowledge_interrupts(self, bits: int) -> None:
        self.registers.write(_INT_STS, bits)
        self._show(_INT_STS)

    @operation(register=st.integers(1, 12), value=st.integers(0, 0xFFFF_FFFF))
    def write_mac(self, register: int, value: int) -> None:
        self._mac(register, value)
        self._show_mac(register)

    @operation(register=st.integers(1, 12))
    def begin_to_write_mac(self, register: int) -> None:
        """The value is there, the command is not yet given; or the other way round."""
        self.registers.write(_MAC_DATA, 0x1234_0000 | register)
        self._show(_MAC_DATA, _MAC_COMMAND)

    @operation(register=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 17, 18, 27, 29, 30, 31]), value=st.integers(0, 0xFFFF))
    def write_phy(self, register: int, value: int) -> None:
        self._phy(register, value)
        self._mac(_MII_ACCESS, 1 << 11 | register << 6 | 1)
        self._show_mac(_MII_DATA)

    @operation(command=st.integers(0, 7), address=st.integers(0, 15), value=st.integers(0, 255))
    def use_eeprom(self, command: int, address: int, value: int) -> None:
        self.registers.write(_EEPROM_DATA, value)
        self.registers.write(_EEPROM, _BUSY | command << 28 | address)
        self._show(_EEPROM, _EEPROM_DATA)

    @operation(ticks=st.integers(0, 0xFFFF), on=st.booleans())
    def set_timer(self, ticks: int, on: bool) -> None:
        self.registers.write(_TIMER, ticks | on << 29)
        self._show(_TIMER, _TIMER_COUNT)

    @operation(
        register=st.sampled_from([_RX_CFG, _TX_CFG, _HW_CFG, _PMT, _GPIO, _WORD_SWAP, _AFC]), value=st.integers(0, 0xFFFF_FFFF)
    )
    def configure(self, register: int, value: int) -> None:
        self.registers.write(register, value)
        self._show(register)

    @operation
    def show_state(self) -> None:
        self._show(
            _IRQ_CFG, _INT_STS, _INT_EN, _FIFO_INT, _RX_CFG, _TX_CFG, _HW_CFG, _RX_DP, _RX_INF, _TX_INF,
            _PMT, _GPIO, _TIMER, _WORD_SWAP, _MAC_COMMAND, _MAC_DATA, _AFC, _EEPROM, _EEPROM_DATA,
        )  # fmt: skip

    def _mac(self, register: int, value: int) -> None:
        self.registers.write(_MAC_DATA, value)
        self.registers.write(_MAC_COMMAND, _BUSY | register)

    def _show_mac(self, register: int) -> None:
        self.registers.write(_MAC_COMMAND, _BUSY | _READ | register)
        self._show(_MAC_DATA)

    def _phy(self, register: int, value: int) -> None:
        self._mac(_MII_DATA, value)
        self._mac(_MII_ACCESS, 1 << 11 | register << 6 | 3)

    def _show(self, *offsets: int) -> None:
        for offset in offsets:
            self.registers.show(offset)
