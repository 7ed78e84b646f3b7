"""The journal of all soaks: one SQLite file, in which a finished job is there whole or not at all.

Killed at any moment, it has everything but the jobs that were running. Times are seconds since a session
began, by a clock that nobody sets; only when a session began is the time of day. One soak at a time writes, others may
read meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from stressor import __version__
from stressor.errors import RecordError
from stressor.findings.record import decode
from stressor.loop.finding import Finding
from stressor.soak.chronicle import FRESH, Acceptance, history_of
from stressor.soak.history import History, SessionEnd
from stressor.soak.job import Job, JobResult, Replayed, Verdict
from stressor.soak.lock import lock, unlock
from stressor.soak.recording import cover, discover
from stressor.soak.schema import APPLICATION, MIGRATIONS

__all__ = ["Journal", "Kept", "Novelty", "Resumable"]

_PATIENCE: Final = 30.0
"""Seconds to wait for another program that is in the middle of a write."""


class Novelty(NamedTuple):
    """What a job saw that nobody had seen: fields, and findings by id. `better` are findings that were
    there, and whose trace is shorter now, or replays where none did."""

    fields: tuple[str, ...]
    findings: tuple[str, ...]
    better: tuple[str, ...]


class Kept(NamedTuple):
    """A finding of the journal; the live attribute behind it is filled in. `fresh` and `replays` as in `status_of`."""

    finding: Finding
    fresh: bool
    replays: bool


@dataclass(frozen=True)
class Resumable:
    """A soak that can go on: its settings, and the seconds that its sessions took together."""

    soak: int
    seed: int
    settings: dict[str, Any]
    seconds: float


class Journal:
    """An open journal. Use it as a context manager.

    With `writing` it is made when it is not there, migrated forward, and nobody else may write. Raises
    RecordError, here and from every method, when the file is damaged, newer, locked, or cannot be written; what was in it
    stays as it was.
    """

    def __init__(self, file: Path, *, writing: bool = False) -> None:
        self.file: Final = file
        self._lock: int | None = None
        self._session = self._soak = 0
        if not writing and not file.is_file():
            raise RecordError(str(file), "there is no such journal", "`stressor soak` writes one; see --journal")
        with self._explained():
            if writing:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._lock = lock(file)
                if self._lock is None:
                    raise RecordError(
                        str(file), "another soak is writing it", "wait for its end, or name another file with --journal"
                    )
            try:
                self._database = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)
                self._prepare(writing)
            except BaseException:
                self.close()
                raise

    def _prepare(self, writing: bool) -> None:
        database = self._database
        if not writing:
            database.execute("PRAGMA query_only = ON")
        version = self._version()
        (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        if writing:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA cache_size = -256")  # KiB: one that fills for hours looks like a leak
            database.execute("PRAGMA foreign_keys = ON")
            self._migrate(version)
        elif version < len(MIGRATIONS):
            raise RecordError(
                str(self.file), f"written by an older Stressor (version {version})", "the next `stressor soak` migrates it"
            )

    def _version(self) -> int:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION:
            raise RecordError(str(self.file), "a database, and no journal", "name another file with --journal")
        if version > len(MIGRATIONS):
            raise RecordError(
                str(self.file),
                f"written by a newer Stressor (version {version}, this one knows {len(MIGRATIONS)})",
                "upgrade Stressor, or name another file with --journal",
            )
        return int(version)

    def _migrate(self, version: int) -> None:
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            with self._transaction():
                for statement in filter(str.strip, script.split(";")):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA application_id = {APPLICATION}")
                self._database.execute(f"PRAGMA user_version = {number}")

    def begin(
        self, *, seed: int, settings: Mapping[str, Any], workers: int, targets: Sequence[tuple[str, str]], resumes: int = 0
    ) -> int:
        """Begin a session, of the soak `resumes` or a new one; return its number.

        `targets` are names and specifications.
        """
        with self._transaction():
            cursor = self._database.execute(
                "INSERT INTO sessions (soak, began, seed, settings, version, workers) VALUES (?, ?, ?, ?, ?, ?)",
                (resumes, _text(datetime.now(UTC)), str(seed), json.dumps(settings), __version__, workers),
            )
            self._session = int(cursor.lastrowid or 0)
            self._soak = resumes or self._session
            self._database.execute("UPDATE sessions SET soak = ? WHERE number = ?", (self._soak, self._session))
            self._database.executemany(
                "INSERT INTO targets (name, specification, last_soak) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET specification = excluded.specification, last_soak = excluded.last_soak",
                [(name, specification, self._soak) for name, specification in targets],
            )
        return self._session

    def resumable(self) -> Resumable:
        """Return the last soak. Raises RecordError when there is none."""
        with self._explained():
            row = self._database.execute(
                "SELECT soak, seed, settings FROM sessions ORDER BY number DESC LIMIT 1"
            ).fetchone()
            if row is None:
                raise RecordError(str(self.file), "no soak to resume", "run `stressor soak` without --resume")
            soak, seed, settings = row
            (seconds,) = self._database.execute("SELECT sum(seconds) FROM sessions WHERE soak = ?", (soak,)).fetchone()
        return Resumable(soak, int(seed), json.loads(settings), seconds)

    def ordinals(self, target: str) -> Iterator[int]:
        """Yield the numbers of a target's jobs that this soak still has to do, for ever."""
        with self._explained():
            rows = self._database.execute(
                "SELECT ordinal FROM jobs JOIN targets ON targets.number = target WHERE soak = ? AND name = ?",
                (self._soak, target),
            ).fetchall()
        return _missing({number for (number,) in rows})

    def finished(self, job: Job, result: JobResult, *, at: float, attempts: int, session: Mapping[str, float]) -> Novelty:
        """Record a job, all of it or nothing; return what was new about it.

        `at` is when it ended. `session` are the columns of the session that change with it: `seconds`,
        `inside`, `workers`, `memory`, `restarts`.
        """
        with self._transaction():
            database = self._database
            target, before = database.execute(
                "SELECT number, cycles FROM targets WHERE name = ?", (job.target,)
            ).fetchone()
            cycles = sum(result.cycles.values())
            number = database.execute(
                "INSERT INTO jobs (session, soak, target, ordinal, seed, outcome, problem, attempts, at, seconds,"
                " inside, cycles, operations, worker, memory) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._session, self._soak, target, job.ordinal, str(job.seed), result.outcome, result.problem,
                    attempts, at, result.inside + result.overhead, result.inside, cycles,
                    sum(result.operations.values()), result.worker, result.memory,
                ),
            ).lastrowid  # fmt: skip
            database.executemany(
                "INSERT INTO cycles VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(self._session, target, mode, count) for mode, count in result.cycles.items()],
            )
            database.executemany(
                "INSERT INTO done VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [
                    (target, what, name, count)
                    for what, counts in (("operation", result.operations), ("oracle", result.oracles))
                    for name, count in counts.items()
                ],
            )
            database.execute("UPDATE targets SET cycles = cycles + ? WHERE number = ?", (cycles, target))
            if result.notes:
                database.execute("UPDATE targets SET notes = ? WHERE number = ?", (json.dumps(result.notes), target))
            fields = cover(database, target, number, result, before + cycles)
            found, better = discover(database, target, self._session, number, result, at, before)
            self._state(session)
        return Novelty(fields, found, better)

    def replayed(self, verdicts: Sequence[Replayed]) -> None:
        """Record what became of findings that were replayed; those that are not in the journal are passed over."""
        with self._transaction():
            for each in verdicts:
                self._database.execute(
                    "INSERT INTO sightings (finding, session, what) SELECT id, ?, ? FROM findings WHERE id = ?",
                    (self._session, each.verdict, each.id),
                )
                if each.verdict is Verdict.FAILED:
                    self._database.execute("UPDATE findings SET replays = 1 WHERE id = ?", (each.id,))

    def findings(self, target: str) -> list[Kept]:
        """Return the findings of a target."""
        with self._explained():
            rows = self._database.execute(
                f"SELECT record, attribute, {FRESH}, replays FROM findings JOIN targets ON targets.number = target"
                " WHERE name = ? ORDER BY findings.number",
                (target,),
            ).fetchall()
        return [
            Kept(_with_attribute(decode(record, str(self.file)), attribute), bool(fresh), bool(replays))
            for record, attribute, fresh, replays in rows
        ]

    def left_open(self, targets: Collection[str]) -> list[str]:
        """Return the ids of findings of other targets than these, but those that were gone when last replayed."""
        with self._explained():
            rows = self._database.execute(
                "SELECT findings.id, name, (SELECT what FROM sightings WHERE finding = findings.id AND what != ?"
                " ORDER BY number DESC LIMIT 1) FROM findings JOIN targets ON targets.number = target ORDER BY findings.number",
                (Verdict.ERROR,),
            ).fetchall()
        return [identity for identity, name, last in rows if name not in targets and last != Verdict.FIXED]

    def coverage(self) -> dict[str, tuple[int, int]]:
        """Return by target how many of its fields were seen, and how many there are."""
        with self._explained():
            rows = self._database.execute(
                "SELECT name, count(after), count(field) FROM targets LEFT JOIN coverage ON target = number GROUP BY number"
            ).fetchall()
        return {name: (seen, fields) for name, seen, fields in rows}

    def remove(self, identity: str) -> None:
        """Forget a finding; only for one that is proven fixed."""
        with self._transaction():
            self._database.execute("DELETE FROM sightings WHERE finding = ?", (identity,))
            self._database.execute("DELETE FROM findings WHERE id = ?", (identity,))

    def state(self, session: Mapping[str, float]) -> None:
        """Record the columns of the session that change, without a job."""
        with self._transaction():
            self._state(session)

    def _state(self, session: Mapping[str, float]) -> None:
        columns = ", ".join(f"{name} = ?" for name in session)
        self._database.execute(
            f"UPDATE sessions SET {columns} WHERE number = ?", (*session.values(), self._session)
        )

    def end(self, how: SessionEnd, session: Mapping[str, float]) -> None:
        """Record the end of the session. It took so long as the clock says that nobody sets."""
        with self._transaction():
            self._state(session)
            (began,) = self._database.execute(
                "SELECT began FROM sessions WHERE number = ?", (self._session,)
            ).fetchone()
            ended = datetime.fromisoformat(began) + timedelta(seconds=session["seconds"])
            self._database.execute(
                'UPDATE sessions SET ended = ?, "end" = ? WHERE number = ?', (_text(ended), how, self._session)
            )

    def history(self, accepted: Mapping[str, Acceptance] | None = None) -> History:
        """Return all there is to tell; `accepted` are the findings that somebody accepted, by id."""
        with self._explained():
            self._database.execute("BEGIN")  # one moment of a journal that somebody may be writing
            try:
                return history_of(self._database, accepted or {}, str(self.file))
            finally:
                self._database.execute("ROLLBACK")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Record what is done inside in one transaction, so that the disk is waited for once."""
        with self._transaction():
            yield

    def close(self) -> None:
        """Let go of the file."""
        if hasattr(self, "_database"):
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        if self._lock is not None:
            unlock(self.file, self._lock)
            self._lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            if self._database.in_transaction:
                yield
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the system say into the problem and its cure."""
        try:
            yield
        except sqlite3.Error as error:
            raise RecordError(str(self.file), *_problem(error)) from error
        except OSError as error:
            raise RecordError(
                str(self.file), f"cannot be used: {error.strerror or error}", "name another file with --journal"
            ) from error


def _problem(error: sqlite3.Error) -> tuple[str, str]:
    """Return what is wrong with a journal, and the cure."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "locked by another program for too long", "close what has it open, then resume with --resume"
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return f"cannot be written: {error}", "make room, then resume with --resume"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"cannot be written: {error}", "check its permissions, or name another file with --journal"
    return (
        f"damaged: {error}",
        "move it away and a new one is begun, or rescue what is in it with `sqlite3 FILE .recover`",
    )


def _missing(there: set[int]) -> Iterator[int]:
    number = 0
    while True:
        if number not in there:
            yield number
        number += 1


def _with_attribute(finding: Finding, attribute: str) -> Finding:
    return replace(finding, divergence=replace(finding.divergence, attribute=attribute))


def _text(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
