"""A hundred faults from outside: each is told with command line and last words, and leaves nothing.

Which fault comes when is drawn from one seed; at which command it strikes is up to the clock.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from stressor.errors import TargetError, UsageError
from stressor.loop.events import Event, FindingFound, RunFinished, TargetBroke
from stressor.loop.finding import Oracle
from stressor.loop.target import Target
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.search.run import run
from stressor.targets.qemu.binary import binary_at
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.target import QemuTarget

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

HASTY = 0.3
"""Seconds that an answer may take where none will come."""
MODES = (ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.DONOR)
WRITE = Operation("qemu.write", ("edu-mmio", 4, 4, 0x12345678))
READ = Operation("qemu.read", ("edu-mmio", 4, 4))
TOLD = r"(it said nothing|its last words: .+); command: \S*qemu-system-x86_64 -S .*-device edu"


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split())


def open_files() -> set[str]:
    """Return what is open in this process: which of the numbers, and what each is."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{entry} {os.readlink(f'/proc/self/fd/{entry}')}")
        except FileNotFoundError:  # the listing's own
            continue
    return found


def left_in_memory() -> set[Path]:
    return set(Path("/dev/shm").glob(f"stressor-{os.getpid()}-*"))


@contextmanager
def nothing_left() -> Iterator[None]:
    before = children(), open_files(), left_in_memory()
    yield
    assert (children(), open_files(), left_in_memory()) == before


@pytest.fixture(scope="module")
def edu() -> Iterator[QemuModel]:
    with nothing_left():
        model = qemu_model("qemu:edu")
        yield model
        model.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[QemuModel]:
    with nothing_left():
        model = qemu_model("qemu:edu", seconds=HASTY)
        yield model
        model.close()


def process_of(target: Target) -> QemuProcess:
    assert isinstance(target, QemuTarget)
    return target._machine.process


def kill(process: QemuProcess) -> None:
    os.kill(process.pid, signal.SIGKILL)


def stop(process: QemuProcess) -> None:
    os.kill(process.pid, signal.SIGSTOP)


def crash(process: QemuProcess) -> None:
    os.kill(process.pid, signal.SIGABRT)


def cut_qtest(process: QemuProcess) -> None:
    assert process._qtest is not None
    process._qtest._socket.shutdown(socket.SHUT_RDWR)


def cut_monitor(process: QemuProcess) -> None:
    assert process._monitor_end is not None
    process._monitor_end.shutdown(socket.SHUT_RDWR)


FAULTS: dict[str, Callable[[QemuProcess], None]] = {
    "killed": kill, "stopped": stop, "crashed": crash, "qtest cut": cut_qtest, "monitor cut": cut_monitor,
}  # fmt: skip
EXPECTED: dict[str, tuple[type[BaseException], ...]] = {
    "killed": (TargetError,),
    "stopped": (TargetError, QemuHung),
    "crashed": (QemuDied,),
    "qtest cut": (QemuHung,),
    "monitor cut": (QemuHung,),
}


def drawn(count: int) -> list[tuple[str, float]]:
    """Return faults and the seconds after which each strikes; few are of those that cost a time-out."""
    random = Random(4)
    names = random.choices([*FAULTS], weights=[10, 1, 5, 1, 1], k=count)
    return [(name, random.uniform(0.0, 0.03)) for name in names]


def drive(target: Target) -> None:
    """Run cycles until something happens. Raises what that is."""
    for number in range(2_000):
        target.execute([WRITE, READ])
        snapshot = target.save()
        target.reset(Cycle(MODES[number % 2 and 2], (WRITE,)), snapshot)
        target.load(snapshot)
        target.examine()
    raise AssertionError("nothing happened")


@pytest.mark.parametrize("part", range(7))
def test_whatever_befalls_a_running_machine_is_told_and_leaves_nothing(
    edu: QemuModel, hasty: QemuModel, part: int
) -> None:
    for fault, seconds in drawn(84)[part::7]:
        target = (edu if fault in ("killed", "crashed") else hasty).open()
        process = process_of(target)
        timer = threading.Timer(seconds, FAULTS[fault], (process,))
        timer.start()
        with pytest.raises(EXPECTED[fault], match=TOLD):
            drive(target)
        timer.join()
        target.close()
        assert not Path(f"/proc/{process.pid}").exists()
        assert not process.folder.exists()


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond `size`, of ours or of QEMU's: as full as storage can be without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1_000, 100_000, 6_000_000])
def test_storage_that_is_full_from_the_start_is_told(size: int) -> None:
    with nothing_left(), little_room(size), pytest.raises(TargetError, match="File too large|no room for"):
        qemu_model("qemu:edu")


@pytest.mark.parametrize("mode", MODES)
def test_storage_that_fills_up_while_a_machine_runs_is_told(edu: QemuModel, mode: ResetMode) -> None:
    target = edu.open()
    try:
        snapshot = target.save()
        process = process_of(target)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        with little_room(100), pytest.raises(TargetError, match=f"no room for a machine's state in .*{TOLD}"):
            target.reset(Cycle(mode), snapshot)
            target.load(snapshot)
            target.save()
    finally:
        target.close()
