"""A stopped PC of a real QEMU, whose devices are held against ours: ports, lines, time, and single sections."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from stressor.device import Clock, Device
from stressor.targets.qemu.discovery import discover, launch
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.specification import parse_specification
from stressor.targets.qemu.timekeeping import virtual_time

__all__ = ["QemuPc", "Step", "halting", "needs_qemu", "on_both"]

Step = tuple[Any, ...]
"""What is done to a device, by name and numbers; each device's test says what there is."""

BINARY = "qemu-system-x86_64"
_FOOTER = 5

needs_qemu = pytest.mark.skipif(shutil.which(BINARY) is None, reason=f"{BINARY} is not installed")


def halting(file: Path) -> str:
    """Write firmware that halts the processor to a file; return the options that have QEMU take it."""
    image = bytearray(0x10000)
    image[0xFFF0:0xFFF2] = b"\xfa\xf4"  # cli, hlt, at the reset vector
    file.write_bytes(image)
    return f" -- -bios {file}"


class QemuPc:
    """Use it as a context manager. Without `timed`, its time stands still; else it passes as `advance` says.

    `device` is put on the board, its windows where `layout` says."""

    def __init__(self, *, device: str = "", timed: bool = False, options: str = "") -> None:
        front = f"{device},machine=pc" if device else "machine=pc"
        self.layout: Final = discover(
            parse_specification(f"qemu:{front},time={'on' if timed else 'off'}{options}")
        )
        self._process: Final = launch(self.layout).connect()
        try:
            self.machine: Final = Machine(self._process)
        except BaseException:
            self._process.close()
            raise

    def __enter__(self) -> QemuPc:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.close()

    def run(self, commands: Iterable[str]) -> list[int | None]:
        """Return the answers to qtest commands: numbers, None where there is none."""
        answers = self._process.run(list(commands))
        return [int(answer, 16) if answer else None for answer in answers]

    def input(self, *events: tuple[str, dict[str, object]]) -> None:
        """Move the keyboard and the mouse: kinds of events and their data, as of QMP's `input-send-event`.

        QEMU takes them only while it runs: give it firmware that does nothing, such as `halting` writes.
        """
        listed = [{"type": kind, "data": data} for kind, data in events]
        self._process.execute("cont")
        self._process.execute("input-send-event", events=listed)
        self._process.execute("stop")

    def reset(self) -> None:
        """Reset the machine, and put the windows of a device where they belong."""
        self._process.reset()
        self._process.run(list(self.layout.setup))

    def advance(self, nanoseconds: int) -> int:
        """Let time pass, at least so much; return how much it was."""
        return self.machine.step(nanoseconds)

    @property
    def now(self) -> int:
        """What the virtual clock shows, in ns."""
        return virtual_time(self.machine)

    def devices(self, kind: str) -> list[str]:
        """Return the paths of all devices of a type, in the order in which they were made."""
        there = self._process.execute("qom-list", path="/machine/unattached")
        return [
            f"/machine/unattached/{item['name']}"
            for item in there
            if item["type"] == f"child<{kind}>"
        ]

    def section(self, label: str) -> bytes:
        """Return a whole section, such as `i8259/0`, header and footer included."""
        devices, start, end = self._found(label)
        return devices[start:end]

    def load_section(self, label: str, data: bytes) -> None:
        """Load the machine's own state with one section put in. Raises StreamError when QEMU refuses."""
        devices, start, end = self._found(label)
        self.machine.load(devices[:start] + data + devices[end:])

    def body(self, label: str) -> bytes:
        """Return the fields of a section."""
        return self.section(label)[_header(label) : -_FOOTER]

    def move_here(self, device: Device, label: str) -> None:
        """Load a section into ours, which gives back the same bytes."""
        data = self.body(label)
        device.state.load(device, data)
        assert device.state.save(device) == data, f"{label} came back otherwise"

    def move_there(self, device: Device, label: str) -> None:
        """Load what ours saves in place of a section. Raises StreamError when QEMU refuses."""
        section = self.section(label)
        self.load_section(label, section[: _header(label)] + device.state.save(device) + section[-_FOOTER:])

    def _found(self, label: str) -> tuple[bytes, int, int]:
        """Return the device sections, and where one begins and ends; by its header and footer, as naming
        everything takes a hundred times as long."""
        name, _, instance = label.rpartition("/")
        wanted = re.escape(bytes([len(name)]) + name.encode() + int(instance).to_bytes(4))
        devices = self.machine.save()
        header = re.search(rb"\x04(.{4})" + wanted, devices, re.DOTALL)
        if header is None:
            raise KeyError(label)
        end = devices.index(b"\x7e" + header[1], header.end()) + _FOOTER
        return devices, header.start(), end


def _header(label: str) -> int:
    """Return how many bytes stand in front of a section's fields: a tag, an identifier, its name, instance and version."""
    return 1 + 4 + 1 + len(label.rpartition("/")[0]) + 4 + 4


def on_both(
    qemu: QemuPc,
    steps: Iterable[Step],
    *,
    commands: Callable[[Step], Sequence[str]],
    take: Callable[[Step], int | None],
    duration: Callable[[Step], int] = lambda step: 0,
    clock: Clock | None = None,
) -> tuple[list[int], list[int]]:
    """Run a trace on QEMU and on ours; return what reads gave, ours first.

    Of each step in its turn, `duration` says how long it waits, in ns: for as long as passes on QEMU then, `clock`
    is advanced. Where that is 0, `commands` are qtest's for it, and `take` takes it on ours and returns what it gives.
    """
    ours: list[int | None] = []
    theirs: list[int | None] = []
    waiting: list[str] = []
    for step in steps:
        nanoseconds = duration(step)
        if not nanoseconds:
            waiting += commands(step)
            ours.append(take(step))
            continue
        theirs += qemu.run(waiting)
        waiting = []
        assert clock is not None
        clock.advance(qemu.advance(nanoseconds))
    theirs += qemu.run(waiting)
    return [one for one in ours if one is not None], [one for one in theirs if one is not None]
