"""A machine whose guest may have disks of its own: only our slot is saved to, and loaded from.

`savevm` and `loadvm` take all disks along, so they refuse those without snapshots, and would set
the others back. QEMU's jobs `snapshot-save` and `snapshot-load` take the disks that are named, and
cost 3 ms a cycle more, so they are for guests with disks alone.
Resetting a board that was started with `-kernel` may write that kernel into memory once more: what
stood there is put back.
"""

from __future__ import annotations

import re
from base64 import b64encode
from time import monotonic, sleep
from typing import Any, Final

from stressor.errors import StreamError, TargetError
from stressor.targets.qemu.machine import Frame, Machine, refusal
from stressor.targets.qemu.monitor import CommandError
from stressor.vmstate.stream import Stream

__all__ = ["LiveMachine"]

_SLOT: Final = "stressor"
_JOB: Final = "stressor"
_PAUSE: Final = 0.0005
_SECONDS: Final = 120.0
"""How long a whole snapshot may take: memory is among it."""

_FRAMES: Final = 8
"""So many descriptions are kept."""

_ROM: Final = re.compile(r"^addr=([0-9a-f]+) size=0x([0-9a-f]+) mem=ram ", re.MULTILINE)
_PIECE: Final = 1 << 14


class LiveMachine(Machine):
    """A `Machine` that can be in the midst of running."""

    _media: dict[str, Any] | None = None
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
        if not self._disks:
            return super().save_whole()
        self._delete()
        said = self._job("snapshot-save", tag=_SLOT, vmstate=self._disk, devices=[self._disk])
        if said:
            raise refusal(said)
        return self.find_state()

    def reset(self) -> None:
        kept = [(address, self._memory(address, size)) for address, size in self._roms]
        super().reset()
        for address, before in kept:
            self._put_back(address, before, self._memory(address, len(before)))

    def _load_slot(self) -> None:
        if not self._disks:
            super()._load_slot()
            return
        said = self._job("snapshot-load", tag=_SLOT, vmstate=self._disk, devices=[self._disk])
        if said:
            raise StreamError("machine", 0, " ".join(said.split()))

    @property
    def _disk(self) -> str:
        """The name of the block node that the slot is in."""
        return str(self._inserted[_SLOT]["node-name"])

    @property
    def _disks(self) -> bool:
        """Whether there are disks of the guest that can be written to."""
        return any(not media["ro"] for name, media in self._inserted.items() if name != _SLOT)

    @property
    def _inserted(self) -> dict[str, Any]:
        if self._media is None:
            blocks = enumerate(self.process.execute("query-block"))
            self._media = {
                block["device"] or f"#{number}": block["inserted"]
                for number, block in blocks if "inserted" in block
            }  # fmt: skip
        return self._media

    @property
    def _roms(self) -> tuple[tuple[int, int], ...]:
        """Address and size of what a reset writes into guest memory."""
        if self._in_memory is None:
            found = _ROM.findall(self.process.human("info roms"))
            self._in_memory = tuple((int(address, 16), int(size, 16)) for address, size in found)
        return self._in_memory

    def _delete(self) -> None:
        if any(_SLOT in line.split() for line in self.process.human("info snapshots").splitlines()):
            self._job("snapshot-delete", tag=_SLOT, devices=[self._disk])

    def _job(self, command: str, **arguments: object) -> str:
        """Do a job to its end; return what it failed of, "" for nothing."""
        try:
            self.process.execute(command, job_id=_JOB, **arguments)
        except CommandError as error:
            return str(error)
        begun = monotonic()
        while monotonic() - begun < _SECONDS:
            (job,) = [job for job in self.process.execute("query-jobs") if job["id"] == _JOB]
            if job["status"] == "concluded":
                self.process.execute("job-dismiss", id=_JOB)
                return str(job.get("error", ""))
            sleep(_PAUSE)
        raise TargetError(f"QEMU did not end {command} within {_SECONDS:g} s; give less memory=")

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
