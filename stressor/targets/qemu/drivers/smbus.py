"""The SMBus host controller of PC chipsets.

Sources: Intel 290562, 82371AB (PIIX4), section 7.1 (SMBus host registers); Intel 316972, I/O Controller
Hub 9, section 20.2; System Management Bus Specification 2.0, section 5.5 (protocols).
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver

__all__ = ["PcSmbus"]

_STATUS, _CONTROL, _COMMAND, _ADDRESS, _DATA0, _DATA1, _BLOCK, _AUXILIARY = (
    0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0D,
)  # fmt: skip
_BUSY, _DONE, _ERRORS, _BYTE_DONE = 0x01, 0x02, 0x1C, 0x80
_START, _KILL, _LAST = 0x40, 0x02, 0x20
_BLOCK_PROTOCOL = 5
_SLAVE = st.integers(0, 7)
_COMMANDS = st.integers(0, 31)


class PcSmbus(Driver):
    """A transaction is prepared by registers, and started by one more write; the answer is fetched."""

    region = "pm-smbus"
    names = {
        _STATUS: "host status", _CONTROL: "host control", _DATA0: "data 0", _DATA1: "data 1", _BLOCK: "block data",
    }  # fmt: skip

    def __init__(self) -> None:
        self.slaves: list[int] = []

    def learn(self) -> bool:
        for address in range(0x08, 0x78):
            self._start(address, 1, True, 0)
            self._wait()
            if not self.registers.read(_STATUS, 1) & _ERRORS:
                self.slaves.append(address)
        return bool(self.slaves)

    @operation(
        slave=_SLAVE, protocol=st.integers(0, 4), reading=st.booleans(), command=_COMMANDS,
        data=st.integers(0, 0xFFFF),
    )  # fmt: skip
    def start(self, slave: int, protocol: int, reading: bool, command: int, data: int) -> None:
        self._write(_DATA0, data)
        self._write(_DATA1, data >> 8)
        self._start(self.slaves[slave % len(self.slaves)], protocol, reading, command)

    @operation
    def fetch(self) -> None:
        """Wait for the end of a transaction, and take what came of it."""
        self._wait()
        self.registers.show(_DATA0, 1)
        self.registers.show(_DATA1, 1)

    @operation(slave=_SLAVE, command=_COMMANDS, data=st.binary(min_size=1, max_size=32), given=st.integers(0, 32))
    def write_block(self, slave: int, command: int, data: bytes, given: int) -> None:
        """Put the first `given` bytes into the buffer, and when these are all, send them."""
        self._write(_AUXILIARY, 2)
        self.registers.show(_CONTROL, 1)  # a read puts the buffer's index back
        self._write(_DATA0, len(data))
        for byte in data[:given]:
            self._write(_BLOCK, byte)
        if given >= len(data):
            self._start(self.slaves[slave % len(self.slaves)], _BLOCK_PROTOCOL, False, command)

    @operation(slave=_SLAVE, command=_COMMANDS, buffered=st.booleans())
    def read_block(self, slave: int, command: int, buffered: bool) -> None:
        self._write(_AUXILIARY, 2 if buffered else 0)
        self._start(self.slaves[slave % len(self.slaves)], _BLOCK_PROTOCOL, True, command)

    @operation(count=st.integers(1, 32))
    def take_from_block(self, count: int) -> None:
        for _ in range(count):
            self.registers.show(_BLOCK, 1)

    @operation(last=st.booleans())
    def next_byte(self, last: bool) -> None:
        """Take a byte of a block that comes byte for byte, and ask for the next one."""
        self.registers.show(_STATUS, 1)
        self.registers.show(_BLOCK, 1)
        if last:
            self._write(_CONTROL, _BLOCK_PROTOCOL << 2 | _LAST)
        self._write(_STATUS, _BYTE_DONE)

    @operation
    def kill(self) -> None:
        self._write(_CONTROL, _KILL)
        self.registers.show(_STATUS, 1)
        self._write(_CONTROL, 0)

    def _start(self, address: int, protocol: int, reading: bool, command: int) -> None:
        self._write(_STATUS, _DONE | _ERRORS | _BYTE_DONE)
        self._write(_ADDRESS, address << 1 | reading)
        self._write(_COMMAND, command)
        self._write(_CONTROL, protocol << 2 | _START)

    def _wait(self) -> None:
        self.registers.wait(_STATUS, _BUSY, 0, 1)

    def _write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value, 1)
