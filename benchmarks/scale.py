"""How many results a second one coordinator takes in, by the number of workers that it deals jobs out to.

The workers are not there: whoever submits a job is answered with the bytes of a result that a real one came
to, at a given rate. All else is real: the schedule, the messages, the journal on a disk.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.measure import Row
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.coordinator import Limits, Soak, SoakTarget
from stressor.soak.events import JobEnded
from stressor.soak.history import JobOutcome
from stressor.soak.job import JobResult, encode
from stressor.soak.journal import Journal

__all__ = ["Absorbed", "absorb", "measure"]

TARGETS: Final = 100
FIELDS: Final = 48
KINDS: Final = 20
MUST: Final = 2_000
"""Results that one second of a processor has to be enough for."""

_TICK: Final = 0.002
_NAMED: Final = b'"worker":"'


class Absorbed(NamedTuple):
    """What a coordinator did for some seconds: results a second, the share of a core that this took, and the sizes
    of a job, of a result, and of what the journal grew by for it, in bytes."""

    rate: float
    core: float
    job: float
    result: float
    journal: float


class Crowd:
    """An `Executor` of so many workers, whose jobs end at `rate` results a second, the oldest first."""

    restarts: Final = 0

    def __init__(self, workers: int, rate: float) -> None:
        self.workers: Final = workers
        self.sent = 0
        self._rate: Final = rate
        self._answer: Final = encode(_result())
        self._waiting: Final[deque[Future[bytes]]] = deque()
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._answer_all, daemon=True)
        self._thread.start()

    def submit(self, job: bytes, patience: float) -> Future[bytes]:
        """Take a job; see `Executor`."""
        self.sent += len(job)
        future: Future[bytes] = Future()
        self._waiting.append(future)
        return future

    def hurry(self) -> None:
        """Nothing: there is no worker."""

    def close(self) -> None:
        """Answer no more."""
        self._over.set()
        self._thread.join()

    def _answer_all(self) -> None:
        number, due, last = 0, 0.0, time.monotonic()
        while not self._over.wait(_TICK):
            now = time.monotonic()
            due = min(due + self._rate * (now - last), self.workers)
            last = now
            while due >= 1 and self._waiting:
                name = b"%snode%d/%d" % (_NAMED, number % self.workers // 64, number % self.workers)
                self._waiting.popleft().set_result(self._answer.replace(_NAMED, name, 1))
                number, due = number + 1, due - 1


def _result() -> JobResult:
    """Return what a job of a minute on a device with a few dozen fields comes to."""
    return JobResult(
        JobOutcome.DONE,
        inside=4.8,
        overhead=0.1,
        cycles={str(mode): 20_000 + index for index, mode in enumerate(ResetMode)},
        operations={f"write register {index}": 40_000 + index for index in range(KINDS)},
        oracles={str(oracle): 80_000 for oracle in Oracle},
        fields=tuple(f"device/0.part.field_{index}" for index in range(FIELDS)),
        seen=f"{(1 << FIELDS) - 2:x}",
        memory=80 << 20,
    )


@contextmanager
def _soak(workers: int, rate: float, folder: Path) -> Iterator[tuple[Soak, Crowd, Path]]:
    file = folder / "journal.sqlite"
    crowd = Crowd(workers, rate)
    with Journal(file, writing=True) as journal:
        targets = [SoakTarget(f"device{index}", f"devices/device{index}.py") for index in range(TARGETS)]
        soak = Soak(
            targets, crowd, journal, seed=1, oracles=tuple(Oracle), reset_modes=tuple(ResetMode), batch_timeout=5.0,
            settings={}, limits=Limits(), accepted={}, keep=lambda finding: None,
        )  # fmt: skip
        try:
            yield soak, crowd, file
        finally:
            crowd.close()


def absorb(workers: int, rate: float, seconds: float) -> Absorbed:
    """Return what a coordinator does with `workers` that answer `rate` times a second."""
    # Beside this file: a folder for temporary files may be memory, which no journal should be.
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".scale-") as name,
        _soak(workers, rate, Path(name)) as (soak, crowd, file),
    ):
        events = soak.run()
        while not isinstance(next(events), JobEnded):  # the first jobs are dealt out
            pass
        count, started, used = 0, time.monotonic(), time.process_time()
        while (passed := time.monotonic() - started) < seconds:
            count += isinstance(next(events), JobEnded)
        core = (time.process_time() - used) / passed
        size = sum(each.stat().st_size for each in file.parent.iterdir())
        jobs = max(1, count)
        return Absorbed(
            count / passed, core, crowd.sent / (jobs + workers), len(encode(_result())), size / jobs
        )


def measure() -> list[Row]:
    """Return what is absorbed, by the number of workers, when results never stop; and the sizes of messages.

    The last column but one judges processor time, which others on the machine leave as it is.
    """
    rows = []
    for workers in (10, 1_000, 10_000, 100_000):
        done = absorb(workers, 1e6, 8.0)
        each = done.rate / done.core
        rows.append(
            Row(
                f"results absorbed, {workers:,} workers", f"{done.rate:,.0f}/s",
                ratio=f"{each:,.0f}/s of a core", must_be=f">= {MUST:,}/s of a core", reached=each >= MUST,
            )
        )  # fmt: skip
    rows.append(Row("bytes of a job, and of its result", f"{done.job:,.0f}, {done.result:,.0f}"))
    rows.append(Row("bytes of the journal for a job", f"{done.journal:,.0f}"))
    return rows
