"""A hundred faults from outside: each is told with command line and last words, and leaves nothing.

Which fault comes when is drawn from one seed; at which command it strikes is up to the clock.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from stressor.errors import TargetError, UsageError
from stressor.loop.events import Event, FindingFound, RunFinished, TargetBroke
from stressor.loop.finding import Oracle
from stressor.loop.target import DiedOfSavingError, Snapshot, Target
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.search.run import run
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.target import QemuTarget

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

HASTY = 0.4
"""Seconds that an answer may take where none will come."""
AARCH64 = 183
"""A machine's number in an ELF header, e_machine of the System V ABI."""
MODES = (ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.DONOR)
WRITE = Operation("qemu.write", ("edu-mmio", 4, 4, 0x12345678))
READ = Operation("qemu.read", ("edu-mmio", 4, 4))
NO_ROOM = "no room for a machine's state in /dev/shm: File too large; free some there"
TOLD = r"(it said nothing|its last words: .+); command: \S*qemu-system-x86_64 -S .*-device edu"


def children() -> set[str]:
    threads = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {child for thread in threads for child in thread.read_text().split()}


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
def clean() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(scope="module")
def edu(clean: None) -> Iterator[QemuModel]:
    model = qemu_model("qemu:edu")
    yield model
    model.close()


@pytest.fixture(scope="module")
def hasty(clean: None) -> Iterator[QemuModel]:
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
    "crashed": (QemuDied, DiedOfSavingError),
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
    for _ in range(400):
        target.execute([WRITE, READ])
        snapshot = target.save()
        target.reset(Cycle(ResetMode.IN_PLACE), snapshot)
        target.load(snapshot)
        target.examine()
    raise AssertionError("nothing happened")


@pytest.mark.parametrize("part", range(7))
def test_whatever_befalls_a_running_machine_is_told_and_leaves_nothing(
    edu: QemuModel, hasty: QemuModel, part: int
) -> None:
    for fault, seconds in drawn(91)[part::7]:
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
    with nothing_left(), little_room(size), pytest.raises(TargetError, match=NO_ROOM):
        qemu_model("qemu:edu")


@pytest.mark.parametrize("mode", MODES)
def test_storage_that_fills_up_while_a_machine_runs_is_told(edu: QemuModel, mode: ResetMode) -> None:
    target = edu.open()
    try:
        snapshot = target.save()
        process = process_of(target)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        with little_room(100), pytest.raises(TargetError, match=f"{NO_ROOM}.*{TOLD}"):
            cycle(target, mode, snapshot)
    finally:
        target.close()


def cycle(target: Target, mode: ResetMode, snapshot: Snapshot) -> None:
    target.reset(Cycle(mode), snapshot)
    target.load(snapshot)
    target.save()


@pytest.mark.parametrize("name", ["nosuch", "edu2", "e1000x"])
def test_a_device_that_is_not_there_is_told(name: str) -> None:
    with nothing_left(), pytest.raises(UsageError, match=f"'{name}' is not a valid device"):
        qemu_model(f"qemu:{name}")


def test_a_binary_that_is_not_there_is_told(tmp_path: Path) -> None:
    with nothing_left(), pytest.raises(UsageError, match="qemu-7 is not there; install qemu-system-x86"):
        qemu_model(f"qemu:edu,binary={tmp_path / 'qemu-7'}")


def test_a_binary_for_another_machine_is_told_with_the_command_line(tmp_path: Path) -> None:
    binary = tmp_path / "qemu-system-aarch64"
    binary.write_bytes(struct.pack("<4s4B8xHHI40x", b"\x7fELF", 2, 1, 1, 0, 2, AARCH64, 1))
    binary.chmod(0o755)

    with nothing_left(), pytest.raises(UsageError, match=r"aarch64 --version: .*is it a QEMU for this machine\?"):
        qemu_model(f"qemu:edu,binary={binary}")


def test_a_binary_that_goes_while_it_is_used_is_told(tmp_path: Path) -> None:
    binary = tmp_path / "qemu-system-x86_64"
    binary.symlink_to(shutil.which("qemu-system-x86_64") or "")
    with nothing_left():
        model = qemu_model(f"qemu:edu,binary={binary}")
        model.open().close()
        binary.unlink()
        with pytest.raises(TargetError, match=f"{binary}.*No such file|No such file.*{binary}"):
            open_some(model, 4)  # one was launched ahead
        model.close()


def open_some(model: QemuModel, count: int) -> None:
    for _ in range(count):
        model.open().close()


def test_no_finding_is_lost_when_qemu_is_killed_again_and_again() -> None:
    events: list[Event] = []
    ended = threading.Event()
    killer = threading.Thread(target=kill_until, args=(ended,))
    with nothing_left():
        model = qemu_model("qemu:edu")
        for event in run(
            [model], seed=1, cycles=10_000, seconds=None, oracles=list(Oracle), reset_modes=list(MODES),
            configuration="", batch_timeout=30.0, stop=lambda: False, shrink=False,
        ):  # fmt: skip
            if isinstance(event, FindingFound) and killer.ident is None:
                killer.start()
            if isinstance(event, TargetBroke):
                ended.set()
            events.append(event)
        killer.join()
    found = tuple(event.finding.id for event in events if isinstance(event, FindingFound))
    (broke,) = (event for event in events if isinstance(event, TargetBroke))
    finished = events[-1]

    assert found
    assert isinstance(finished, RunFinished)
    assert (finished.findings, finished.broken) == (found, (model.name,))
    assert re.search(rf"signal 9\).*{TOLD}", broke.problem)


def kill_until(ended: threading.Event) -> None:
    """Kill every QEMU of this process again and again."""
    while not ended.wait(0.002):
        for child in children():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)


def test_two_runs_side_by_side_find_the_same_and_leave_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stressor", "run", "qemu:edu", "--seed", "1", "--cycles", "3", "--no-shrink"]
    runs = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        runs.append(subprocess.Popen(command, cwd=tmp_path / name, stdout=subprocess.PIPE, text=True))
    said = [one.communicate(timeout=120)[0] for one in runs]
    findings = [sorted(set(re.findall("F-[0-9a-f]{8}", text))) for text in said]

    assert [one.returncode for one in runs] == [1, 1]
    assert findings[0] == findings[1] != []
    assert not [left for one in runs for left in Path("/dev/shm").glob(f"stressor-{one.pid}-*")]
