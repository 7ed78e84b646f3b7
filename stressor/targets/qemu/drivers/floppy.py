"""The floppy disk controller of a PC: commands byte by byte, data without DMA.

Source: Intel, 82078 44 pin CHMOS single-chip floppy disk controller, section 2 (registers), 5
(command set), 6 (status), 5.1 (phases).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["Floppy"]

_STATUS_B, _OUTPUT, _TAPE, _MAIN, _FIFO = range(5)  # the first port, 0x3F0, is not there
_NO_DMA: Final = 1
_COMMANDS: Final = (
    bytes([0x03, 0xAF, 0x02 | _NO_DMA]),  # specify
    bytes([0x03, 0xAF, 0x02]),
    bytes([0x07, 0]),  # recalibrate
    bytes([0x08]),  # sense interrupt status
    bytes([0x04, 0]),  # sense drive status
    bytes([0x0F, 0, 5]),  # seek
    bytes([0x8F, 0, 3]),  # relative seek
    bytes([0x0E]),  # dump registers
    bytes([0x12, 0x80]),  # perpendicular mode
    bytes([0x13, 0, 0x57, 0x20]),  # configure
    bytes([0x14]),  # unlock
    bytes([0x94]),  # lock
    bytes([0x10]),  # version
    bytes([0x18]),  # part id
    bytes([0x17, 0x03]),  # power down mode
    bytes([0x2E]),  # save
    bytes([0x33, 0x80]),  # option
    bytes([0x8E, 0x80, 0xC0]),  # drive specification
    bytes([0x4E, *range(16)]),  # restore
    bytes([0x4D, 0, 2, 18, 0x1B, 0xF6]),  # format track
    bytes([0x1F]),  # invalid
)

_READ, _READ_BOTH, _WRITE, _READ_TRACK, _READ_DELETED, _SCAN = 0x46, 0xE6, 0xC5, 0x42, 0xCC, 0xD1
_TRANSFERS: Final = st.sampled_from([_READ, _READ_BOTH, _WRITE, _READ_TRACK, _READ_DELETED, _SCAN])
_BYTES: Final = st.sampled_from([0, 1, 2, 16, 255, 512, 520])


class Floppy(Driver):
    """The controller at port 0x3F0, with a drive. A save point may lie between any two bytes."""

    region = "fdc#1"
    others = {"rate": "fdc#2"}
    names = {
        _STATUS_B: "status B", _OUTPUT: "digital output", _TAPE: "tape drive", _MAIN: "main status",
        _FIFO: "FIFO",
    }  # fmt: skip
    weights = {"transfer": 4, "execute": 3, "take": 2, "give": 2, "begin": 2, "set_output": 0.5}

    @operation(
        rate=st.sampled_from([0, 1, 2, 3, 3, 3]), motors=st.integers(0, 15), dma=st.booleans()
    )
    def start(self, rate: int, motors: int, dma: bool) -> None:
        """Leave reset, sense the four interrupts of it, set rate and mode."""
        self._write(_OUTPUT, 0)
        self._write(_OUTPUT, 0x0C | motors << 4)
        self.settle()
        self.other["rate"].write(0, rate, 1)
        for _ in range(4):
            self._send(bytes([0x08]))
            self._take(2)
        self._send(bytes([0x03, 0xAF, 0x02 | (0 if dma else _NO_DMA)]))
        self._show()

    @operation(command=st.sampled_from(_COMMANDS), results=st.integers(0, 16))
    def execute(self, command: bytes, results: int) -> None:
        """Send a command and read some of its results."""
        self._send(command)
        self._take(results)

    @operation(command=st.sampled_from(_COMMANDS), count=st.integers(1, 16))
    def begin(self, command: bytes, count: int) -> None:
        """Send the first bytes of a command."""
        self._send(command[:count])

    @operation(
        code=_TRANSFERS,
        track=st.sampled_from([0, 5, 79]),
        sector=st.sampled_from([1, 2, 18, 19]),
        head=st.integers(0, 1),
        last=st.sampled_from([1, 18]),
        count=_BYTES,
    )
    def transfer(
        self, code: int, track: int, sector: int, head: int, last: int, count: int
    ) -> None:
        """Seek, send a command with data, and move the first bytes of these."""
        self._send(bytes([0x03, 0xAF, 0x02 | _NO_DMA]))
        self._send(bytes([0x0F, head << 2, track]))
        self._send(bytes([0x08]))
        self._take(2)
        self._send(bytes([code, head << 2, track, head, sector, 2, last, 0x1B, 0xFF]))
        if code == _WRITE:
            self._give(count)
        else:
            self._take(count)

    @operation(count=_BYTES)
    def take(self, count: int) -> None:
        """Read on where data or results were left."""
        self._take(count)

    @operation(count=_BYTES)
    def give(self, count: int) -> None:
        """Write on where data or a command were left."""
        self._give(count)

    @operation
    def abandon(self) -> None:
        """Reset the controller by its output register, and leave its interrupts pending."""
        self._write(_OUTPUT, 0)
        self._write(_OUTPUT, 0x1C)
        self.settle()
        self._show()

    @operation(output=st.sampled_from([0x00, 0x04, 0x0C, 0x1C, 0x2D, 0xFF]))
    def set_output(self, output: int) -> None:
        self._write(_OUTPUT, output)
        self._show()

    @operation(rate=st.sampled_from([0x00, 0x02, 0x40, 0x80]))
    def select_rate(self, rate: int) -> None:
        """Write the data rate select register, which shares its place with main status."""
        self._write(_MAIN, rate)
        self._show()

    def _send(self, command: bytes) -> None:
        for byte in command:
            self._write(_FIFO, byte)
        self.settle()
        self.registers.show(_MAIN, 1)

    def _take(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_FIFO, 1)
        self.settle()
        self._show()

    def _give(self, count: int) -> None:
        for byte in range(count):
            self._write(_FIFO, byte)
        self.settle()
        self._show()

    def _write(self, register: int, value: int) -> None:
        self.registers.write(register, value & 0xFF, 1)

    def _show(self) -> None:
        for register in (_STATUS_B, _OUTPUT, _TAPE, _MAIN):
            self.registers.show(register, 1)
        self.other["rate"].show(0, 1)
