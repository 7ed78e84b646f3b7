"""A machine on a QEMU process: its state without its memory, saved, loaded and compared fast.

`xen-save-devices-state` writes the device sections alone. Loading goes through the slot of an
internal snapshot: its clusters get a stream of device sections only, and `loadvm` then leaves guest
memory as it is. The description that names the bytes comes from a whole `savevm`.

A machine with a disk that keeps no snapshots, as our companions' disks, refuses `savevm`. There the
jobs `snapshot-save` and `snapshot-load` do the same for our image alone, which costs a millisecond
more; they take nothing that is not in the stream either, so a disk's contents are left as they are.
"""

from __future__ import annotations

import contextlib
import io
import re
from time import sleep
from typing import Final, NamedTuple

from stressor.errors import StreamError, TargetError, UnsuitableError
from stressor.targets.qemu.monitor import CommandError
from stressor.targets.qemu.process import STATE, QemuDied, QemuHung, QemuProcess
from stressor.vmstate.stream import DescriptionPart, DeviceSection, Stream, read_stream

__all__ = ["Frame", "Machine", "NotMigratable"]

_SLOT: Final = "stressor"
_HEADER: Final = 8
_PAUSE: Final = 0.005
_NO_SNAPSHOTS: Final = "does not support snapshots"
_BLOCKED: Final = re.compile(r"non-migratable device '?([^'\n]*)'?|Migration is disabled.*? device '([^']*)'")


class NotMigratable(UnsuitableError):
    """The machine has a device that says it cannot be saved: a fact about it, and no finding."""

    def __init__(self, device: str) -> None:
        super().__init__("not migratable", f"not migratable: {device} says that it cannot be saved")


class Frame(NamedTuple):
    """What a stream of device sections needs around it to be loaded, and to be named.

    `start` is what stands before the first section, `description` the JSON text behind the last.
    """

    start: bytes
    description: bytes


class Machine:
    """Save and load on one process. Whatever the process dies of passes through.

    `frame` is that of another machine of the same layout, if there was one: reading it anew costs
    as much as starting QEMU. Raises NotMigratable when the machine cannot be saved.
    """

    def __init__(self, process: QemuProcess, frame: Frame | None = None) -> None:
        self.process: Final = process
        self._file: Final = str(process.folder / "devices")
        self._room = 0  # until there is a slot
        self._jobs = 0  # how many there were; none where plain savevm does
        # network cards announce the guest after a load: once, at once, and not again at moments of
        # the host's clock; not at all is what QEMU 7.2's virtio-net dies of at its next reset
        process.execute("migrate-set-parameters", announce_rounds=1)
        self.frame = frame or _frame(self.save_whole())

    @property
    def sections(self) -> list[str]:
        """The labels of all device sections, such as `serial/0`."""
        stream = read_stream(io.BytesIO(self.process.storage.read_state(_SLOT)))
        return [part.label for part in stream.parts if isinstance(part, DeviceSection)]

    def save(self) -> bytes:
        """Return the device sections, as QEMU wrote them; the machine's memory is not among them."""
        try:
            self.process.execute("xen-save-devices-state", filename=self._file, live=False)
        except CommandError as error:
            raise _refusal(str(error)) from error
        with open(self._file, "rb") as file:
            return file.read()

    def save_whole(self) -> bytes:
        """Return a whole stream, memory and description included."""
        said = "" if self._jobs else self.process.human(f"savevm {_SLOT}").strip()
        if self._jobs or _NO_SNAPSHOTS in said:
            if self._room:
                self._job("snapshot-delete", devices=[STATE])
            said = self._job("snapshot-save", vmstate=STATE, devices=[STATE])
        if said:
            raise _refusal(said)
        self._room = self.process.storage.find_room(_SLOT)  # each time it lies elsewhere
        return self.process.storage.read_state(_SLOT)

    def load(self, devices: bytes) -> None:
        """Load device sections, and leave memory as it is. Raises StreamError when QEMU refuses."""
        self._load(self.frame.start + devices[_HEADER:] + b"\x06\0\0\0\x02{}")

    def load_saved(self) -> None:
        """Load what `save_whole` returned last, memory included. Raises StreamError when QEMU refuses."""
        if self._jobs:
            said = self._job("snapshot-load", vmstate=STATE, devices=[STATE])
        else:
            said = self.process.human(f"loadvm {_SLOT}").strip()
        if said:
            raise StreamError("machine", 0, " ".join(said.split()))

    def load_whole(self, stream: bytes) -> None:
        """Load a whole stream, memory included, into a process that waits for it.

        Raises StreamError when QEMU refuses; the process has ended then.
        """
        file = self.process.folder / "whole"
        file.write_bytes(stream)
        try:
            self.process.execute("migrate-incoming", uri=f"exec:cat {file}")
            for _ in range(int(self.process.seconds / _PAUSE)):
                status = self.process.execute("query-migrate").get("status")
                if status == "completed":
                    self.process.incoming = False
                    file.unlink()
                    self._activate()
                    return
                if status == "failed":
                    raise StreamError("machine", 0, self.process.words or "the migration failed")
                sleep(_PAUSE)
        except CommandError as error:
            raise StreamError("machine", 0, str(error)) from error
        except QemuDied as error:
            if error.code == 1:  # how QEMU ends when it cannot load
                raise StreamError("machine", 0, self.process.words) from error
            raise
        raise StreamError("machine", 0, f"was not loaded within {self.process.seconds:g} s")

    def _activate(self) -> None:
        """Let QEMU write to its images: from 10.0 on it does not before the machine runs."""
        with contextlib.suppress(CommandError):  # older ones have no such command
            self.process.execute("blockdev-set-active", active=True)

    def reset(self) -> None:
        """Do what the machine's reset button does; it stays stopped."""
        self.process.execute("system_reset")
        self.process.execute("query-status")  # the reset is done before the next command is taken

    def parse(self, devices: bytes) -> Stream | None:
        """Return device sections with their names; None when the description does not fit them."""
        start, text = self.frame
        stream = start + devices[_HEADER:] + b"\x06" + len(text).to_bytes(4) + text
        try:
            found = read_stream(io.BytesIO(stream))
            for section in found.parts:
                if isinstance(section, DeviceSection):
                    section.fields()
        except StreamError:
            return None
        return found

    def named(self) -> tuple[bytes, Stream]:
        """Save, and return the sections and what they are called; slow, and always fits."""
        self.frame = _frame(self.save_whole())
        devices = self.save()
        stream = self.parse(devices)
        if stream is None:
            raise TargetError("QEMU describes its state otherwise than it saves it")
        return devices, stream

    def _load(self, stream: bytes) -> None:
        storage = self.process.storage
        if len(stream) > self._room:
            self.save_whole()  # makes the slot, and grows it when the state has grown
        storage.write_state(stream)
        self.load_saved()


    def _job(self, command: str, **arguments: object) -> str:
        """Run a job to its end; return what went wrong, "" when nothing did."""
        self._jobs += 1
        name = f"stressor{self._jobs}"
        self.process.execute(command, job_id=name, tag=_SLOT, **arguments)
        waits = 0
        while (job := self.process.execute("query-jobs")[0])["status"] != "concluded":
            waits += 1
            if waits > 10:  # most are done by the first question
                sleep(_PAUSE)
            if waits > self.process.seconds / _PAUSE:
                self.process.close()
                raise QemuHung(f"{command} did not end within {self.process.seconds:g} s")
        self.process.execute("job-dismiss", id=name)
        return str(job.get("error", ""))


def _frame(whole: bytes) -> Frame:
    """Return the frame of a whole stream."""
    stream = read_stream(io.BytesIO(whole))
    first = next(part for part in stream.parts if part.offset and hasattr(part, "tag"))
    text = next((part.text for part in stream.parts if isinstance(part, DescriptionPart)), b"")
    return Frame(whole[: first.offset], text)


def _refusal(said: str) -> TargetError:
    said = " ".join(said.split())
    blocked = _BLOCKED.search(said)
    if blocked:
        return NotMigratable(blocked[1] or blocked[2])
    return TargetError(f"QEMU cannot save the machine: {said}")

