"""Where jobs are run: the interface of `concurrent.futures`, over processes here or a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from select import select
from typing import Final, Protocol

from stressor.errors import TargetError
from stressor.soak.process import read_frame, write_frame
from stressor.targets.qemu.storage import remove_left

__all__ = ["Executor", "JobHung", "LocalExecutor", "WorkerDied", "WorkerProcess", "WorkerTrouble"]

_OPENING: Final = 5
"""So many times the patience until a job's first beat: finding a board out takes a while."""

_JOBS: Final = 1000
"""So many jobs are run by one process: what a device's code leaves in it is bounded so."""

_START: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from stressor.soak.process import serve
serve()
"""


class WorkerTrouble(TargetError):
    """A job that came to no result."""


class WorkerDied(WorkerTrouble):
    """The process that ran it ended by itself; the message says how."""


class JobHung(WorkerTrouble):
    """It made no progress for too long, and its process was ended."""


class Executor(Protocol):
    """What runs encoded jobs. A future raises WorkerTrouble when the job came to no result."""

    @property
    def workers(self) -> int:
        """How many jobs it runs at a time, at this moment."""

    @property
    def restarts(self) -> int:
        """How many workers had to be replaced so far."""

    def submit(self, job: bytes, patience: float) -> Future[bytes]:
        """Run a job as soon as a worker is free. One without progress for `patience` seconds is ended."""

    def hurry(self) -> None:
        """Have running jobs end early, and tell what they have."""

    def close(self) -> None:
        """End everything that was started here, and what runs."""


class WorkerProcess:
    """One process for one job after another; a new one where the last one was lost. One thread calls
    `run` and `close`, any other `hurry` and `kill`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._killed = False
        self._jobs = 0
        self.lost = 0
        """How many processes ended otherwise than after their last job."""

    def run(self, job: bytes, patience: float) -> bytes:
        """Run a job. Raises WorkerTrouble."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            write_frame(process.stdin.fileno(), job)
            limit = _OPENING * patience
            while True:
                ready, _, _ = select([process.stdout], [], [], limit)
                if not ready:
                    self.lost += 1
                    self.close()
                    raise JobHung(f"no progress for {limit:.0f} s; its process was ended")
                data = read_frame(process.stdout.fileno())
                if data is None:
                    raise BrokenPipeError
                if data:
                    self._jobs += 1
                    return data
                limit = patience
        except OSError as error:
            code = process.wait()
            self.lost += 1
            self.close()
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with exit code {code}"
            raise WorkerDied(f"its process {how}") from error
        except ValueError as error:
            self.lost += 1
            self.close()
            raise WorkerDied(f"its process wrote what is no result: {error}") from error

    def hurry(self) -> None:
        """Have the running job end early."""
        with self._changing:
            if self._process is not None:
                self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, and start no other."""
        with self._changing:
            self._killed = True
            if self._process is not None:
                _kill(self._process)

    def close(self) -> None:
        """End the process with all that it started; the next job has a new one."""
        with self._changing:
            process, self._process = self._process, None
            if process is not None:
                _kill(process)
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    assert pipe is not None
                    pipe.close()
        if process is not None:
            remove_left()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and (self._jobs >= _JOBS or self._process.poll() is not None):
            self.lost += self._jobs < _JOBS
            self.close()
        with self._changing:
            if self._killed:
                raise WorkerDied("the soak is over")
            if self._process is None:
                self._jobs = 0
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _START, json.dumps(sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                    bufsize=0,
                )
            return self._process


class LocalExecutor:
    """Processes on this machine: an `Executor`. A thread waits for each."""

    def __init__(self, workers: int) -> None:
        self.workers: Final = workers
        self._processes: Final = [WorkerProcess() for _ in range(workers)]
        self._waiting: Final[deque[tuple[Future[bytes], bytes, float]]] = deque()
        self._ready: Final = threading.Condition()
        self._closed = False
        self._threads: Final = [
            threading.Thread(target=self._serve, args=[process], daemon=True) for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    @property
    def restarts(self) -> int:
        return sum(process.lost for process in self._processes)

    def submit(self, job: bytes, patience: float) -> Future[bytes]:
        future: Future[bytes] = Future()
        with self._ready:
            self._waiting.append((future, job, patience))
            self._ready.notify()
        return future

    def hurry(self) -> None:
        with self._ready:
            self._cancel()
        for process in self._processes:
            process.hurry()

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._cancel()
            self._ready.notify_all()
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.close()

    def _cancel(self) -> None:
        while self._waiting:
            future, _, _ = self._waiting.pop()
            future.cancel()
            future.set_running_or_notify_cancel()  # without it, nobody who waits for it hears of it

    def _serve(self, process: WorkerProcess) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                future, job, patience = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(process.run(job, patience))
            except BaseException as error:
                future.set_exception(error)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a session of processes, also what is left of one whose leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
