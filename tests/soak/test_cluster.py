"""A real scheduler and real workers, on loopback: killed, added, and with nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stressor
from stressor.errors import UsageError
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.cluster import ClusterExecutor
from stressor.soak.coordinator import Limits, Soak, SoakTarget
from stressor.soak.events import JobEnded, SoakEvent, SoakFinished
from stressor.soak.executors import JobHung, WorkerDied
from stressor.soak.history import JobOutcome, SessionEnd
from stressor.soak.job import Job, Sources, decode_result, encode
from stressor.soak.journal import Journal
from stressor.soak.sources import gathered
from stressor.targets.loader import find_models
from tests.soak.test_executors import TROUBLESOME, members, wait_for

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler, and the workers that were added to it; each in a folder of its own, away from the devices."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._file))
        self.workers: list[subprocess.Popen[bytes]] = []
        wait_for(lambda: self._file.exists() and "tcp://" in self._file.read_text(), 60)

    @property
    def address(self) -> str:
        text = self._file.read_text()
        return text[text.index("tcp://") :].partition('"')[0]

    def add_worker(self) -> subprocess.Popen[bytes]:
        worker = self._start(
            "worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--local-directory",
            str(self._folder),
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def children(self) -> list[str]:
        """Return the processes below all workers that are alive."""
        return [child for worker in self.workers if worker.poll() is None for child in _children(worker.pid)]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--no-dashboard"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(stressor.__file__).parents[1])},
        )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.add_worker()
        cluster.add_worker()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def executor(cluster: Cluster) -> Iterator[ClusterExecutor]:
    executor = ClusterExecutor(cluster.address)
    wait_for(lambda: executor.workers >= 2, 60)
    yield executor
    executor.close()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose device imports a module of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    for name in [name for name in sys.modules if name.partition(".")[0] == "parts"]:
        monkeypatch.delitem(sys.modules, name)  # of another test's project
    text = TROUBLESOME.read_text()
    text = text.replace("import stressor.vmstate as vm\n", "import stressor.vmstate as vm\nfrom parts.size import SIZE\n")
    text = text.replace("Region(size=2", "Region(size=SIZE")
    (tmp_path / "parts" / "size.py").write_text("SIZE = 2\n")
    file = tmp_path / "parts" / "troublesome.py"
    file.write_text(text)
    return file


def target(name: str) -> SoakTarget:
    specification = f"parts/troublesome.py::{name}"
    (model,) = find_models([specification])
    return SoakTarget(model.name, specification, (), gathered(specification, Path()))


def job(name: str, seconds: float = 0.3, sources: Sources | None = None) -> bytes:
    it = target(name)
    return encode(
        Job(
            it.name, it.specification, 1, 0, seconds, tuple(Oracle), tuple(ResetMode), 2.0, (), (),
            sources or it.sources,
        )
    )  # fmt: skip


def test_code_travels_and_findings_name_it_as_it_is_called_here(executor: ClusterExecutor, device: Path) -> None:
    result = decode_result(executor.submit(job("Forgets"), 20).result(timeout=60))

    assert (result.outcome, result.problem) == (JobOutcome.DONE, "")
    (found,) = result.discoveries
    assert found.replays
    assert found.record.divergence.declared is None or found.record.divergence.declared.startswith("parts/")
    assert found.record.specification == "parts/troublesome.py::Forgets"


def test_trouble_is_the_same_as_on_this_machine(executor: ClusterExecutor, device: Path) -> None:
    exits, hangs = executor.submit(job("Exits"), 20), executor.submit(job("Hangs"), 2.0)

    with pytest.raises(WorkerDied, match="its process ended by itself with exit code 3"):
        exits.result(timeout=60)
    with pytest.raises(JobHung, match="no progress for 2 s"):
        hangs.result(timeout=60)


def test_another_stressor_on_a_worker_is_told(executor: ClusterExecutor, device: Path) -> None:
    result = decode_result(executor.submit(job("Whole", sources=Sources(stressor="other")), 20).result(timeout=60))

    assert result.outcome is JobOutcome.BROKE
    assert "has another Stressor; install the same version there" in result.problem


def session(
    executor: ClusterExecutor, *targets: SoakTarget, stop: Callable[[], bool] = lambda: False
) -> Iterator[SoakEvent]:
    with Journal(Path("journal.sqlite"), writing=True) as journal:
        yield from Soak(
            targets, executor, journal, seed=7, oracles=list(Oracle), reset_modes=list(ResetMode), batch_timeout=2.0,
            settings={}, limits=Limits(seconds=60.0), accepted={}, keep=lambda finding: None, stop=stop,
        ).run()  # fmt: skip


def test_a_worker_is_killed_and_one_is_added_and_nothing_is_lost(
    cluster: Cluster, executor: ClusterExecutor, device: Path
) -> None:
    events: list[SoakEvent] = []
    lost = 0

    def stop() -> bool:
        return len(jobs_of_each_worker()) >= 3

    for event in session(executor, target("Whole"), target("Forgets"), stop=stop):
        events.append(event)
        if not lost and len(jobs_of_each_worker()) == 2:
            lost = cluster.workers[0].pid
            children = [int(each) for each in _children(lost)]
            os.kill(lost, signal.SIGKILL)
            cluster.workers[0].wait()
            cluster.add_worker()

    jobs = [event for event in events if isinstance(event, JobEnded)]
    finished = events[-1]
    assert isinstance(finished, SoakFinished)
    assert (finished.end, finished.broken, len(finished.failing)) == (SessionEnd.INTERRUPTED, (), 1)
    assert {each.outcome for each in jobs} == {JobOutcome.DONE}
    assert len({(each.target, each.seed) for each in jobs}) == len(jobs) == finished.jobs
    with Journal(Path("journal.sqlite")) as journal:
        history = journal.history()
    ordinals = [ordinal for ordinal, _ in _rows("SELECT ordinal, number FROM jobs WHERE target = 1 ORDER BY ordinal")]
    assert len(jobs_of_each_worker()) == 3
    assert ordinals == list(range(len(ordinals)))
    assert history.sessions[0].cycles == finished.cycles
    assert history.sessions[0].restarts >= 1
    wait_for(lambda: not any(members(child) for child in children))


def jobs_of_each_worker() -> dict[object, object]:
    return dict(_rows("SELECT worker, count(*) FROM jobs GROUP BY worker"))


def _children(process: int) -> list[str]:
    return [
        number
        for thread in Path(f"/proc/{process}/task").iterdir()
        for number in (thread / "children").read_text().split()
    ]


def _unpacked(processes: list[str]) -> list[Path]:
    """Return the folders that processes keep in memory-backed storage, or where there is none in the usual place."""
    places = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    return [folder for place in places for process in processes for folder in place.glob(f"stressor-{process}-*")]


def _rows(query: str) -> list[tuple[object, object]]:
    with contextlib.closing(sqlite3.connect("journal.sqlite")) as database:
        return database.execute(query).fetchall()


def test_nothing_is_left_on_the_workers(cluster: Cluster, device: Path) -> None:
    executor = ClusterExecutor(cluster.address)
    executor.submit(job("Whole"), 20).result(timeout=60)
    before = cluster.children()

    assert _unpacked(before)
    executor.close()

    assert before
    assert not _unpacked(before)
    wait_for(lambda: not cluster.children())


def test_a_scheduler_that_goes_away_ends_the_session_in_good_order(tmp_path: Path, device: Path) -> None:
    (tmp_path / "own").mkdir()
    cluster = Cluster(tmp_path / "own")
    try:
        cluster.add_worker()
        executor = ClusterExecutor(cluster.address)
        wait_for(lambda: executor.workers, 60)
        events: list[SoakEvent] = []
        for event in session(executor, target("Whole")):
            events.append(event)
            if isinstance(event, JobEnded):
                cluster.scheduler.kill()
        executor.close()
    finally:
        cluster.close()

    finished = events[-1]
    assert isinstance(finished, SoakFinished)
    assert finished.end is SessionEnd.BROKE
    assert finished.problem.startswith("the scheduler at tcp://127.0.0.1:")


def test_an_address_where_nobody_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stressor.soak.cluster._CONNECTING", "1s")

    with pytest.raises(UsageError, match=r"--cluster tcp://127.0.0.1:9: no scheduler answers: .*; start one with `dask"):
        ClusterExecutor("tcp://127.0.0.1:9")
