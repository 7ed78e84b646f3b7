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
from typing import Any, Final, NamedTuple

from stressor.errors import StreamError, TargetError, UnsuitableError
from stressor.targets.qemu.monitor import CommandError
from stressor.targets.qemu.process import STATE, QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.storage import ROOM, SLOT, no_room
from stressor.vmstate.stream import DescriptionPart, DeviceSection, Stream, read_stream

__all__ = ["Frame", "Machine", "NotMigratable", "SaveRefused"]

_WHOLE: Final = "whole"
_BIRTH: Final = "birth"
_HEADER: Final = 8
_PAUSE: Final = 0.001
_NO_SNAPSHOTS: Final = "does not support snapshots"
_NO_SLOT: Final = "does not exist in one or more devices"
_BLOCKED: Final = re.compile(r"non-migratable device '?([^'\n]*)'?|Migration is disabled.*? device '([^']*)'")


class NotMigratable(UnsuitableError):
    """The machine has a device that says it cannot be saved: a fact about it, and no finding."""

    def __init__(self, device: str) -> None:
        super().__init__("not migratable", f"not migratable: {device} says that it cannot be saved")


class SaveRefused(Exception):
    """QEMU says that it cannot save the machine as it now is; the message is QEMU's."""


class Frame(NamedTuple):
    """What a stream of device sections needs around it to be loaded, and to be named.

    `start` is what stands before the first section, `description` the JSON text behind the last.
    """

    start: bytes
    description: bytes


class Machine:
    """Save and load on one process. Whatever the process dies of passes through.

    `frame` is that of another machine of the same layout, if there was one: reading it anew costs
    as much as starting QEMU. Raises NotMigratable when the machine cannot be saved, and everywhere
    TargetError when there is no room for its state.
    """

    job_seconds: float | None = None
    """How long a snapshot job may take, when not as long as any answer."""

    def __init__(self, process: QemuProcess, frame: Frame | None = None) -> None:
        self.process: Final = process
        self._file: Final = str(process.folder / "devices")
        self._waits = process.incoming
        self._jobs = 0  # how many there were; none where plain savevm does
        self._made: set[str] = set()
        self.remembers = False
        """Whether there is a state to `rewind` to."""
        # network cards announce the guest after a load: once, at once, and not again at moments of
        # the host's clock; not at all is what QEMU 7.2's virtio-net dies of at its next reset
        process.execute("migrate-set-parameters", announce_rounds=1)
        try:
            self.frame = frame or _frame(self.save_whole())
        except SaveRefused as error:
            raise TargetError(f"{error}; {process.said}") from error

    @property
    def sections(self) -> list[str]:
        """The labels of all device sections, such as `serial/0`."""
        stream = read_stream(io.BytesIO(self.process.storage.read_state(_WHOLE)))
        return [part.label for part in stream.parts if isinstance(part, DeviceSection)]

    def section(self, label: str) -> DeviceSection:
        """Return one section as it is now, such as `timer/0`; slow. Raises TargetError."""
        for part in self.named()[1].parts:
            if isinstance(part, DeviceSection) and part.label == label:
                return part
        raise TargetError(f"the machine saves no section {label}")

    @property
    def keeps_time(self) -> bool:
        """Whether what is saved says what time it is; also where time stands still."""
        return self.process.clock is None or self.process.clock.travels

    def step(self, nanoseconds: int) -> int:
        """Let so much virtual time pass, or a little more; see `QemuProcess.step`."""
        return self.process.step(nanoseconds)

    def save(self) -> bytes:
        """Return the device sections, as QEMU wrote them; the machine's memory is not among them.

        Raises SaveRefused.
        """
        try:
            self.process.execute("xen-save-devices-state", filename=self._file, live=False)
        except CommandError as error:
            raise self._refusal(str(error)) from error
        with open(self._file, "rb") as file:
            return file.read()

    def save_whole(self) -> bytes:
        """Return a whole stream, memory and description included. Raises SaveRefused."""
        self._save_as(_WHOLE)
        return self.process.storage.read_state(_WHOLE)

    def load(self, devices: bytes) -> None:
        """Load device sections, and leave memory as it is. Raises StreamError when QEMU refuses."""
        self._load(self.frame.start + devices[_HEADER:] + b"\x06\0\0\0\x02{}")

    def load_saved(self) -> None:
        """Load what `save_whole` returned last, memory included. Raises StreamError when QEMU refuses."""
        self._loaded(_WHOLE)

    def load_whole(self, stream: bytes) -> None:
        """Load a whole stream, memory included; by migration into a process that waits for it.

        Raises StreamError when QEMU refuses; a process that waited has ended then.
        """
        if not self._waits:
            self._load(stream)
            return
        self._waits = False
        file = self.process.folder / "whole"
        try:
            file.write_bytes(stream)
            self.process.execute("migrate-incoming", uri=f"exec:cat {file}")
            for _ in range(int(self.process.seconds / _PAUSE)):
                status = self.process.execute("query-migrate").get("status")
                if status == "completed":
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
        except OSError as error:
            raise self._no_room(error) from error
        raise StreamError("machine", 0, f"was not loaded within {self.process.seconds:g} s")

    def _activate(self) -> None:
        """Let QEMU write to its images: from 10.0 on it does not before the machine runs."""
        with contextlib.suppress(CommandError):  # older ones have no such command
            self.process.execute("blockdev-set-active", active=True)

    def rewind_clock(self, timer: bytes) -> None:
        """Load the one section `timer/0`, and so put the clock back; everything else is reset."""
        self._load(self.frame.start + timer + b"\0\x06\0\0\0\x02{}")

    def reset(self) -> None:
        """Do what the machine's reset button does; it stays stopped."""
        self.process.reset()

    def remember(self) -> int:
        """Keep the whole state as it is now, for `rewind`; return its size in bytes."""
        self._save_as(_BIRTH)
        self.remembers = True
        return len(self.process.storage.read_state(_BIRTH))

    def rewind(self) -> None:
        """Reset, and load what was remembered. Raises StreamError when QEMU refuses."""
        self._loaded(_BIRTH)

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
        devices = self.save()
        stream = self.parse(devices)
        if stream is None:
            self.frame = _frame(self.save_whole())
            devices = self.save()
            stream = self.parse(devices)
        if stream is None:
            raise TargetError("QEMU describes its state otherwise than it saves it")
        return devices, stream

    def _load(self, stream: bytes) -> None:
        if len(stream) > self.process.storage.room:
            self._make_slot()
        said = self._load_slot(stream)
        if _NO_SLOT in said:  # there are other disks, and a snapshot is one of all of them
            self._make_slot()
            said = self._load_slot(stream)
        if said:
            raise self._full() or StreamError("machine", 0, said)

    def _load_slot(self, stream: bytes) -> str:
        """Return what QEMU has against it."""
        try:
            self.process.storage.write_slot(stream)
        except OSError as error:
            raise self._no_room(error) from error
        return self._load_as(SLOT)

    def _make_slot(self) -> None:
        self._save_as(SLOT)
        self.process.storage.find_slot()

    def _save_as(self, name: str) -> None:
        said = "" if self._jobs else self.process.human(f"savevm {name}").strip()
        if self._jobs or _NO_SNAPSHOTS in said:
            if name in self._made or name == SLOT:
                self._job("snapshot-delete", tag=name, devices=[STATE])
            said = self._job("snapshot-save", tag=name, vmstate=STATE, devices=[STATE])
        if said:
            raise self._refusal(said)
        self._made.add(name)

    def _loaded(self, name: str) -> None:
        said = self._load_as(name)
        if said:
            raise StreamError("machine", 0, said)

    def _load_as(self, name: str) -> str:
        """Load a snapshot; return what QEMU has against it."""
        said = "" if self._jobs else self.process.human(f"loadvm {name}")
        if self._jobs or _NO_SNAPSHOTS in said:
            said = self._job("snapshot-load", tag=name, vmstate=STATE, devices=[STATE])
        return " ".join(said.split())

    def _job(self, command: str, **arguments: object) -> str:
        """Run a job to its end; return what went wrong, "" when nothing did."""
        self._jobs += 1
        name = f"stressor{self._jobs}"
        seconds = self.job_seconds or self.process.seconds
        self.process.execute(command, job_id=name, **arguments)
        waits = 0
        while (job := self._the_job(name))["status"] != "concluded":
            waits += 1
            if waits > 10:  # most are done by the first question
                sleep(_PAUSE)
            if waits > seconds / _PAUSE:
                self.process.close()
                raise QemuHung(f"{command} did not end within {seconds:g} s")
        self.process.execute("job-dismiss", id=name)
        return str(job.get("error", ""))

    def _the_job(self, name: str) -> dict[str, Any]:
        jobs: list[dict[str, Any]] = self.process.execute("query-jobs")
        return next(job for job in jobs if job["id"] == name)

    def _refusal(self, said: str) -> Exception:
        """Return what it means that the machine was not saved."""
        said = " ".join(said.split())
        blocked = _BLOCKED.search(said)
        if blocked:
            return NotMigratable(blocked[1] or blocked[2])
        return self._full() or SaveRefused(f"QEMU cannot save the machine: {said}")

    def _full(self) -> TargetError | None:
        """Return an error when there is no room for another state: QEMU does not always say why."""
        probe = self.process.folder / "probe"
        try:
            probe.write_bytes(bytes(ROOM))
        except OSError as error:
            return self._no_room(error)
        finally:
            probe.unlink(missing_ok=True)
        return None

    def _no_room(self, error: OSError) -> TargetError:
        return TargetError(f"{no_room(error)}; {self.process.said}")


def _frame(whole: bytes) -> Frame:
    """Return the frame of a whole stream."""
    stream = read_stream(io.BytesIO(whole))
    first = next(part for part in stream.parts if part.offset and hasattr(part, "tag"))
    text = next((part.text for part in stream.parts if isinstance(part, DescriptionPart)), b"")
    return Frame(whole[: first.offset], text)
