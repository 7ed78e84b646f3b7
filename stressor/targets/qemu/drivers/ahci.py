"""AHCI controllers: commands in slots, and what comes back in memory.

Sources: Serial ATA AHCI 1.3.1, chapter 3 (registers), 4 (structures in memory), 5.5 (use by
software), 10.4 (resets); Serial ATA 2.6, 10.3 (frames); ATA/ATAPI-6, chapter 8 (commands); Serial
ATA 2.6, 13.6 (queued commands).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.command_blocks import (
    COMMAND_BLOCKS,
    DISC_BLOCK,
    data_length,
    is_sent,
)

__all__ = ["Ahci"]

_GHC, _IS = 0x04, 0x08
_PORT, _STRIDE = 0x100, 0x80
_CLB, _CLBU, _FB, _FBU, _PIS, _PIE, _CMD, _TFD, _SIG, _SSTS, _SCTL, _SERR, _SACT, _CI = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38,
)  # fmt: skip
_START, _SPIN_UP, _POWER, _OVERRIDE, _RECEIVE = 0x01, 0x02, 0x04, 0x08, 0x10
_PORTS: Final = 2  # a disk and a disc
_SLOTS: Final = 4
_BUFFER: Final = 16384
_SECTOR: Final = 512
_TABLE: Final = 512
_NAMES: Final = {
    _PORT + port * _STRIDE + offset: f"port {port} {name}"
    for port in range(_PORTS)
    for offset, name in (
        (_PIS, "interrupt status"), (_CMD, "command"), (_TFD, "task file"), (_SIG, "signature"),
        (_SSTS, "SATA status"), (_SERR, "SATA error"), (_SACT, "active"), (_CI, "command issue"),
    )
}  # fmt: skip

_SLOT: Final = st.integers(0, _SLOTS - 1)
_WHICH: Final = st.integers(0, _PORTS - 1)
_SECTORS: Final = st.sampled_from([0, 1, 255, 0x10000, 0x1FFFF, 0x20000])
_COUNTS: Final = st.sampled_from([1, 2, 8, 16])
_PIECES: Final = st.sampled_from([1, 2, 5])
_READS: Final = {"pio": 0x20, "multiple": 0xC4, "dma": 0xC8, "dma extended": 0x25, "queued": 0x60}
_WRITES: Final = {"pio": 0x30, "multiple": 0xC5, "dma": 0xCA, "dma extended": 0x35, "queued": 0x61}
_WITHOUT_DATA: Final = st.sampled_from([
    0x00, 0x08, 0x40, 0xB0, 0xC6, 0xE0, 0xE1, 0xE5, 0xE7, 0xEF, 0xF8,
])  # fmt: skip
_FEATURES: Final = st.sampled_from([0x02, 0x03, 0x82, 0xD0, 0xD8])
_LEVELS: Final = st.sampled_from([0, 1, 8, 16, 0x0C, 0x22, 0x45])
_WAYS: Final = st.sampled_from(sorted(_READS))


class Ahci(Driver):
    """Two ports of an AHCI controller. Commands are prepared in memory and issued on their own, so
    that some wait in their slots while the port is stopped."""

    region = "ahci"
    names = {_GHC: "global control", _IS: "interrupts", **_NAMES}
    weights = {"read": 2, "write": 2, "packet": 2, "issue": 2, "soft_reset": 0.5, "reset": 0.5}

    def __init__(self) -> None:
        self.lists = [self.allocate(1024, 1024) for _ in range(_PORTS)]
        self.received = [self.allocate(256, 256) for _ in range(_PORTS)]
        self.tables = [self.allocate(_SLOTS * _TABLE, 128) for _ in range(_PORTS)]
        self.buffers = [self.allocate(_BUFFER) for _ in range(_PORTS)]
        self.started = [False] * _PORTS

    @operation(port=_WHICH, interrupts=st.sampled_from([0, 0x7DC000FF, 0xFFFFFFFF]))
    def start(self, port: int, interrupts: int) -> None:
        self.registers.write(_GHC, 0x80000002)
        self._write(port, _CMD, _POWER | _SPIN_UP)  # addresses may only change while it is stopped
        self._write(port, _CLB, self.lists[port])
        self._write(port, _CLBU, 0)
        self._write(port, _FB, self.received[port])
        self._write(port, _FBU, 0)
        self._write(port, _SERR, 0xFFFFFFFF)
        self._write(port, _PIS, 0xFFFFFFFF)
        self._write(port, _PIE, interrupts)
        self._write(port, _CMD, _POWER | _SPIN_UP | _RECEIVE)
        self._write(port, _CMD, _POWER | _SPIN_UP | _RECEIVE | _START)
        self.started[port] = True
        self._show(port)

    @operation(port=_WHICH, receive=st.booleans(), override=st.booleans())
    def stop(self, port: int, receive: bool, override: bool) -> None:
        kept = _POWER | _SPIN_UP | (_RECEIVE if receive else 0)
        self._write(port, _CMD, kept | (_OVERRIDE if override else 0))
        self.settle()
        self._show(port)

    @operation(port=_WHICH)
    def go_on(self, port: int) -> None:
        if not self.started[port]:
            self.start(port, 0)
        self._write(port, _CMD, _POWER | _SPIN_UP | _RECEIVE | _START)
        self.settle()
        self._show(port)

    @operation(port=_WHICH, packet=st.booleans(), slot=_SLOT)
    def identify(self, port: int, packet: bool, slot: int) -> None:
        self._prepare(port, slot, 0xA1 if packet else 0xEC, _SECTOR)
        self._issue(port, 1 << slot, _SECTOR)

    @operation(port=_WHICH, way=_WAYS, slot=_SLOT, sector=_SECTORS, count=_COUNTS, pieces=_PIECES)
    def read(self, port: int, way: str, slot: int, sector: int, count: int, pieces: int) -> None:
        self._transfer(port, _READS[way], slot, sector, count, pieces)
        self._issue(port, 1 << slot, count * _SECTOR, queued=way == "queued")

    @operation(port=_WHICH, way=_WAYS, slot=_SLOT, sector=_SECTORS, count=_COUNTS, pieces=_PIECES)
    def write(self, port: int, way: str, slot: int, sector: int, count: int, pieces: int) -> None:
        self._transfer(port, _WRITES[way], slot, sector, count, pieces, write=True)
        self._issue(port, 1 << slot, 0, queued=way == "queued")

    @operation(port=_WHICH, way=_WAYS, slot=_SLOT, sector=_SECTORS, count=_COUNTS, pieces=_PIECES)
    def prepare(self, port: int, way: str, slot: int, sector: int, count: int, pieces: int) -> None:
        """Put a read into its slot, and leave it there."""
        self._transfer(port, _READS[way], slot, sector, count, pieces)

    @operation(port=_WHICH, slots=st.integers(1, (1 << _SLOTS) - 1), queued=st.booleans())
    def issue(self, port: int, slots: int, queued: bool) -> None:
        """Issue what lies in some slots, whether or not the port runs."""
        self._issue(port, slots, _SECTOR, queued=queued, ready=False)

    @operation(
        port=st.just(1), slot=_SLOT, command=COMMAND_BLOCKS, dma=st.booleans(), pieces=_PIECES
    )
    def packet(self, port: int, slot: int, command: bytes, dma: bool, pieces: int) -> None:
        length = min(data_length(command, DISC_BLOCK), _BUFFER)
        limit = min(length, 0xFFFE)
        self._prepare(
            port, slot, 0xA0, length, features=int(dma), sector=limit << 8, pieces=pieces,
            packet=command.ljust(12, b"\0"), write=is_sent(command),
        )  # fmt: skip
        self._issue(port, 1 << slot, length)

    @operation(port=_WHICH, slot=_SLOT, command=_WITHOUT_DATA, features=_FEATURES, count=_LEVELS)
    def control(self, port: int, slot: int, command: int, features: int, count: int) -> None:
        """Send a command without data: set features, set multiple, flush, standby, ..."""
        self._prepare(port, slot, command, 0, features=features, count=count)
        self._issue(port, 1 << slot, 0)

    @operation(port=_WHICH, slot=_SLOT)
    def soft_reset(self, port: int, slot: int) -> None:
        for control in (0x04, 0x00):
            self._prepare(port, slot, 0, 0, control=control)
            self._issue(port, 1 << slot, 0)

    @operation(port=_WHICH, limit=st.sampled_from([0x300, 0x310, 0x320]), finish=st.booleans())
    def reset_port(self, port: int, limit: int, finish: bool) -> None:
        self._write(port, _SCTL, limit | 1)
        self.settle()
        self._show(port)
        if finish:
            self._write(port, _SCTL, limit)
            self.settle()
            self._show(port)

    @operation(ports=st.integers(0, 3), status=st.sampled_from([1, 3, 0x20, 0x7F, 0xFFFFFFFF]))
    def acknowledge(self, ports: int, status: int) -> None:
        for port in range(_PORTS):
            if ports >> port & 1:
                self._write(port, _PIS, status)
        self.registers.write(_IS, ports)
        self.registers.show(_IS)

    @operation
    def reset(self) -> None:
        self.registers.write(_GHC, 0x80000001)
        self.settle()
        self.registers.show(_GHC)
        self.started = [False] * _PORTS

    def _transfer(
        self,
        port: int,
        command: int,
        slot: int,
        sector: int,
        count: int,
        pieces: int,
        *,
        write: bool = False,
    ) -> None:
        count = max(1, count)  # 0 means 256, which takes longer than anything waits
        features = 0
        if command in (0x60, 0x61):  # the count stands in the features, the tag in the count
            features, count_field = count, slot << 3
        else:
            count_field = count
        self._prepare(
            port, slot, command, count * _SECTOR, features=features, sector=sector, count=count_field,
            pieces=pieces, write=write,
        )  # fmt: skip

    def _prepare(
        self,
        port: int,
        slot: int,
        command: int,
        length: int,
        *,
        features: int = 0,
        sector: int = 0,
        count: int = 0,
        control: int | None = None,
        packet: bytes = b"",
        pieces: int = 1,
        write: bool = False,
    ) -> None:
        """Put a command into memory: its header, its frame and its list of pieces."""
        frame = bytes([
            0x27, 0x80 if control is None else 0, command, features & 255, *sector.to_bytes(6, "little")[:3],
            0x40, *sector.to_bytes(6, "little")[3:], features >> 8, *count.to_bytes(2, "little"), 0,
            control or 0, 0, 0, 0, 0,
        ])  # fmt: skip
        table = self.tables[port] + slot * _TABLE
        regions = _pieces(self.buffers[port], length, pieces)
        self.memory.write(
            table, frame.ljust(64, b"\0") + packet.ljust(64, b"\0") + b"".join(regions)
        )
        flags = 5 | (0x20 if packet else 0) | (0x40 if write else 0)
        header = flags | len(regions) << 16
        self.memory.write(
            self.lists[port] + slot * 32,
            header.to_bytes(4, "little") + bytes(4) + table.to_bytes(8, "little"),
        )

    def _issue(
        self, port: int, slots: int, shown: int, *, queued: bool = False, ready: bool = True
    ) -> None:
        if ready:
            self._recover(port)
        if shown:
            self.memory.fill(self.buffers[port], shown, 0xA5)
        if queued:
            self._write(port, _SACT, slots)
        self._write(port, _CI, slots)
        self.settle()
        self.registers.wait(_PORT + port * _STRIDE + _CI, slots, 0)
        self._show(port)
        self.memory.show(self.lists[port], _SLOTS * 32, f"port {port} command list")
        self.memory.show(self.received[port], 96, f"port {port} received frames")
        if shown:
            self.memory.show(self.buffers[port], min(shown, _SECTOR), f"port {port} data")
            self.memory.show(self.buffers[port] + shown - 16, 16, f"port {port} end of the data")

    def _recover(self, port: int) -> None:
        """Restart a port where a command is left over, which had an error: section 6.2.2."""
        if not self.started[port]:
            self.start(port, 0)
        elif self.registers.read(_PORT + port * _STRIDE + _CI):
            for start in (0, _START):
                self._write(port, _CMD, _POWER | _SPIN_UP | _RECEIVE | start)
            self.settle()

    def _write(self, port: int, offset: int, value: int) -> None:
        self.registers.write(_PORT + port * _STRIDE + offset, value)

    def _show(self, port: int) -> None:
        for offset in (_PIS, _CMD, _TFD, _SIG, _SSTS, _SERR, _SACT, _CI):
            self.registers.show(_PORT + port * _STRIDE + offset)
        self.registers.show(_IS)


def _pieces(address: int, length: int, count: int) -> list[bytes]:
    """Return a list of pieces of memory for `length` bytes: AHCI 1.3.1, section 4.2.3.3."""
    if not length:
        return []
    size = max(2, length // count & ~1)
    starts = [size * index for index in range(min(count, length // size))]
    ends = [*starts[1:], length]
    return [
        (address + start).to_bytes(8, "little")
        + bytes(4)
        + (0x80000000 | end - start - 1).to_bytes(4, "little")
        for start, end in zip(starts, ends, strict=True)
    ]
