"""What happens to workers: real processes, killed, hanging, and gone afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import stressor
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.executors import JobHung, LocalExecutor, WorkerDied
from stressor.soak.history import JobOutcome
from stressor.soak.job import Job, JobResult, decode_result, encode
from stressor.soak.worker import Worker

TROUBLESOME = Path(__file__).with_name("troublesome.py")


def job(name: str, seconds: float = 0.3, seed: int = 1) -> bytes:
    return encode(
        Job(
            f"troublesome.{name}", f"{TROUBLESOME}::{name}", seed, 0, seconds, tuple(Oracle), tuple(ResetMode), 2.0
        )
    )  # fmt: skip


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def children() -> list[int]:
    me = os.getpid()
    return list(map(int, Path(f"/proc/{me}/task/{me}/children").read_text().split()))


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(1)
    before = children()
    yield executor
    executor.close()
    assert set(children()) <= set(before)


def result(executor: LocalExecutor, data: bytes, patience: float = 20.0) -> JobResult:
    return decode_result(executor.submit(data, patience).result(timeout=60))


def worker_of(result: JobResult) -> int:
    return int(result.worker.rpartition("/")[2])


def test_a_worker_runs_one_job_after_another(executor: LocalExecutor) -> None:
    first, second = result(executor, job("Whole")), result(executor, job("Forgets"))

    assert (first.outcome, second.outcome) == (JobOutcome.DONE, JobOutcome.DONE)
    assert first.worker == second.worker
    assert sum(first.cycles.values()) > 100
    assert (first.discoveries, [each.replays for each in second.discoveries]) == ((), [True])
    assert executor.restarts == 0


def test_a_job_says_how_much_memory_it_took(executor: LocalExecutor) -> None:
    assert 10 << 20 < result(executor, job("Whole")).memory < 1 << 30


def test_a_device_that_ends_the_process_costs_its_job_and_no_other(executor: LocalExecutor) -> None:
    exits, whole = executor.submit(job("Exits"), 20), executor.submit(job("Whole"), 20)

    with pytest.raises(WorkerDied, match="its process ended by itself with exit code 3"):
        exits.result(timeout=60)
    assert decode_result(whole.result(timeout=60)).outcome is JobOutcome.DONE
    assert executor.restarts == 1


def test_a_job_that_hangs_is_ended(executor: LocalExecutor) -> None:
    hangs, whole = executor.submit(job("Hangs"), 2.0), executor.submit(job("Whole"), 20)

    with pytest.raises(JobHung, match="no progress for"):
        hangs.result(timeout=60)
    assert decode_result(whole.result(timeout=60)).outcome is JobOutcome.DONE


def test_a_worker_that_is_killed_in_the_middle_is_replaced(executor: LocalExecutor) -> None:
    worker = worker_of(result(executor, job("Whole")))
    running = executor.submit(job("Whole", seconds=60), 20)
    wait_for(running.running)

    os.kill(worker, signal.SIGKILL)

    with pytest.raises(WorkerDied, match="ended by SIGKILL"):
        running.result(timeout=60)
    assert worker_of(result(executor, job("Whole"))) != worker


def test_a_process_is_renewed_after_many_jobs_and_that_is_no_restart(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressor.soak.executors._JOBS", 2)

    workers = [worker_of(result(executor, job("Whole", seconds=0.1))) for _ in range(3)]

    assert workers[0] == workers[1] != workers[2]
    assert executor.restarts == 0


def test_a_job_can_be_hurried(executor: LocalExecutor) -> None:
    result(executor, job("Whole"))  # the process is there
    running = executor.submit(job("Whole", seconds=600), 20)
    waiting = executor.submit(job("Whole", seconds=600), 20)
    wait_for(running.running)

    def hurried() -> bool:
        executor.hurry()
        return running.done()

    wait_for(hurried)
    assert decode_result(running.result()).outcome is JobOutcome.DONE
    assert waiting.cancelled()


def test_closing_ends_what_runs(executor: LocalExecutor) -> None:
    worker = worker_of(result(executor, job("Whole")))
    running = executor.submit(job("Whole", seconds=600), 20)
    wait_for(running.running)

    executor.close()

    assert members(worker) == []
    with pytest.raises(WorkerDied):
        running.result()


def test_workers_end_when_their_soak_is_killed(tmp_path: Path) -> None:
    import subprocess
    import sys

    soak = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys; from stressor.soak.executors import LocalExecutor\n"
            "executor = LocalExecutor(1)\n"
            "job, long = (bytes.fromhex(word) for word in sys.argv[1:])\n"
            "print(executor.submit(job, 20).result().decode(), flush=True)\n"
            "executor.submit(long, 20).result()",
            job("Whole").hex(), job("Whole", seconds=600).hex(),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(stressor.__file__).parents[1])},
    )  # fmt: skip
    assert soak.stdout is not None
    worker = worker_of(decode_result(soak.stdout.readline()))
    assert members(worker)

    soak.kill()
    soak.wait()
    soak.stdout.close()

    wait_for(lambda: not members(worker))


def test_a_job_that_is_hurried_makes_no_trace_smaller_and_still_replays_what_it_found() -> None:
    whole = decode_result(Worker().run(job("Forgets")))
    hurried = decode_result(Worker(lambda: True).run(job("Forgets")))

    (small,), (large,) = whole.discoveries, hurried.discoveries
    assert (small.replays, large.replays) == (True, True)
    assert small.record.id == large.record.id
    assert len(small.record.trace) == 2 < len(large.record.trace)


def test_what_was_slow_once_is_given_its_whole_time_in_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGGISH_WRITES", "0")
    data = msgspec.json.decode(job("Sluggish"), type=Job)

    result = decode_result(Worker().run(encode(msgspec.structs.replace(data, ordinal=1, batch_timeout=1.0))))

    assert {hung.record.divergence.cause for hung in result.discoveries} == {"hung"}
    assert not any(hung.replays for hung in result.discoveries)
