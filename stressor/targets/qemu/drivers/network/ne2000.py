"""The NE2000, on ISA and on PCI.

Source: National Semiconductor, DP8390D/NS32490D NIC, sections 10 (registers), 7 (buffer ring) and 12
(remote DMA). The packet memory begins at 0x4000, the data port is 0x10, the reset port 0x1f.
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.frames import FRAMES

__all__ = ["Ne2000"]

_CR, _PSTART, _PSTOP, _BNRY, _TPSR, _TBCR, _ISR, _RSAR, _RBCR, _RCR, _TCR, _DCR, _IMR = (
    0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x7, 0x8, 0xA, 0xC, 0xD, 0xE, 0xF,
)  # fmt: skip
_CURR, _DATA, _RESET = 0x7, 0x10, 0x1F
_STOP, _START, _TRANSMIT, _READ, _WRITE, _NO_DMA = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_PACKETS = st.integers(0x4000, 0xBFFF)


class Ne2000(Driver):
    """Packet memory of its own, which is reached by remote DMA through one port."""

    region = "ne2000"
    names = {
        _CR: "command", _BNRY: "boundary", _TPSR: "transmit status", _ISR: "interrupt status",
        _RCR: "receive status", _DATA: "data", _RSAR: "dma address", _RSAR + 1: "dma address high",
    }  # fmt: skip

    @operation(words=st.integers(0, 1), accept=st.integers(0, 31), mask=st.integers(0, 0x7F))
    def set_up(self, words: int, accept: int, mask: int) -> None:
        for at, value in (
            (_CR, _STOP | _NO_DMA), (_DCR, 0x48 | words), (_RCR, accept), (_TCR, 0), (_PSTART, 0x4C),
            (_BNRY, 0x4C), (_PSTOP, 0x80), (_ISR, 0xFF), (_IMR, mask), (_CR, 0x61), (_CURR, 0x4D),
            *((1 + n, byte) for n, byte in enumerate(b"\x52\x54\x00\x12\x34\x56")),
            *((8 + n, 0xFF) for n in range(8)), (_CR, _START | _NO_DMA),
        ):  # fmt: skip
            self._write(at, value)

    @operation(frame=FRAMES, page=st.sampled_from([0x40, 0x46]))
    def send(self, frame: bytes, page: int) -> None:
        self._write(_DCR, 0x48)
        self._begin(page << 8, len(frame), _WRITE)
        for byte in frame:
            self.registers.write(_DATA, byte, 1)
        self._write(_TPSR, page)
        self._write(_TBCR, len(frame))
        self._write(_TBCR + 1, len(frame) >> 8)
        self._write(_CR, _START | _TRANSMIT | _NO_DMA)
        self.settle()
        self._show(_CR, _TPSR, _ISR)

    @operation(address=_PACKETS, data=st.binary(min_size=1, max_size=32), more=st.integers(0, 8))
    def store(self, address: int, data: bytes, more: int) -> None:
        """Remote DMA to the card, of which `more` bytes are still to come."""
        self._begin(address, len(data) + more, _WRITE)
        for byte in data:
            self.registers.write(_DATA, byte, 1)
        self._show(_ISR)

    @operation(address=_PACKETS, count=st.integers(1, 32), more=st.integers(0, 8))
    def recall(self, address: int, count: int, more: int) -> None:
        """Remote DMA from the card, of which `more` bytes are still to come."""
        self._begin(address, count + more, _READ)
        self.go_on_reading(count)
        self._show(_ISR)

    @operation(count=st.integers(1, 16))
    def go_on_reading(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_DATA, 1)

    @operation(data=st.binary(min_size=1, max_size=16))
    def go_on_writing(self, data: bytes) -> None:
        for byte in data:
            self.registers.write(_DATA, byte, 1)

    @operation(count=st.integers(1, 8))
    def read_address_memory(self, count: int) -> None:
        """The station address, doubled, at the bottom of the card's memory."""
        self._begin(0, 32, _READ)
        self.go_on_reading(count)

    @operation(page=st.integers(0, 3))
    def select_page(self, page: int) -> None:
        self._write(_CR, page << 6 | _START | _NO_DMA)

    @operation(page=st.integers(0, 3))
    def show_page(self, page: int) -> None:
        self.select_page(page)
        self._show(*range(16))
        self.select_page(0)

    @operation(address=st.binary(min_size=6, max_size=6), filters=st.binary(min_size=8, max_size=8))
    def set_filters(self, address: bytes, filters: bytes) -> None:
        self.select_page(1)
        for at, byte in enumerate(address + b"\x4d" + filters, 1):
            self._write(at, byte)
        self.show_page(1)

    @operation(bits=st.integers(0, 0xFF), mask=st.integers(0, 0x7F))
    def acknowledge_interrupts(self, bits: int, mask: int) -> None:
        self._write(_ISR, bits)
        self._write(_IMR, mask)
        self._show(_ISR)

    @operation(boundary=st.integers(0x4C, 0x7F))
    def move_boundary(self, boundary: int) -> None:
        self._write(_BNRY, boundary)
        self._show(_BNRY)

    @operation
    def reset(self) -> None:
        self._show(_RESET)
        self._write(_RESET, 0)
        self._show(_ISR)

    def _begin(self, address: int, count: int, direction: int) -> None:
        self._write(_CR, _START | _NO_DMA)
        for at, value in (
            (_RBCR, count), (_RBCR + 1, count >> 8), (_RSAR, address), (_RSAR + 1, address >> 8),
            (_CR, _START | direction),
        ):  # fmt: skip
            self._write(at, value)

    def _write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value, 1)

    def _show(self, *offsets: int) -> None:
        for offset in offsets:
            self.registers.show(offset, 1)
