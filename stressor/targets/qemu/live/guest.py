"""A guest that runs on a QEMU of its own, is watched by its console, and is stopped for cycles."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import weakref
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from stressor.errors import TargetError, UsageError
from stressor.loop.finding import Cause
from stressor.targets.qemu.binary import QemuBinary, binary_at, binary_for
from stressor.targets.qemu.live.console import Console
from stressor.targets.qemu.live.initramfs import HEARTBEAT, build_initramfs, find_busybox
from stressor.targets.qemu.live.machine import LiveMachine
from stressor.targets.qemu.live.specification import LiveSpecification
from stressor.targets.qemu.process import QemuProcess
from stressor.targets.qemu.storage import new_folder

__all__ = ["Exchange", "Guest", "Trouble", "guest_binary"]

_SECONDS: Final = 30.0
"""How long QEMU may take for an answer; a save with all of memory is among what it is asked for."""

_CONSOLES: Final = {"x86_64": "ttyS0", "i386": "ttyS0", "aarch64": "ttyAMA0", "arm": "ttyAMA0"}
_RECIPE: Final = (
    "give --kernel vmlinuz (on Debian `apt-get install linux-image-cloud-amd64 busybox-static`, then "
    "--kernel /boot/vmlinuz-VERSION), or behind -- a disk that it boots from"
)
_FILES: Final = ("-kernel", "-initrd", "-dtb")
_TOLD: Final = {
    "RESET": (Cause.CRASHED, "the guest rebooted"),
    "SHUTDOWN": (Cause.CRASHED, "the guest shut down"),
    "GUEST_PANICKED": (Cause.CRASHED, "the guest said that it panicked"),
    "GUEST_CRASHLOADED": (Cause.CRASHED, "the guest said that it panicked"),
    "WATCHDOG": (Cause.HUNG, "a watchdog of the guest fired"),
    "BLOCK_IO_ERROR": (Cause.CRASHED, "a disk of the guest failed"),
}
"""What QEMU's events say of a guest."""


class Trouble(NamedTuple):
    """Why a guest does not go on: the last sign of life, what came instead, and one clause more."""

    cause: Cause
    before: str
    after: str
    detail: str


class Exchange(NamedTuple):
    """What a cycle saved: the sections, the same once more, and again after reset and load."""

    before: bytes
    again: bytes
    after: bytes


class Guest:
    """A machine with its guest, stopped until `resume`. Whoever makes one closes it.

    `machine` is what saves and loads. `doing` says what QEMU was asked for last: "run", "save",
    "reset" or "load". Raises UsageError for what is not there, TargetError when the machine does
    not start or cannot be saved.
    """

    def __init__(
        self, specification: LiveSpecification, machine: type[LiveMachine] = LiveMachine
    ) -> None:
        self._specification: Final = specification
        binary = guest_binary(specification)
        self._folder: Final = new_folder()
        self._ends: Final = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.doing = "run"
        self._began = 0.0
        self._told: tuple[Cause, str] | None = None
        try:
            built, arguments = _guest_arguments(specification, binary, self._folder)
            end, there = socket.socketpair()
            self.console: Final = Console(end, specification.heartbeat or (HEARTBEAT if built else None))
        except BaseException:
            self._ends()
            raise
        with there:
            try:
                self.process: Final = QemuProcess(
                    binary,
                    [
                        *(["-machine", specification.machine] if specification.machine else []),
                        "-no-shutdown", *arguments,
                        "-chardev", f"socket,id=stressor-console,fd={there.fileno()}",
                        "-serial", "chardev:stressor-console",
                    ],
                    memory=specification.memory, inherited=[there.fileno()], seconds=_SECONDS,
                )  # fmt: skip
            except BaseException:
                self.console.close()
                self._ends()
                raise
        try:
            self.process.connect()
            self.machine: Final = machine(self.process)
        except BaseException:
            self.close()
            raise

    def settle(self, waited: float) -> None:
        """Take note of what a guest that had `waited` seconds to boot saves, and let it run on.

        Raises TargetError when it showed no heartbeat yet: nothing can be said of such a guest.
        """
        console = self.console
        if not console.heartbeats:
            last = console.trouble[1] if console.trouble else console.last_line
            how = "" if console.trouble or console.closed else f" within {waited:.1f} s"
            raise TargetError(
                f"the guest showed no heartbeat{how}; on its console last: "
                f"{ascii(last)[:200] if last else 'nothing; does --append name its serial line?'}"
            )
        self.pause()
        self.machine.named()  # what a running guest saves is another layout than at first
        self.resume()

    def cycle(self) -> Exchange:
        """Stop it, save, reset, load and save again; it stays stopped until `resume`.

        Raises StreamError when QEMU refuses what it saved, QemuDied and QemuHung; then the guest
        is lost.
        """
        self._began = perf_counter()
        self.process.execute("stop")
        self._listen()
        self.doing = "save"
        before, again = self.machine.save(), self.machine.save()
        self._replace(before)
        self.doing = "save"
        return Exchange(before, again, self.machine.save())

    def left_by_reset(self, devices: bytes) -> bytes:
        """Do the reset and the load once more; return what was there between them."""
        self.doing = "reset"
        self.machine.reset()
        left = self.machine.save()
        self.doing = "load"
        self.machine.load(devices)
        return left

    def resume(self) -> float:
        """Let it run; return for how many seconds it stood."""
        self.process.execute("cont")
        self.doing = "run"
        return perf_counter() - self._began

    def pause(self) -> None:
        """Stop it, and take note of what it did until then."""
        self.process.execute("stop")
        self._listen()

    @property
    def trouble(self) -> Trouble | None:
        """Why it does not go on, None while it does. QEMU's own events show after a `cycle`."""
        console = self.console
        before = console.last_heartbeat or "running"
        if console.trouble is not None:
            cause, line = console.trouble
            return Trouble(cause, before, line, "the guest panicked" if cause is Cause.CRASHED else "it hangs")
        if self._told is not None:
            return Trouble(self._told[0], before, console.last_line or "nothing", self._told[1])
        if console.heartbeats and console.quiet > self._specification.silence:
            seconds = f"for {self._specification.silence:g} s"
            return Trouble(Cause.HUNG, before, f"silence {seconds}", f"no heartbeat {seconds} of running")
        return None

    def close(self) -> None:
        """End it and remove what it left; never raises, and may be called again."""
        self.process.close()
        self.console.close()
        self._ends()

    def _replace(self, devices: bytes) -> None:
        self.doing = "reset"
        self.machine.reset()
        self.doing = "load"
        self.machine.load(devices)

    def _listen(self) -> None:
        names: Iterable[str] = (str(event.get("event")) for event in self.process.events())
        for name in names:
            self._told = self._told or _TOLD.get(name)


def guest_binary(specification: LiveSpecification) -> QemuBinary:
    """Return the binary to run a guest on. Raises UsageError, with the cure, for a guest that is not there."""
    if not specification.arguments:
        raise UsageError(f"{specification.text}: there is no guest; {_RECIPE}")
    for option in _FILES:
        file = specification.argument(option)
        if file is not None and not os.path.isfile(file):
            raise UsageError(f"-{option} {file}: there is no such file; {_RECIPE}")
        if file is not None and not os.access(file, os.R_OK):
            raise UsageError(f"-{option} {file}: cannot be read; `sudo chmod a+r {file}`, or give a copy")
    wanted = specification.binary
    binary = binary_at(wanted) if wanted else binary_for(specification.machine)
    if specification.argument("-kernel") and _lacks_files(specification):
        if _architecture(binary) != platform.machine():
            raise UsageError(f"{specification.text}: no initramfs can be made for {binary.path}; give --initrd")
        find_busybox(Path(specification.argument("-kernel") or ""))
    return binary


def _lacks_files(specification: LiveSpecification) -> bool:
    """Return whether a guest with a kernel has no file system of its own to boot from."""
    return specification.argument("-initrd") is None and "root=" not in (specification.argument("-append") or "")


def _architecture(binary: QemuBinary) -> str:
    return Path(binary.path).name.removeprefix("qemu-system-").partition("-")[0]


def _guest_arguments(
    specification: LiveSpecification, binary: QemuBinary, folder: Path
) -> tuple[bool, list[str]]:
    """Return whether the guest's file system is ours, and QEMU's arguments with what they lack."""
    arguments = list(specification.arguments)
    kernel = specification.argument("-kernel")
    architecture = _architecture(binary)
    if kernel is not None and specification.argument("-append") is None and architecture in _CONSOLES:
        arguments += ["-append", f"console={_CONSOLES[architecture]}"]
    if kernel is None or not _lacks_files(specification):
        return False, arguments
    initramfs = folder / "initramfs"
    initramfs.write_bytes(build_initramfs(Path(kernel)))
    return True, [*arguments, "-initrd", str(initramfs)]
