"""A Dask cluster as an `Executor`: jobs go to its workers, each of which runs them in a process of its own.

So a job that hangs, or a device that ends its process, is the same there as here. A worker that goes away has its jobs
run again by the scheduler. What travels is the bytes of jobs and results, and these functions by name.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from stressor.errors import NotInstalledError, TargetError, UsageError
from stressor.soak.executors import WorkerDied, WorkerProcess, WorkerTrouble

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ClusterExecutor", "end_here", "hurry_here", "run_here"]

_CONNECTING: Final = "10s"
_LOOK_EVERY: Final = 2.0

_processes: dict[tuple[str, int], WorkerProcess] = {}
"""On a worker of the cluster: the process of each soak and thread."""
_over: set[str] = set()
"""The soaks that begin no more jobs."""


def run_here(soak: str, job: bytes, patience: float) -> bytes | None:
    """Run a job on this worker of the cluster; None when its soak is over. Raises WorkerTrouble."""
    if soak in _over:
        return None
    process = _processes.setdefault((soak, threading.get_ident()), WorkerProcess())
    return process.run(job, patience)


def hurry_here(soak: str) -> None:
    """Have the running jobs of a soak end early, and begin no others."""
    _over.add(soak)
    for process in _of(soak):
        process.hurry()


def end_here(soak: str) -> None:
    """End all processes of a soak on this worker."""
    _over.add(soak)
    for process in _of(soak):
        process.kill()
    for key in [key for key in _processes if key[0] == soak]:
        _processes.pop(key).close()


def _of(soak: str) -> list[WorkerProcess]:
    return [process for (owner, _), process in list(_processes.items()) if owner == soak]


class ClusterExecutor:
    """The workers of a cluster, which may come and go. Raises UsageError when nobody answers at the address,
    and TargetError from every method once the scheduler is gone."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise NotInstalledError(
                f"--cluster {address} needs the package distributed; install it with `pip install 'stressor[cluster]'`"
            ) from error
        self._address: Final = address
        self._soak: Final = secrets.token_hex(8)
        try:
            self._client: Client = Client(address, timeout=_CONNECTING, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"--cluster {address}: no scheduler answers: {error}; start one with `dask scheduler`, and workers "
                f"with `dask worker {address}`"
            ) from error
        self._futures: Final = self._client.get_executor(pure=False)
        self._seen: dict[str, int] = {}
        self._looked = 0.0
        self.restarts = 0

    @property
    def workers(self) -> int:
        """The threads of all workers at this moment; those that went away count as restarts."""
        if not self._seen or monotonic() - self._looked >= _LOOK_EVERY:
            seen: dict[str, int] = self._asked(self._client.nthreads)
            self.restarts += len(self._seen.keys() - seen.keys())
            self._seen, self._looked = seen, monotonic()
        return sum(self._seen.values())

    def submit(self, job: bytes, patience: float) -> Future[bytes]:
        outer: Future[bytes] = Future()
        inner = self._asked(partial(self._futures.submit, run_here, self._soak, job, patience))
        inner.add_done_callback(partial(_pass_on, outer))
        return outer

    def hurry(self) -> None:
        self._asked(partial(self._client.run, hurry_here, self._soak))

    def close(self) -> None:
        try:
            self._asked(partial(self._client.run, end_here, self._soak))
        except TargetError:
            pass  # workers end their processes themselves, when there is nothing to do
        finally:
            self._client.close(timeout=2)

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            if self._client.status != "running":
                raise OSError(f"the connection is {self._client.status}")
            return question()
        except (OSError, RuntimeError, CancelledError) as error:
            raise TargetError(
                f"the scheduler at {self._address} is gone: {error}; start it again, then go on with --resume"
            ) from error


def _pass_on(outer: Future[bytes], inner: Future[bytes | None]) -> None:
    """Give what became of a job in the cluster to whoever waits for it."""
    if inner.cancelled():
        _cancel(outer)
        return
    error = inner.exception()
    if error is not None:
        known = isinstance(error, WorkerTrouble)
        outer.set_exception(error if known else WorkerDied(f"its worker was lost: {type(error).__name__}: {error}"))
        return
    result = inner.result()
    if result is None:
        _cancel(outer)
    else:
        outer.set_result(result)


def _cancel(future: Future[bytes]) -> None:
    future.cancel()
    future.set_running_or_notify_cancel()
