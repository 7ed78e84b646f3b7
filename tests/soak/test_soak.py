"""Whole sessions, on real workers."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest

from stressor.loop.finding import Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.chronicle import Acceptance
from stressor.soak.coordinator import Limits, Soak, SoakTarget
from stressor.soak.events import (
    FindingReplayed,
    FindingReported,
    JobEnded,
    SoakEvent,
    SoakFinished,
    SoakStarted,
    TargetLeft,
)
from stressor.soak.executors import LocalExecutor
from stressor.soak.history import FindingStatus, History, JobOutcome, SessionEnd
from stressor.soak.job import Verdict
from stressor.soak.journal import Journal
from stressor.soak.progress import SoakProgress
from tests.findings.test_store import full_disk
from tests.soak.test_executors import TROUBLESOME

pytestmark = pytest.mark.slow


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(TROUBLESOME, tmp_path))


class Session:
    """Runs sessions in the working directory; keeps what the last one told."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.events: list[SoakEvent] = []

    def run(
        self, *names: str, seconds: float | None = 1.0, quiet: float | None = None, findings: int | None = None,
        accepted: Mapping[str, Acceptance] | None = None, traces: Sequence[Finding] = (), patience: float = 20.0,
        stop: Callable[[], bool] = lambda: False, resume: bool = False, workers: int = 1,
    ) -> SoakFinished:  # fmt: skip
        targets = [SoakTarget(f"troublesome.{name}", f"troublesome.py::{name}", traces) for name in names]
        executor = LocalExecutor(workers)
        with Journal(Path("journal.sqlite"), writing=True) as journal:
            earlier = journal.resumable() if resume else None
            soak = Soak(
                targets, executor, journal, seed=7, oracles=list(Oracle), reset_modes=list(ResetMode), batch_timeout=1.0,
                settings={}, limits=Limits(seconds, quiet, findings), accepted=accepted or {}, keep=self.kept.append,
                stop=stop, patience=patience, resumes=earlier.soak if earlier else 0, before=earlier.seconds if earlier else 0.0,
            )  # fmt: skip
            try:
                self.events = []
                for event in soak.run():
                    self.events.append(event)
            finally:
                executor.close()
        last = self.events[-1]
        assert isinstance(last, SoakFinished)
        return last

    @property
    def history(self) -> History:
        with Journal(Path("journal.sqlite")) as journal:
            return journal.history()

    def of(self, kind: type[JobEnded]) -> list[JobEnded]:
        return [event for event in self.events if isinstance(event, kind)]

    def has_jobs_of_both(self) -> bool:
        """Return whether jobs of two targets ended, which is when some sessions stop."""
        return len({job.target for job in self.of(JobEnded)}) == 2

    @property
    def reported(self) -> list[tuple[str, FindingStatus]]:
        return [(event.finding.id, event.status) for event in self.events if isinstance(event, FindingReported)]

    @property
    def replayed(self) -> list[tuple[str, Verdict, FindingStatus]]:
        return [(event.finding.id, event.verdict, event.status) for event in self.events if isinstance(event, FindingReplayed)]

    @property
    def left(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, TargetLeft)]


@pytest.fixture
def session(device: Path) -> Session:
    return Session()


def test_a_clean_device_stays_clean(session: Session) -> None:
    finished = session.run("Whole", seconds=2.5)

    assert isinstance(session.events[0], SoakStarted)
    assert (finished.end, finished.failing, finished.problem) == (SessionEnd.DONE, (), "")
    assert finished.cycles == session.history.sessions[0].cycles > 100
    assert finished.jobs == len(session.of(JobEnded)) >= 2
    assert session.history.sessions[0].end is SessionEnd.DONE
    assert any(isinstance(event, SoakProgress) for event in session.events)


def test_a_finding_is_kept_and_told_once_and_looked_behind(session: Session) -> None:
    finished = session.run("Forgets", seconds=3.0)

    kept = session.kept[0]
    assert session.reported == [(kept.id, FindingStatus.NEW)]
    assert finished.failing == finished.found(FindingStatus.NEW) == (kept.id,)
    assert kept.divergence.first.path == "forgets/0.second"
    assert len(kept.trace) == 2
    assert session.history.findings[0].sightings <= 2  # a job that was under way had not heard of it


def test_each_job_draws_from_a_seed_of_its_own_that_repeats(session: Session) -> None:
    session.run("Whole", seconds=2.5)
    first = [job.seed for job in session.of(JobEnded)]
    session.run("Whole", "Forgets")
    second = [job.seed for job in session.of(JobEnded) if job.target == "troublesome.Whole"]

    shared = min(len(first), len(second))
    assert len(set(first)) == len(first)
    assert first[:shared] == second[:shared]


def test_a_resumed_soak_goes_on_where_it_was(session: Session) -> None:
    session.run("Whole", seconds=2.0)
    before = {job.seed for job in session.of(JobEnded)}
    session.run("Whole", seconds=3.5, resume=True)
    after = {job.seed for job in session.of(JobEnded)}

    assert before.isdisjoint(after)
    assert session.history.sessions[1].seconds < 3.5


def test_a_finding_of_an_earlier_session_is_replayed_and_not_new(session: Session) -> None:
    first = session.run("Forgets")
    second = session.run("Forgets")

    (identity,) = first.failing
    assert session.replayed == [(identity, Verdict.FAILED, FindingStatus.OPEN)]
    assert second.statuses == {identity: FindingStatus.OPEN}


def test_a_finding_stays_new_while_the_soak_goes_on_that_found_it(session: Session) -> None:
    first = session.run("Forgets", seconds=60.0, findings=1)
    resumed = session.run("Forgets", seconds=first.seconds + 2.0, resume=True)

    assert resumed.statuses == first.statuses == {session.kept[0].id: FindingStatus.NEW}
    assert [one.status for one in session.history.findings] == [FindingStatus.NEW]


def test_a_finding_that_did_not_replay_is_not_gone_because_it_still_does_not(session: Session) -> None:
    found = set(session.run("Moody").statuses)
    session.run("Moody", seconds=None, stop=lambda: bool(session.replayed))

    assert {(identity, verdict) for identity, verdict, _ in session.replayed} == {
        (identity, Verdict.FIXED) for identity in found
    }
    assert {status for _, _, status in session.replayed} == {FindingStatus.NOT_REPLAYING}
    assert {one.status for one in session.history.findings} == {FindingStatus.NOT_REPLAYING}


def test_a_known_finding_makes_no_soak_fail(session: Session) -> None:
    (identity,) = session.run("Forgets").failing

    finished = session.run("Forgets", accepted={identity: Acceptance("for a reason", "2026-11-28")})

    assert session.replayed == [(identity, Verdict.FAILED, FindingStatus.KNOWN)]
    assert finished.statuses == {identity: FindingStatus.KNOWN}


def test_a_known_finding_that_stops_failing_is_said_so(session: Session, device: Path) -> None:
    (identity,) = session.run("Forgets").failing
    device.write_text(device.read_text().replace('"forgets", fields=[', '"forgets", fields=[vm.u8("second"), '))

    finished = session.run("Forgets", accepted={identity: Acceptance("for a reason", "2026-11-28")})

    assert session.replayed == [(identity, Verdict.FIXED, FindingStatus.GONE)]
    assert finished.statuses == {identity: FindingStatus.GONE}
    assert session.history.findings[0].status is FindingStatus.GONE


def test_a_finding_that_is_fixed_is_found_when_it_comes_back(session: Session, device: Path) -> None:
    broken = device.read_text()
    (identity,) = session.run("Forgets").failing
    device.write_text(broken.replace('"forgets", fields=[', '"forgets", fields=[vm.u8("second"), '))
    session.run("Forgets")
    device.write_text(broken)

    finished = session.run("Forgets")

    assert session.replayed == [(identity, Verdict.FAILED, FindingStatus.OPEN)]
    assert finished.failing == (identity,)


def test_a_finding_that_does_not_replay_is_told_as_such(session: Session) -> None:
    finished = session.run("Moody")

    assert session.reported
    assert {status for _, status in session.reported} == {FindingStatus.NOT_REPLAYING}
    assert {one.status for one in session.history.findings} == {FindingStatus.NOT_REPLAYING}
    assert finished.failing == tuple(identity for identity, _ in session.reported)


def test_traces_from_elsewhere_are_replayed_first(session: Session) -> None:
    session.run("Forgets")
    finding = session.kept[0]
    Path("journal.sqlite").unlink()

    finished = session.run("Forgets", traces=[finding])

    assert session.replayed == [(finding.id, Verdict.FAILED, FindingStatus.OPEN)]
    assert finished.statuses == {finding.id: FindingStatus.OPEN}


def test_a_device_that_ends_its_process_is_told_and_the_others_go_on(session: Session) -> None:
    finished = session.run("Exits", "Whole", seconds=60.0, stop=session.has_jobs_of_both)

    died = [job for job in session.of(JobEnded) if job.target == "troublesome.Exits"]
    assert {(job.outcome, job.problem, job.attempts) for job in died} == {
        (JobOutcome.DIED, "its process ended by itself with exit code 3", 2)
    }
    assert finished.broken == ("troublesome.Exits",)
    assert finished.cycles > 100


def test_a_device_that_hangs_is_told_and_the_others_go_on(session: Session) -> None:
    session.run("Hangs", "Whole", seconds=60.0, patience=1.0, stop=session.has_jobs_of_both)

    outcomes = {(job.target, job.outcome) for job in session.of(JobEnded)}
    assert outcomes == {("troublesome.Hangs", JobOutcome.HUNG), ("troublesome.Whole", JobOutcome.DONE)}


def test_what_comes_to_nothing_again_and_again_is_left_alone(session: Session) -> None:
    finished = session.run("Exits", seconds=None)

    assert (finished.end, finished.cycles, finished.broken) == (SessionEnd.DONE, 0, ("troublesome.Exits",))
    assert session.left == [
        "3 jobs in a row came to nothing; the last one: died: its process ended by itself with exit code 3"
    ]


def test_a_target_that_cannot_be_loaded_is_told(session: Session) -> None:
    finished = session.run("Missing", "Whole", seconds=60.0, stop=session.has_jobs_of_both)

    assert finished.broken == ("troublesome.Missing",)
    assert finished.cycles > 100
    problems = {job.problem for job in session.of(JobEnded) if job.outcome is JobOutcome.BROKE}
    assert len(problems) == 1
    assert problems.pop().startswith("no Missing in troublesome.py")


def test_it_stops_when_nothing_new_was_seen_for_long_enough(session: Session) -> None:
    assert session.run("Whole", seconds=None, quiet=1.0).seconds < 15


def test_it_stops_at_so_many_findings(session: Session) -> None:
    assert len(session.run("Forgets", seconds=None, findings=1).failing) == 1


def test_an_interrupted_session_is_told_as_such(session: Session) -> None:
    started = iter([False] * 4)

    finished = session.run("Whole", seconds=None, stop=lambda: next(started, True))

    assert finished.end is SessionEnd.INTERRUPTED
    assert session.history.sessions[0].end is SessionEnd.INTERRUPTED


def test_a_disk_that_fills_up_ends_a_session_in_good_order_and_loses_nothing(session: Session) -> None:
    with contextlib.ExitStack() as until_the_end:

        def fill_up() -> bool:
            if session.of(JobEnded):
                until_the_end.enter_context(full_disk())
            return False

        finished = session.run("Whole", "Forgets", seconds=None, stop=fill_up)

    assert finished.end is SessionEnd.BROKE
    assert re.search(r"cannot be written: .*; make room, then resume with --resume", finished.problem)
    assert {identity for identity, _ in session.reported} == {finding.id for finding in session.kept}
    assert session.history.sessions[0].cycles == sum(job.cycles for job in session.of(JobEnded)) > 0


class SetClock(datetime):
    """A wall clock that somebody sets forth and back: each look at it is in another year."""

    years = itertools.cycle([2031, 1999, 2040, 1970])

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> SetClock:
        return cls(next(cls.years), 6, 1, tzinfo=tz)


def test_a_clock_that_jumps_between_and_within_sessions_changes_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("journal", "summary"):
        monkeypatch.setattr(f"stressor.soak.{module}.datetime", SetClock)
    monkeypatch.setattr(time, "time", lambda: SetClock.now(UTC).timestamp())
    began = time.monotonic()
    first = session.run("Whole", "Forgets", seconds=60.0, findings=1)
    jobs = [(job.target, job.seed) for job in session.of(JobEnded)]
    for later in (3.0, 6.0):
        finished = session.run("Whole", "Forgets", seconds=first.seconds + later, resume=True)
        jobs += [(job.target, job.seed) for job in session.of(JobEnded)]
        assert (finished.end, finished.failing) == (SessionEnd.DONE, first.failing)
    took = time.monotonic() - began

    history = session.history
    assert [one.began[:4] for one in history.sessions] == ["2031", "1999", "2040"]
    assert [one.number for one in history.sessions] == [1, 2, 3]
    assert len(set(jobs)) == len(jobs) == sum(sum(one.jobs.values()) for one in history.sessions)
    assert [one.finding.id for one in history.findings] == list(first.failing)
    # each took what was left of its time, by a clock that nobody sets, and ended so long after its beginning
    assert first.seconds + 6.0 <= sum(one.seconds for one in history.sessions) <= min(took, first.seconds + 12.0)
    for one in history.sessions:
        assert one.ended is not None
        span = datetime.fromisoformat(one.ended) - datetime.fromisoformat(one.began)
        assert span.total_seconds() == pytest.approx(one.seconds, abs=1.0)
    for target in history.targets:
        assert [moment.at for moment in target.moments] == sorted(moment.at for moment in target.moments)
        assert target.moments[-1].at <= sum(one.seconds for one in history.sessions)


def test_a_soak_ends_soon_after_its_time_whatever_its_jobs_are_at(session: Session) -> None:
    finished = session.run("Hangs", "Whole", seconds=3.0, patience=60.0, workers=2)

    assert finished.end is SessionEnd.DONE
    assert finished.cut in (1, 2)  # on one worker it hangs, and on the other as soon as it gets there
    assert 3.0 <= finished.seconds < 9.0
    assert {job.target for job in session.of(JobEnded)} <= {"troublesome.Whole"}
