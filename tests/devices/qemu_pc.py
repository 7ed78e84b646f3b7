"""A stopped PC of a real QEMU, whose devices are held against ours: ports, lines, time, and single sections."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import pytest

from stressor.targets.qemu.discovery import discover, launch
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.specification import parse_specification
from stressor.targets.qemu.timekeeping import virtual_time

__all__ = ["QemuPc", "halting", "needs_qemu"]

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
