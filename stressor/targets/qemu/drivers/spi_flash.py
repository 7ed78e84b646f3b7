"""Serial flash behind the SPI controllers of boards, command by command and byte by byte.

Sources: Macronix MX25L25635F data sheet, section 9 (commands), and JEDEC JESD216 for those that all have;
ASPEED AST2400 and AST2500 datasheets, chapter "Firmware SPI Memory Controller" (user mode); Freescale
IMX6DQRM, chapter 21 (ECSPI); Nuvoton NPCM750 datasheet, chapter "Flash Interface Unit" (UMA).
"""

from __future__ import annotations

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.regions import Region

__all__ = ["AspeedFlash", "ImxFlash", "NpcmFlash", "SpiFlash"]

_READ_ID, _STATUS, _WRITE_ENABLE, _WRITE_DISABLE = 0x9F, 0x05, 0x06, 0x04
_ENTER_FOUR, _EXIT_FOUR, _RESET_ENABLE, _RESET = 0xB7, 0xE9, 0x66, 0x99
_READS = {0x03: 0, 0x0B: 1, 0x3B: 1, 0x6B: 1}
"""Commands that read contents, and how many dummy bytes follow the address."""
_ANSWERS = {_READ_ID: "identification", _STATUS: "status"}
_PROGRAM, _ERASE = 0x02, (0x20, 0xD8)
_ADDRESS = st.sampled_from([0, 1, 0xFF, 0x100, 0xFFF, 0x1_0000, 0x12_3456])
_COUNT = st.integers(1, 8)
_PART = st.integers(1, 8)


class SpiFlash(Driver):
    """A flash that one controller selects. The bytes of a command are sent in one piece, or are held
    back from the one with number `part` on, with the flash selected, until `go_on`."""

    def __init__(self) -> None:
        self.rest = b""
        self.takes = 0
        self.asked = ""
        self.selected = False
        self.wide = False

    def learn(self) -> bool:
        self.select()
        self.put(bytes([_READ_ID]))
        found = self.take(3, "identification")
        self.deselect()
        return 0 < found[0] < 0xFF

    def select(self) -> None:
        """Pull the flash's chip select."""
        raise NotImplementedError

    def deselect(self) -> None:
        """Let go of chip select: the command ends."""
        raise NotImplementedError

    def put(self, data: bytes) -> None:
        """Send bytes."""
        raise NotImplementedError

    def take(self, count: int, name: str) -> bytes:
        """Return bytes that the flash sends, and show them as `name`."""
        raise NotImplementedError

    def _command(self, data: bytes, takes: int = 0, part: int = 99, harmless: int = 99) -> None:
        """Send a command; a donor leaves out what is behind `harmless` bytes, as it changes contents."""
        if self.selected:
            self.deselect()
        self.select()
        self.selected = True
        if self.elsewhere:
            data = data[:harmless]
        self.put(data[:part])
        self.rest, self.takes, self.asked = data[part:], takes, _ANSWERS.get(data[0], "contents")
        if part >= len(data):
            self._finish()

    def _finish(self) -> None:
        if self.rest:
            self.put(self.rest)
        if self.takes:
            self.take(self.takes, self.asked)
        self.rest, self.takes = b"", 0
        self.deselect()
        self.selected = False

    def _place(self, address: int) -> bytes:
        return address.to_bytes(4 if self.wide else 3, "big")

    @operation
    def go_on(self) -> None:
        """Send what is left of a command, and end it."""
        if self.selected:
            self._finish()

    @operation(count=_COUNT)
    def take_some(self, count: int) -> None:
        """Read on within a command that is not ended."""
        if self.selected and not self.rest:
            self.take(count, self.asked)

    @operation(command=st.sampled_from([_READ_ID, _STATUS]), count=_COUNT, ended=st.booleans())
    def ask(self, command: int, count: int, ended: bool) -> None:
        self._command(bytes([command]), count, 1 if ended else 0)
        if not ended:
            self.put(self.rest)
            self.rest = b""
            self.take(1, self.asked)

    @operation(command=st.sampled_from([_WRITE_ENABLE, _WRITE_DISABLE]))
    def enable_writes(self, command: int) -> None:
        self._command(bytes([command]))
        self._command(bytes([_STATUS]), 1)

    @operation(wide=st.booleans())
    def use_four_bytes(self, wide: bool) -> None:
        self.wide = wide
        self._command(bytes([_WRITE_ENABLE]))
        self._command(bytes([_ENTER_FOUR if wide else _EXIT_FOUR]))

    @operation(command=st.sampled_from(list(_READS)), address=_ADDRESS, count=_COUNT, part=_PART)
    def read_contents(self, command: int, address: int, count: int, part: int) -> None:
        self._command(bytes([command]) + self._place(address) + bytes(_READS[command]), count, part)

    @operation(address=_ADDRESS, data=st.binary(min_size=1, max_size=8), part=st.integers(1, 14))
    def program(self, address: int, data: bytes, part: int) -> None:
        place = self._place(address)
        self._command(bytes([_WRITE_ENABLE]))
        self._command(bytes([_PROGRAM]) + place + data, 0, part, 1 + len(place))

    @operation(command=st.sampled_from(_ERASE), address=_ADDRESS, part=_PART)
    def erase(self, command: int, address: int, part: int) -> None:
        place = self._place(address)
        self._command(bytes([_WRITE_ENABLE]))
        self._command(bytes([command]) + place, 0, part, len(place))

    @operation(both=st.booleans())
    def reset(self, both: bool) -> None:
        self._command(bytes([_RESET_ENABLE]))
        if both:
            self._command(bytes([_RESET]))
            self.wide = False


class AspeedFlash(SpiFlash):
    """The flash at the first chip select of an Aspeed controller, in user mode."""

    region = "aspeed.smc"
    others = {"window": "aspeed.smc.flash.0"}
    names = {0x00: "configuration", 0x04: "control of an AST2400's SPI", 0x10: "control"}

    @classmethod
    def serves(cls, region: Region) -> bool:
        return region.base != 0  # where the flash that is booted from is seen a second time

    def __init__(self) -> None:
        super().__init__()
        old = self.registers.size == 0x20  # the SPI controller of the AST2400 has its own layout
        self.control, self.writable = (0x04, 0x01) if old else (0x10, 0x1_0000)

    def select(self) -> None:
        self.registers.write(0x00, self.writable)
        self.registers.write(self.control, 0x07)
        self.registers.write(self.control, 0x03)

    def deselect(self) -> None:
        self.registers.write(self.control, 0x07)

    def put(self, data: bytes) -> None:
        for byte in data:
            self.other["window"].write(0, byte, 1)

    def take(self, count: int, name: str) -> bytes:
        return bytes(self.other["window"].read(0, 1, name) for _ in range(count))

    @operation(command=st.sampled_from([0x03, 0x0B]), fast=st.booleans(), address=_ADDRESS)
    def read_mapped(self, command: int, fast: bool, address: int) -> None:
        """Read through the window, where the controller sends the command."""
        self.registers.write(self.control, command << 16 | (0x41 if fast else 0x00))
        self.other["window"].show(address & ~3, name="contents")
        self.registers.write(self.control, 0x07)
        self.selected = False


_RXDATA, _TXDATA, _CONREG, _STATREG = 0x00, 0x04, 0x08, 0x18
_ENABLE, _EXCHANGE, _MASTER = 0x01, 0x04, 0xF0


class ImxFlash(SpiFlash):
    """The flash of the SABRE Lite board, on the first ECSPI; its chip select is a pin, GPIO3_IO19."""

    region = "imx.spi"
    others = {"pins": "imx.gpio#3"}
    names = {_RXDATA: "received", _CONREG: "control", _STATREG: "status"}
    PIN = 1 << 19

    def select(self) -> None:
        self.other["pins"].write(0x04, self.PIN)
        self.other["pins"].write(0x00, self.PIN)
        self.other["pins"].write(0x00, 0)
        self.registers.write(_CONREG, _ENABLE | _MASTER | 7 << 20)

    def deselect(self) -> None:
        self.other["pins"].write(0x00, self.PIN)
        self.registers.show(_STATREG)

    def put(self, data: bytes) -> None:
        for byte in data:
            self._exchange(byte)
            self.registers.show(_RXDATA)

    def take(self, count: int, name: str) -> bytes:
        found = []
        for _ in range(count):
            self._exchange(0)
            found.append(self.registers.read(_RXDATA, name=name) & 0xFF)
        return bytes(found)

    def _exchange(self, byte: int) -> None:
        self.registers.write(_TXDATA, byte)
        self.registers.write(_CONREG, _ENABLE | _MASTER | 7 << 20 | _EXCHANGE)

    @operation(words=st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=8), bits=st.sampled_from([8, 32, 64, 256]))
    def fill(self, words: list[int], bits: int) -> None:
        """Put words into the transmit FIFO, and do not send them."""
        self.registers.write(_CONREG, _ENABLE | _MASTER | bits - 1 << 20)
        for word in words:
            self.registers.write(_TXDATA, word)
        self.registers.show(_STATREG)

    @operation(count=_COUNT)
    def exchange(self, count: int) -> None:
        """Send what is in the FIFO, and take some of what came back."""
        self.registers.write(_CONREG, self.registers.read(_CONREG) | _EXCHANGE)
        for _ in range(count):
            self.registers.show(_RXDATA)
        self.registers.show(_STATREG)


_UMA_CFG, _UMA_CTS, _UMA_CMD, _UMA_DW0, _UMA_DR0 = 0x08, 0x0C, 0x10, 0x20, 0x30
_INACTIVE, _EXECUTE = 1 << 16, 1


class NpcmFlash(SpiFlash):
    """A flash on the Flash Interface Unit of an NPCM7xx, by user mode accesses of up to 16 bytes."""

    region = "ctrl"
    names = {_UMA_CFG: "UMA configuration", _UMA_CTS: "UMA control and status", _UMA_DR0: "UMA data"}

    @classmethod
    def fits(cls, region: Region) -> bool:
        return region.base in (0xFB00_0000, 0xC000_0000)

    def select(self) -> None:
        self.registers.write(_UMA_CTS, 0)

    def deselect(self) -> None:
        self.registers.write(_UMA_CTS, _INACTIVE)
        self.registers.show(_UMA_CTS)

    def put(self, data: bytes) -> None:
        for byte in data:
            self.registers.write(_UMA_CFG, 1 << 10)  # a command of one byte and nothing else
            self.registers.write(_UMA_CMD, byte)
            self.registers.write(_UMA_CTS, _EXECUTE)

    def take(self, count: int, name: str) -> bytes:
        self.registers.write(_UMA_CFG, count << 24)
        self.registers.write(_UMA_CTS, _EXECUTE)
        words = [self.registers.read(_UMA_DR0 + at, name=name) for at in range(0, count, 4)]
        return b"".join(word.to_bytes(4, "little") for word in words)[:count]

    @operation(data=st.binary(min_size=1, max_size=16))
    def put_together(self, data: bytes) -> None:
        """Prepare an access, and do not start it."""
        for at in range(0, len(data), 4):
            self.registers.write(_UMA_DW0 + at, int.from_bytes(data[at : at + 4], "little"))
        self.registers.write(_UMA_CFG, len(data) << 16)
        self.registers.show(_UMA_CFG)
