"""A machine whose guest may have disks of its own: only our slot is saved to, and loaded from.

`savevm` and `loadvm` take all disks along, and would set them back; so where there are any, QEMU's jobs
do it, which cost 3 ms a cycle more.
Resetting a board that was started with `-kernel` may write that kernel into memory once more: what
stood there is put back.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from stressor.targets.qemu.machine import Frame, Machine
from stressor.targets.qemu.process import STATE
from stressor.vmstate.stream import Stream

__all__ = ["LiveMachine"]

_FRAMES: Final = 8
"""So many descriptions are kept."""

_ROM: Final = re.compile(r"^addr=([0-9a-f]+) size=0x([0-9a-f]+) mem=ram ", re.MULTILINE)
_PIECE: Final = 1 << 14


class LiveMachine(Machine):
    """A `Machine` that can be in the midst of running."""

    job_seconds = 120.0
    _in_memory: tuple[tuple[int, int], ...] | None = None
    _frames: tuple[Frame, ...] = ()

    def parse(self, devices: bytes) -> Stream | None:
        """Return device sections with their names, by any description that they ever had here:
        what is saved, and so its description, changes while a guest runs."""
        if self.frame not in self._frames:
            self._frames = (self.frame, *self._frames)[:_FRAMES]
        current = self.frame
        try:
            for frame in self._frames:
                self.frame = frame
                found = super().parse(devices)
                if found is not None:
                    return found
        finally:
            self.frame = current
        return None

    def save_whole(self) -> bytes:
        if self._disks and not self._jobs:
            self._jobs = 1
        return super().save_whole()

    def reset(self) -> None:
        kept = [(address, self._memory(address, size)) for address, size in self._roms]
        super().reset()
        for address, before in kept:
            self._put_back(address, before, self._memory(address, len(before)))

    @property
    def _disks(self) -> bool:
        """Whether there are disks of the guest that can be written to."""
        inserted = [
            block["inserted"] for block in self.process.execute("query-block") if "inserted" in block
        ]
        return any(media["node-name"] != STATE and not media["ro"] for media in inserted)

    @property
    def _roms(self) -> tuple[tuple[int, int], ...]:
        """Address and size of what a reset writes into guest memory."""
        if self._in_memory is None:
            found = _ROM.findall(self.process.human("info roms"))
            self._in_memory = tuple((int(address, 16), int(size, 16)) for address, size in found)
        return self._in_memory

    def _memory(self, address: int, size: int) -> bytes:
        file = self.process.folder / "memory"
        self.process.execute("pmemsave", val=address, size=size, filename=str(file))
        return file.read_bytes()

    def _put_back(self, address: int, before: bytes, now: bytes) -> None:
        starts = range(0, len(before), _PIECE)
        pieces = [(start, before[start : start + _PIECE]) for start in starts]
        self.process.run([
            f"b64write {address + start:#x} {len(piece)} {b64encode(piece).decode()}"
            for start, piece in pieces if piece != now[start : start + _PIECE]
        ])  # fmt: skip
