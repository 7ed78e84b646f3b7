"""What a coordinator does where there are very many workers."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.coordinator import Limits, Soak, SoakTarget
from stressor.soak.events import JobEnded
from stressor.soak.job import decode_job, encode
from stressor.soak.journal import Journal
from tests.soak.samples import TARGET, result


class Instant:
    """An executor whose workers have the result as soon as they have the job."""

    restarts = 0

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.seconds: set[float] = set()

    def submit(self, job: bytes, patience: float) -> Future[bytes]:
        self.seconds.add(decode_job(job).seconds)
        future: Future[bytes] = Future()
        future.set_result(encode(result()))
        return future

    def hurry(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("workers", "seconds"), [(2, 1.0), (2_000, 1.0), (10_000, 5.0)])
def test_jobs_take_so_long_that_their_results_can_be_taken_in(tmp_path: Path, workers: int, seconds: float) -> None:
    executor = Instant(workers)
    with Journal(tmp_path / "journal.sqlite", writing=True) as journal:
        soak = Soak(
            [SoakTarget(TARGET, f"devices/{TARGET}.py")], executor, journal, seed=1, oracles=tuple(Oracle),
            reset_modes=tuple(ResetMode), batch_timeout=5.0, settings={}, limits=Limits(), accepted={},
            keep=lambda finding: None,
        )  # fmt: skip
        events = soak.run()
        while not isinstance(next(events), JobEnded):
            pass

    assert executor.seconds == {seconds}
