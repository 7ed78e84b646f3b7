from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from stressor.errors import RecordError
from stressor.soak import schema
from stressor.soak.chronicle import Acceptance
from stressor.soak.history import (
    FieldHistory,
    FieldState,
    FindingStatus,
    JobOutcome,
    Moment,
    SessionEnd,
)
from stressor.soak.job import JobResult, Replayed, Verdict
from stressor.soak.journal import Journal, Novelty
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.findings.test_store import full_disk
from tests.soak.samples import FIELDS, TARGET, discovery, job, result

FOUND = FORGOTTEN_FIFO.id
SESSION = {"seconds": 10.0, "inside": 15.0, "workers": 2, "memory": 3 << 20, "restarts": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "journal.sqlite"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    with Journal(file, writing=True) as journal:
        begin(journal)
        yield journal


def begin(journal: Journal, resumes: int = 0) -> int:
    return journal.begin(
        seed=2**64 - 1, settings={"seed": [5, 0, "option"]}, workers=2, resumes=resumes,
        targets=[(TARGET, "devices/uart.py::UART"), ("other", "devices/other.py::Other")],
    )  # fmt: skip


def finished(journal: Journal, what: JobResult, ordinal: int = 0, at: float = 1.0) -> Novelty:
    return journal.finished(job(ordinal), what, at=at, attempts=1, session=SESSION)


def status_of(journal: Journal, accepted: dict[str, Acceptance] | None = None) -> FindingStatus:
    (one,) = journal.history(accepted).findings
    return one.status


def test_jobs_that_are_recorded_together_are_there_all_or_none(journal: Journal) -> None:
    def two_jobs(*, killed: bool) -> None:
        with journal.together():
            finished(journal, result(discovery()))
            finished(journal, result(), ordinal=1)
            if killed:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_jobs(killed=True)
    before = journal.history()
    two_jobs(killed=False)

    assert (before.sessions[0].jobs, before.findings) == ({}, ())
    assert journal.history().sessions[0].jobs == {JobOutcome.DONE: 2}


def test_a_field_of_which_every_bit_toggled_stays_so(journal: Journal) -> None:
    finished(journal, msgspec.structs.replace(result(seen="3"), toggled="1"))
    finished(journal, msgspec.structs.replace(result(seen="7"), toggled="2"), ordinal=1)

    states = [field.state for field in journal.history().targets[0].fields]
    assert states == [FieldState.ALL_BITS, FieldState.ALL_BITS, FieldState.SEEN]


def test_a_job_is_told_with_all_that_it_came_to(journal: Journal) -> None:
    finished(journal, result(discovery(), seen="5"))

    history = journal.history()
    (session,) = history.sessions
    assert (session.seed, session.jobs, session.cycles, session.operations) == (2**64 - 1, {JobOutcome.DONE: 1}, 100, 10)
    assert (session.inside, session.memory, session.restarts) == (0.75, 3 << 20, 1)
    target = history.targets[0]
    assert (target.name, target.cycles, round(target.seconds, 3)) == (TARGET, 100, 1.1)
    assert target.fields == (
        FieldHistory(FIELDS[0], FieldState.SEEN, 100),
        FieldHistory(FIELDS[1], FieldState.NEVER),
        FieldHistory(FIELDS[2], FieldState.SEEN, 100),
    )
    assert (target.oracles_idle, target.operations_undrawn) == (("invariants-hold",), ("write",))
    (found,) = history.findings
    assert (found.finding, found.sightings, found.cycles, found.at) == (FORGOTTEN_FIFO, 1, 5, 1.0)
    assert found.status is FindingStatus.NEW


def test_what_was_seen_before_is_not_new(journal: Journal) -> None:
    first = finished(journal, result(discovery(), seen="1"))
    second = finished(journal, result(discovery(), seen="3"), ordinal=1)

    assert first == ((FIELDS[0],), (FOUND,), ())
    assert second == ((FIELDS[1],), (), ())
    assert journal.history().findings[0].sightings == 2


def test_a_shorter_trace_takes_the_place_of_a_longer_one(journal: Journal) -> None:
    longer = dataclasses.replace(FORGOTTEN_FIFO, trace=FORGOTTEN_FIFO.trace[:1] * 9 + FORGOTTEN_FIFO.trace)
    finished(journal, result(discovery(longer)))

    novelty = finished(journal, result(discovery()), ordinal=1)

    assert novelty.better == (FOUND,)
    assert journal.history().findings[0].finding == FORGOTTEN_FIFO


def test_a_trace_that_replays_is_not_given_up_for_a_shorter_one_that_does_not(journal: Journal) -> None:
    longer = dataclasses.replace(FORGOTTEN_FIFO, trace=FORGOTTEN_FIFO.trace[:1] * 9 + FORGOTTEN_FIFO.trace)
    finished(journal, result(discovery(longer)))

    finished(journal, result(discovery(replays=False)), ordinal=1)

    assert journal.history().findings[0].finding == longer


def test_a_finding_is_not_replaying_new_open_known_or_gone(journal: Journal) -> None:
    accepted = {FOUND: Acceptance("the driver copes", "2026-11-28")}
    finished(journal, result(discovery(replays=False)))
    statuses = [status_of(journal)]
    journal.replayed([Replayed(FOUND, Verdict.FAILED)])
    statuses += [status_of(journal)]
    begin(journal)
    statuses += [status_of(journal), status_of(journal, accepted)]
    journal.replayed([Replayed(FOUND, Verdict.FIXED)])
    statuses += [status_of(journal, accepted)]
    journal.replayed([Replayed(FOUND, Verdict.ERROR, "no such file")])
    statuses += [status_of(journal)]
    finished(journal, result(discovery()))
    statuses += [status_of(journal)]

    assert statuses == [
        FindingStatus.NOT_REPLAYING, FindingStatus.NEW, FindingStatus.OPEN, FindingStatus.KNOWN, FindingStatus.GONE,
        FindingStatus.GONE, FindingStatus.OPEN,
    ]  # fmt: skip


def troubles(journal: Journal) -> list[str]:
    return [target.trouble for target in journal.history().targets]


@pytest.mark.parametrize(
    ("last", "trouble"),
    [
        (result(), ""),
        (JobResult(JobOutcome.DIED, "its process ended by itself"), "died: its process ended by itself"),
        (JobResult(JobOutcome.DONE, "a device that cannot be migrated", "not migratable"), "a device that cannot be migrated"),
    ],
    ids=["done", "died", "unsuitable"],
)
def test_what_the_last_soak_did_not_look_at_is_told_with_the_reason(journal: Journal, last: JobResult, trouble: str) -> None:
    finished(journal, result())
    finished(journal, last, ordinal=1)

    assert troubles(journal) == [trouble, "no job of it ended"]

    journal.begin(seed=1, settings={}, workers=1, targets=[("other", "devices/other.py::Other")])

    assert troubles(journal) == ["", "no job of it ended"]


def test_open_findings_of_other_targets_are_left_open(journal: Journal) -> None:
    begin(journal)
    finished(journal, result(discovery()))

    assert (journal.left_open([TARGET]), journal.left_open(["another"])) == ([], [FOUND])
    journal.replayed([Replayed(FOUND, Verdict.FIXED)])
    journal.replayed([Replayed(FOUND, Verdict.ERROR, "no such file")])
    assert journal.left_open([]) == []


def test_what_a_resumed_soak_found_before_is_still_new(journal: Journal) -> None:
    finished(journal, result(discovery()))

    begin(journal, resumes=1)

    assert status_of(journal) is FindingStatus.NEW


def test_soak_time_goes_on_from_session_to_session(journal: Journal) -> None:
    finished(journal, result(), at=4.0)
    journal.end(SessionEnd.DONE, SESSION)
    begin(journal)
    finished(journal, result(), at=3.0)

    assert journal.history().targets[0].moments == (Moment(4.0, 100), Moment(13.0, 200))


def test_a_session_took_as_long_as_the_clock_says_that_nobody_sets(journal: Journal) -> None:
    journal.end(SessionEnd.INTERRUPTED, {**SESSION, "seconds": 3600.0})

    (session,) = journal.history().sessions
    assert session.ended is not None
    assert (session.end, session.seconds) == (SessionEnd.INTERRUPTED, 3600.0)
    assert int(session.ended[11:13]) == (int(session.began[11:13]) + 1) % 24


def test_moments_are_thinned_out(journal: Journal) -> None:
    for ordinal in range(700):
        finished(journal, result(cycles=1), ordinal, at=float(ordinal))

    moments = journal.history().targets[0].moments
    assert len(moments) <= 301
    assert (moments[0], moments[-1]) == (Moment(0.0, 1), Moment(699.0, 700))


def test_a_soak_goes_on_with_what_is_missing(journal: Journal) -> None:
    for ordinal in (0, 1, 3):
        finished(journal, result(), ordinal)

    earlier = journal.resumable()
    begin(journal, resumes=earlier.soak)

    assert (earlier.seed, earlier.settings, earlier.seconds) == (2**64 - 1, {"seed": [5, 0, "option"]}, 10.0)
    assert list(itertools.islice(journal.ordinals(TARGET), 3)) == [2, 4, 5]
    assert list(itertools.islice(journal.ordinals("other"), 2)) == [0, 1]


def test_another_soak_begins_its_jobs_anew(journal: Journal) -> None:
    finished(journal, result())

    begin(journal)

    assert next(journal.ordinals(TARGET)) == 0


def test_a_job_is_counted_once(journal: Journal) -> None:
    finished(journal, result())

    with pytest.raises(RecordError):
        finished(journal, result(discovery()))

    assert (journal.history().sessions[0].cycles, journal.history().findings) == (100, ())


def test_the_live_attribute_of_a_finding_is_kept(journal: Journal) -> None:
    finished(journal, result(discovery()))

    assert [each.finding.divergence.attribute for each in journal.findings(TARGET)] == ["fifo"]
    assert journal.findings("other") == []


def test_what_is_removed_is_gone(journal: Journal) -> None:
    finished(journal, result(discovery(), discovery(LOST_INTERRUPT)))

    journal.remove(FOUND)

    assert [one.finding for one in journal.history().findings] == [LOST_INTERRUPT]


def test_others_may_read_while_a_soak_writes(journal: Journal, file: Path) -> None:
    finished(journal, result(discovery()))

    with Journal(file) as other:
        assert other.history() == journal.history()
        with pytest.raises(RecordError):
            other.remove(FOUND)


def test_a_second_soak_on_one_journal_is_refused(journal: Journal, file: Path) -> None:
    with pytest.raises(RecordError, match="another soak is writing it; wait for its end, or name another"):
        Journal(file, writing=True)

    journal.close()
    Journal(file, writing=True).close()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_journal_that_another_program_has_locked_is_told_and_intact(
    journal: Journal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.close()
    monkeypatch.setattr("stressor.soak.journal._PATIENCE", 0.1)
    with Journal(file, writing=True) as journal, contextlib.closing(sqlite3.connect(file)) as other:
        begin(journal)
        finished(journal, result())
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(RecordError, match="locked by another program for too long; close what has it open"):
            finished(journal, result(), ordinal=1)

        other.rollback()
        finished(journal, result(), ordinal=1)
        assert journal.history().sessions[-1].cycles == 200


@pytest.mark.parametrize("garbage", [b"not a database, and long enough to be looked at" * 100, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_file_that_is_no_journal_is_not_touched(file: Path, garbage: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(garbage)

    with pytest.raises(RecordError, match=r"damaged: .*move it away and a new one is begun"):
        Journal(file, writing=True)

    assert file.read_bytes() == garbage


def test_a_damaged_page_is_told(journal: Journal, file: Path) -> None:
    for ordinal in range(200):
        finished(journal, result(), ordinal)
    journal.close()
    data = bytearray(file.read_bytes())
    data[8192:20480] = b"\xee" * 12288
    file.write_bytes(data)

    with pytest.raises(RecordError, match="damaged"):
        Journal(file, writing=True)
    assert file.read_bytes() == data


def test_another_database_is_not_touched(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
        other.execute("CREATE TABLE mine (x)")

    with pytest.raises(RecordError, match="a database, and no journal; name another file"):
        Journal(tmp_path / "other.sqlite", writing=True)


def test_a_newer_journal_is_refused(journal: Journal, file: Path) -> None:
    journal.close()
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")

    with pytest.raises(RecordError, match=r"written by a newer Stressor .*; upgrade Stressor"):
        Journal(file, writing=True)


def test_an_older_journal_is_migrated_forward_with_all_that_is_in_it(
    journal: Journal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(journal, result(discovery()))
    before = journal.history()
    journal.close()
    later = "ALTER TABLE jobs ADD COLUMN mood TEXT; CREATE TABLE weather (day TEXT)"
    monkeypatch.setattr("stressor.soak.journal.MIGRATIONS", (*schema.MIGRATIONS, later))

    with pytest.raises(RecordError, match="written by an older Stressor"):
        Journal(file)
    with Journal(file, writing=True) as journal:
        assert journal.history() == before
    Journal(file).close()


def test_a_migration_that_fails_changes_nothing(
    journal: Journal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.close()
    later = "CREATE TABLE weather (day TEXT); CREATE TABLE jobs (x)"
    with monkeypatch.context() as patch:
        patch.setattr("stressor.soak.journal.MIGRATIONS", (*schema.MIGRATIONS, later))
        with pytest.raises(RecordError):
            Journal(file, writing=True)

    Journal(file, writing=True).close()


@contextmanager
def full(journal: Journal) -> Iterator[None]:
    """A disk with no room for another page of the database."""
    database = journal._database
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    yield
    database.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_is_told_and_loses_nothing(journal: Journal) -> None:
    finished(journal, result(discovery()))
    before = journal.history()

    with full(journal), pytest.raises(RecordError, match=r"cannot be written: .*full; make room, then resume"):
        finished(journal, with_many_fields(), ordinal=1)

    assert journal.history() == before
    finished(journal, with_many_fields(), ordinal=1)


def with_many_fields() -> JobResult:
    """Return a result that takes more than what is left of a page."""
    return msgspec.structs.replace(result(), fields=tuple(f"serial/0.field{number}" for number in range(1000)))


def test_a_disk_that_takes_no_more_bytes_is_told(journal: Journal, file: Path) -> None:
    finished(journal, result(discovery()))

    with full_disk(), pytest.raises(RecordError, match=r"cannot be written: .*make room"):
        finished(journal, result(), ordinal=1)

    journal.close()
    with Journal(file, writing=True) as journal:
        assert journal.history().sessions[0].cycles == 100


def test_a_journal_that_is_not_there_is_not_made_by_a_reader(file: Path) -> None:
    with pytest.raises(RecordError, match="there is no such journal; `stressor soak` writes one"):
        Journal(file)

    assert not file.exists()


def test_there_is_nothing_to_resume_in_a_new_journal(file: Path) -> None:
    with Journal(file, writing=True) as journal, pytest.raises(RecordError, match="no soak to resume; run `stressor soak`"):
        journal.resumable()
