"""One QEMU process: started, watched, and gone without a trace when it is closed.

It is started stopped (`-S`) with a monitor and a qtest connection over inherited socket pairs, so
there is no socket in the file system, and with a folder in memory-backed storage that goes with it.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stressor.errors import TargetError
from stressor.loop.watchdog import Hung
from stressor.targets.qemu.binary import QemuBinary
from stressor.targets.qemu.clock import Clock
from stressor.targets.qemu.gdb import Gdb, GdbError, GdbSilent
from stressor.targets.qemu.monitor import Monitor, MonitorError, MonitorSilent
from stressor.targets.qemu.qtest import Qtest, QtestError, QtestSilent
from stressor.targets.qemu.storage import Storage, new_folder, no_room

__all__ = [
    "SECONDS", "STATE", "STILL", "QemuDied", "QemuDisturbed", "QemuHung", "QemuProcess", "always", "sized",
]  # fmt: skip

_WORDS: Final = 2000
"""Bytes of QEMU's last words that are kept."""

_GRACE: Final = 2.0

SECONDS: Final = 10.0
"""How long an answer may take."""

_ALWAYS: Final = (
    "-S", "-display", "none", "-nodefaults", "-no-user-config",
    "-rtc", "base=2020-01-01,clock=vm",
)  # fmt: skip
_SOUND: Final = "-audio"
_SOUND_IS_ASKED_FOR: Final = (8, 2)

STILL: Final = ("-accel", "tcg")
"""What is added without a clock; one that can be advanced has its own arguments."""

STATE: Final = "stressor-state"
"""The block node in which the machine's state is kept."""


class QemuDied(Exception):
    """The process ended by itself: `code` is its exit code, or a signal below 0.

    The message has how, and its last words.
    """

    def __init__(self, code: int, said: str) -> None:
        self.code = code
        how = f"was ended by signal {-code}" if code < 0 else f"exited with {code}"
        super().__init__(f"it {how}; {said}")


class QemuHung(Hung):
    """The process is there and does not answer; it has been ended."""


class QemuDisturbed(TargetError):
    """Somebody else killed or stopped the process: that says nothing about a device."""


class QemuProcess:
    """A QEMU that was launched; `connect` waits until it answers.

    `arguments` come behind the ones that are needed to drive it; with `incoming` it waits for a
    whole state to be loaded. `seconds` bounds every answer, `patience` those to qtest commands.
    `inherited` are descriptors that `arguments` speak of. Without `clock`, time stands still. Raises
    TargetError when it cannot be launched; nothing is left over then.
    """

    def __init__(
        self,
        binary: QemuBinary,
        arguments: Sequence[str],
        *,
        memory: str = "1",
        incoming: bool = False,
        seconds: float = SECONDS,
        patience: float | None = None,
        inherited: Sequence[int] = (),
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock
        self._seconds: Final = seconds
        self._patience: Final = patience or seconds
        self.incoming: Final = incoming
        try:
            self._folder: Final = new_folder()
        except OSError as error:
            raise TargetError(no_room(error)) from error
        self._ends: Final = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor_end: socket.socket | None = None
        self._monitor: Monitor | None = None
        self._qtest: Qtest | None = None
        self._gdb: Gdb | None = None
        try:
            self.storage: Final = Storage(self._folder / "state.qcow2")
        except OSError as error:
            self.close()
            raise TargetError(no_room(error)) from error
        try:
            waiting = ["-incoming", "defer"] if incoming else []
            common = [*always(binary, arguments), *_common(memory, self.storage.path)]
            timing = clock.arguments if clock else STILL
            self._launch(binary, [*common, *timing, *arguments, *waiting], inherited)
        except OSError as error:
            self.close()
            raise TargetError(f"QEMU cannot be launched: {error}") from error

    def connect(self) -> QemuProcess:
        """Wait for the process; return it. Raises TargetError when it ends or hangs instead."""
        assert self._monitor_end is not None
        try:
            self._monitor = Monitor(self._monitor_end, self._seconds, SECONDS)
        except MonitorError as error:
            gone = self._gone(error)
            self.close()
            raise TargetError(f"QEMU did not start: {gone}") from gone
        return self

    def _launch(
        self, binary: QemuBinary, arguments: list[str], inherited: Sequence[int]
    ) -> None:
        monitor, monitor_there = socket.socketpair()
        qtest, qtest_there = socket.socketpair()
        gdb, gdb_there = socket.socketpair()
        processor = [
            "-chardev", f"socket,id=stressor-gdb,fd={gdb_there.fileno()}",
            "-gdb", "chardev:stressor-gdb",
        ]  # fmt: skip
        with monitor_there, qtest_there, gdb_there, open(self._folder / "words", "wb") as words:
            self.command = [
                binary.path, *arguments,
                "-chardev", f"socket,id=stressor-monitor,fd={monitor_there.fileno()}",
                "-mon", "chardev=stressor-monitor,mode=control",
                "-chardev", f"socket,id=stressor-qtest,fd={qtest_there.fileno()}",
                "-object", "qtest,id=stressor-tests,chardev=stressor-qtest,log=/dev/null",
                *(processor if self.clock and self.clock.drives_processor else ()),
            ]  # fmt: skip
            self._process = subprocess.Popen(
                _ending_with_us(self.command),
                stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                pass_fds=(
                    monitor_there.fileno(), qtest_there.fileno(), gdb_there.fileno(), *inherited
                ),
                restore_signals=False,  # a file that gets too large is an error then, and no signal
            )  # fmt: skip
            weakref.finalize(self, _end, self._process)
        self._qtest = Qtest(qtest, self._patience)
        self._gdb = Gdb(gdb, self._seconds)
        self._monitor_end = monitor

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def seconds(self) -> float:
        """How long any answer may take."""
        return self._seconds

    @property
    def folder(self) -> Path:
        """A folder of its own in memory-backed storage, which goes when the process does."""
        return self._folder

    @property
    def words(self) -> str:
        """What QEMU printed last, on one line."""
        try:
            text = (self._folder / "words").read_bytes()[-_WORDS:]
        except OSError:
            return ""
        return " ".join(text.decode("utf-8", "backslashreplace").split())

    def execute(self, command: str, **arguments: object) -> Any:
        """Return what a QMP command returns.

        Raises CommandError, QemuDied, QemuHung, and QemuDisturbed for what somebody else did.
        """
        assert self._monitor is not None
        with self._answering():
            return self._monitor.execute(command, **arguments)

    def reset(self) -> None:
        """Reset the machine; the reset is done on return. Raises as `execute`."""
        assert self._monitor is not None
        with self._answering():
            self._monitor.reset()

    def human(self, line: str) -> str:
        """Return what the human monitor prints for a line. Raises as `execute`."""
        assert self._monitor is not None
        with self._answering():
            return self._monitor.human(line)

    def events(self) -> Collection[Mapping[str, Any]]:
        """Return what QEMU told of the guest, as `Monitor.events`."""
        assert self._monitor is not None
        return self._monitor.events()

    def run(self, commands: Sequence[str]) -> list[str]:
        """Return the answers to qtest commands. Raises QemuDied, QemuHung, QemuDisturbed."""
        assert self._qtest is not None
        with self._answering():
            return self._qtest.run(commands)

    def step(self, nanoseconds: int) -> int:
        """Let so much virtual time pass, or a little more; return how much it was.

        Raises TargetError when there is no clock, ClockLost, QemuDied, QemuHung, QemuDisturbed.
        """
        if self.clock is None:
            raise TargetError("the machine's clock cannot be advanced; was this found with time=on?")
        assert self._qtest is not None
        with self._answering():
            return self.clock.advance(self._qtest, self._gdb, nanoseconds)

    def resume(self) -> None:
        """Let the machine run for no time, and so do what a load left for when it runs; nothing where
        time stands still. Raises QemuDied, QemuHung, QemuDisturbed."""
        if self.clock is not None and self.clock.drives_processor:
            assert self._gdb is not None
            with self._answering():
                self._gdb.run_for_nothing()

    def put_forward(self, nanoseconds: int) -> None:
        """Set the clock of a new process, when no load will do it. Raises as `run`."""
        if nanoseconds and self.clock is not None and not self.clock.travels:
            self.run([f"clock_set {nanoseconds}"])

    @property
    def registers(self) -> Collection[str]:
        """The first processor's registers, by the names that gdb has for them. Raises as `run`."""
        assert self._gdb is not None
        with self._answering():
            return self._gdb.registers.keys()

    def close(self) -> None:
        """End the process and remove what it left; never raises, and may be called again."""
        if self._process is not None:
            _end(self._process)
        if self._monitor is not None:
            self._monitor.close()
        elif self._monitor_end is not None:
            self._monitor_end.close()
        if self._qtest is not None:
            self._qtest.close()
        if self._gdb is not None:
            self._gdb.close()
        self._ends()

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn the lack of an answer into what became of the process. Raises QemuDied, QemuHung, QemuDisturbed."""
        try:
            yield
        except (MonitorError, QtestError, GdbError) as error:
            raise self._gone(error) from error
        except Hung as hung:  # the watchdog has less patience, and does not know whose fault it is
            if _is_stopped(self.pid):
                raise self._gone(hung) from hung
            raise

    def _gone(self, error: BaseException) -> QemuDied | QemuHung | QemuDisturbed:
        """Return what became of the process that did not answer, and see to it that it is gone."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            silent = isinstance(error, MonitorSilent | QtestSilent | GdbSilent | Hung)
            self._process.wait(0.05 if silent else min(_GRACE, self._seconds))
        code = self._process.poll()
        if code is None:
            stopped = _is_stopped(self._process.pid)
            _end(self._process)
            if stopped:
                return QemuDisturbed(f"QEMU was stopped by somebody else (signal 19): {error}; run it again; {self.said}")
            return QemuHung(f"{error}; {self.said}")
        if code == -signal.SIGKILL:
            cure = "if that was the kernel, give it more memory"
            return QemuDisturbed(f"QEMU was killed by somebody else (signal 9); {cure}; {self.said}")
        return QemuDied(code, self.said)

    @property
    def said(self) -> str:
        """Its last words and its command line, as they stand in an error's message."""
        words = self.words
        said = f"its last words: {words}" if words else "it said nothing"
        return f"{said}; command: {' '.join(self.command)}"


def sized(memory: str) -> tuple[str, ...]:
    """Return the arguments that give a machine so much memory; none for "", which is its own choice."""
    return ("-m", memory) if memory else ()


def always(binary: QemuBinary, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what a machine of a binary is started with in any case, beside its own `arguments`.

    Stopped, alone, and with a clock that stands still. From 8.2 on a board that has sound does not
    start unless it is said where that goes; older ones do not know the option without a card.
    """
    if binary.release < _SOUND_IS_ASKED_FOR or _SOUND in arguments:
        return _ALWAYS
    return (*_ALWAYS, _SOUND, "none")


def _common(memory: str, image: Path) -> list[str]:
    return [
        *sized(memory),
        "-drive", f"if=none,id=stressor,node-name={STATE},file={image},format=qcow2,cache=unsafe",
    ]  # fmt: skip


def _ending_with_us(command: list[str]) -> list[str]:
    """Have the kernel end QEMU when we are killed, where there is a tool that can ask for that."""
    tool = shutil.which("setpriv")
    return [tool, "--pdeathsig", "KILL", "--", *command] if tool else command


def _is_stopped(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state in "Tt"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
