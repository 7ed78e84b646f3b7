"""Intel's Fast Ethernet cards.

Source: Intel 8255x 10/100 Mbps Ethernet Controller Family Open Source Software Developer Manual,
sections 6.3 (registers), 6.4 (action commands and receive frames).
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import RING, Card, SerialEeprom
from stressor.targets.qemu.drivers.network.frames import ADDRESS, FRAMES

__all__ = ["Eepro100"]

_STATUS, _ACKNOWLEDGE, _COMMAND, _MASK, _POINTER, _PORT, _EEPROM, _MDI = (
    0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x0E, 0x10,
)  # fmt: skip
_START, _RESUME, _DUMP_ADDRESS, _DUMP, _CU_BASE, _DUMP_RESET, _STATIC_RESUME = (
    0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0xA0,
)  # fmt: skip
_RU_START, _RU_RESUME, _RU_ABORT, _RU_BASE = 1, 2, 4, 6
_NOTHING, _ADDRESS, _CONFIGURE, _MULTICAST, _SEND, _DUMP_STATE, _DIAGNOSE = 0, 1, 2, 3, 4, 6, 7
_LAST, _SUSPEND, _INTERRUPT, _FLEXIBLE = 1 << 15, 1 << 14, 1 << 13, 1 << 3
_BLOCK = 64
_CONFIGURATION = bytes.fromhex("16 08 00 00 00 00 32 03 01 00 2e 00 60 00 f2 48 00 40 f2 80 3f 05")


class Eepro100(Card, SerialEeprom):
    """A list of action commands, a list of frames to receive, and a block of statistics."""

    region = "eepro100-mmio"
    names = {
        _STATUS: "status", _ACKNOWLEDGE: "interrupts", _COMMAND: "command", _MASK: "interrupt mask",
        _POINTER: "pointer", _PORT: "port", _EEPROM: "eeprom lines", _MDI: "mdi",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.statistics = self.allocate(128, 16)
        self.position = 0

    @operation(base=st.sampled_from([0, 0, 0x1000]))
    def set_up(self, base: int) -> None:
        """Load the base addresses and where statistics go, and start to receive."""
        self.position = 0
        self._command(_CU_BASE, base)
        self._command(_RU_BASE, base)
        self._command(_DUMP_ADDRESS, self.statistics)
        for number in range(RING):
            following = self.receiving + _BLOCK * ((number + 1) % RING)
            self.memory.write(self.receiving + _BLOCK * number, struct.pack(
                "<HHIIHH", 0, 0, following - base, 0xFFFF_FFFF, 0, _BLOCK - 16
            ))  # fmt: skip
        self._command(_RU_START, self.receiving - base)
        self._show_state()

    @operation(frame=FRAMES, flexible=st.booleans(), ending=st.sampled_from([_LAST, _SUSPEND]), resume=st.booleans())
    def send(self, frame: bytes, flexible: bool, ending: int, resume: bool) -> None:
        """A frame by a list of buffers, or the beginning of one right behind the command."""
        number = self.position % RING
        command = _SEND | (_FLEXIBLE if flexible else 0) | ending | _INTERRUPT
        if flexible:
            where = self.sending + 1024 + _BLOCK * number
            self.memory.write(self._sent(number), frame)
            half = len(frame) // 2
            self.memory.write(where, struct.pack(
                "<IIII", self._sent(number), half, self._sent(number) + half, len(frame) - half | 1 << 16
            ))  # fmt: skip
            body = struct.pack("<IHBB", where, 0, 1, 2)
        else:
            data = frame[: _BLOCK - 16]
            body = struct.pack("<IHBB", 0xFFFF_FFFF, len(data) | 1 << 15, 1, 0) + data
        self._act(command, body, resume)

    @operation(
        kind=st.sampled_from([_NOTHING, _ADDRESS, _CONFIGURE, _MULTICAST, _DUMP_STATE, _DIAGNOSE]),
        byte=st.integers(0, 21), value=st.integers(0, 255), resume=st.booleans(),
    )  # fmt: skip
    def act(self, kind: int, byte: int, value: int, resume: bool) -> None:
        """Another action command; `value` stands at byte `byte` of a configuration."""
        changed = bytearray(_CONFIGURATION)
        changed[byte] = value if byte else 22
        body = {
            _ADDRESS: ADDRESS[:5] + bytes([value]),
            _CONFIGURE: bytes(changed),
            _MULTICAST: struct.pack("<H", 12) + b"\x01\x00\x5e\x00\x00" + bytes([value]) + bytes(6),
            _DUMP_STATE: struct.pack("<I", self.sent),
        }.get(kind, b"")
        self._act(kind | _LAST, body, resume)

    @operation(reset=st.booleans())
    def dump_statistics(self, reset: bool) -> None:
        self._command(_DUMP_ADDRESS, self.statistics)
        self._command(_DUMP_RESET if reset else _DUMP, None)
        self.memory.show(self.statistics, 80, "statistics")

    @operation(command=st.sampled_from([_START, _RESUME, _STATIC_RESUME, _RU_START, _RU_RESUME, _RU_ABORT]))
    def command(self, command: int) -> None:
        self._command(command, self.receiving if command == _RU_START else None)
        self._show_state()

    @operation(mask=st.integers(0, 0xFF))
    def enable_interrupts(self, mask: int) -> None:
        self.registers.write(_MASK, mask, 1)
        self._show_state()

    @operation(bits=st.integers(0, 0xFF))
    def acknowledge_interrupts(self, bits: int) -> None:
        self.registers.write(_ACKNOWLEDGE, bits, 1)
        self._show_state()

    @operation(function=st.sampled_from([0, 2]))
    def use_port(self, function: int) -> None:
        """Reset, all of it or only the units."""
        self.registers.write(_PORT, function)
        self._show_state()

    @operation
    def test_itself(self) -> None:
        self.registers.write(_PORT, self.statistics | 1)
        self.memory.show(self.statistics, 8, "self-test")

    @operation(address=st.integers(0, 31), value=st.integers(0, 0xFFFF), writing=st.booleans())
    def use_phy(self, address: int, value: int, writing: bool) -> None:
        self.registers.write(_MDI, (1 if writing else 2) << 26 | 1 << 21 | address << 16 | value)
        self.registers.show(_MDI)

    @operation(pointer=st.integers(0, 0xFFFF_FFFF))
    def write_pointer(self, pointer: int) -> None:
        self.registers.write(_POINTER, pointer)
        self.registers.show(_POINTER)

    def _act(self, command: int, body: bytes, resume: bool) -> None:
        number = self.position % RING
        at = self.sending + 128 * number
        following = self.sending + 128 * ((number + 1) % RING)
        self.position += 1
        self.memory.write(at, struct.pack("<HHI", 0, command, following) + body)
        if resume:
            self._command(_RESUME, None)
        else:
            self._command(_CU_BASE, 0)
            self._command(_START, at)
        self.settle()
        self.memory.show(at, 8, "command block")
        self._show_state()

    def _command(self, command: int, pointer: int | None) -> None:
        if pointer is not None:
            self.registers.write(_POINTER, pointer)
        self.registers.write(_COMMAND, command, 1)

    def _show_state(self) -> None:
        for at, width in ((_STATUS, 1), (_ACKNOWLEDGE, 1), (_COMMAND, 1), (_MASK, 1), (_POINTER, 4)):
            self.registers.show(at, width)

    def _eeprom_lines(self, select: bool, clock: bool, data: bool) -> None:
        self.registers.write(_EEPROM, clock | select << 1 | data << 2, 2)

    def _show_eeprom(self) -> None:
        self.registers.show(_EEPROM, 2)
