"""QEMU binaries: which there are, what they can do, and which one has a machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from stressor.errors import NotInstalledError, UsageError

__all__ = ["QemuBinary", "binary_at", "binary_for", "installed"]

_SECONDS: Final = 20.0
_WORDS: Final = 300
_QTEST: Final = "qtest"
_FIRST: Final = ("x86_64", "arm", "aarch64")
_MACHINE: Final = re.compile(r"^(\S+)\s", re.MULTILINE)


@dataclass(frozen=True)
class QemuBinary:
    """An executable; `version` is that of QEMU, such as 7.2.22, `qtest_clock` says whether it has the
    accelerator `qtest`, built in or as a module, with which the virtual clock can be stepped."""

    path: str
    version: str
    qtest_clock: bool

    @property
    def release(self) -> tuple[int, ...]:
        """Its version as numbers, to be compared."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of all machines that it has, aliases among them."""
        return _machines(self.path)

    @property
    def default_machine(self) -> str | None:
        """The machine that it takes when none is given, None when it has no such."""
        for line in _asked(self.path, "-machine", "help").splitlines():
            if "(default)" in line:
                return line.split()[0]
        return None

    @property
    def devices(self) -> tuple[tuple[str, str], ...]:
        """Name and bus of each device that `-device` takes; the bus is "" where there is none.

        Raises UsageError with QEMU's words when it lists none.
        """
        listed, said = _said(self.path, "-device", "help")
        found = re.findall(r'^name "([^"]+)"(?:, bus (\S+?))?(?:,|$)', listed, re.MULTILINE)
        if not found:
            words = " ".join(said.split())[-_WORDS:]
            raise UsageError(f"{self.path} -device help lists no device, it says: {words}; is it whole?")
        return tuple((name, bus.rstrip(",")) for name, bus in found)

    def properties(self, device: str) -> str:
        """Return what it says of a device's properties; "" when it has no such device."""
        return _asked(self.path, "-device", f"{device},help")


def installed() -> Iterator[QemuBinary]:
    """Yield the system emulators on the PATH, the usual ones first."""
    names = dict.fromkeys(f"qemu-system-{name}" for name in _FIRST)
    for folder in os.get_exec_path():
        if os.path.isdir(folder):
            found = sorted(entry for entry in os.listdir(folder) if entry.startswith("qemu-system-"))
            names.update(dict.fromkeys(found))
    for name in names:
        if shutil.which(name):
            try:
                yield binary_at(name)
            except UsageError:  # something else of that name
                continue


def binary_at(path: str) -> QemuBinary:
    """Return the binary at a path, or of that name on the PATH.

    Raises NotInstalledError, and UsageError for what is no QEMU, with the cure."""
    found = shutil.which(path)
    if found is None:
        there = "is there, and cannot be executed" if Path(path).exists() else "is not there"
        raise NotInstalledError(f"{path} {there}; install qemu-system-x86, or give binary=PATH")
    return _described(found)


def binary_for(machine: str | None) -> QemuBinary:
    """Return the first installed binary that has a machine, of that name or its default one.

    Raises NotInstalledError when there is none.
    """
    seen = []
    for binary in installed():
        seen.append(binary)
        if machine in binary.machines if machine else binary.default_machine:
            return binary
    if not seen:
        raise NotInstalledError("no qemu-system-* on the PATH; install qemu-system-x86, or give binary=PATH")
    names = ", ".join(Path(binary.path).name for binary in seen)
    raise NotInstalledError(f"no machine {machine!r} in {names}; `qemu-system-... -machine help` lists them")


@cache
def _described(path: str) -> QemuBinary:
    version = re.search(r"^QEMU emulator version (\S+)", _asked(path, "--version"))
    if version is None:
        raise UsageError(f"{path} is no QEMU: it does not say its version")
    # `-accel help` leaves out qtest on purpose, so it is asked for a property that it does not have
    _, refusal = _said(path, "-machine", "none", "-accel", f"{_QTEST},help")
    return QemuBinary(path, version[1], f"'{_QTEST}-accel." in refusal)


@cache
def _machines(path: str) -> tuple[str, ...]:
    text = _asked(path, "-machine", "help").partition("\n")[2]
    return tuple(_MACHINE.findall(text))


def _asked(path: str, *arguments: str) -> str:
    return _said(path, *arguments)[0]


@cache
def _said(path: str, *arguments: str) -> tuple[str, str]:
    """Return what a binary prints, and what it says on its standard error."""
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, errors="backslashreplace",
            stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "did not end" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        raise UsageError(f"{path} {' '.join(arguments)}: {reason}; is it a QEMU for this machine?") from error
    return done.stdout, done.stderr
