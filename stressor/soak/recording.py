"""What a job's result changes in the tables of coverage and findings, within the job's transaction."""

from __future__ import annotations

import sqlite3

from stressor.findings.record import encode, finding_of
from stressor.soak.job import JobResult

__all__ = ["cover", "discover"]


def cover(
    database: sqlite3.Connection, target: int, job: int | None, result: JobResult, after: int
) -> tuple[str, ...]:
    """Record the fields of a target, and which of them a job saw; return those that nobody had seen.

    `after` is how many cycles of the target had been run by then.
    """
    seen, toggled = int(result.seen, 16), int(result.toggled, 16)
    stored = {
        name: (after is not None, whole)
        for name, after, whole in database.execute(
            "SELECT field, after, toggled FROM coverage WHERE target = ?", (target,)
        )
    }
    fields = [
        (name, position, bool(seen >> position & 1), bool(toggled >> position & 1))
        for position, name in enumerate(result.fields)
    ]
    database.executemany(
        "INSERT INTO coverage (target, field, position) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(target, name, position) for name, position, _, _ in fields if name not in stored],
    )
    new = [name for name, _, there, _ in fields if there and not stored.get(name, (False, 0))[0]]
    database.executemany(
        "UPDATE coverage SET job = ?, after = ? WHERE target = ? AND field = ?",
        [(job, after, target, name) for name in new],
    )
    database.executemany(
        "UPDATE coverage SET toggled = 1 WHERE target = ? AND field = ?",
        [(target, name) for name, _, _, whole in fields if whole and not stored.get(name, (False, 0))[1]],
    )
    return tuple(new)


def discover(
    database: sqlite3.Connection, target: int, session: int, job: int | None, result: JobResult, at: float, before: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Record what a job found, as sightings; return the ids of new findings, and of those that are better now:
    that replay where they did not, or have a shorter trace. `before` are the target's cycles before the job."""
    new: list[str] = []
    better: list[str] = []
    for each in result.discoveries:
        finding = finding_of(each.record)
        stored = database.execute(
            "SELECT replays, length FROM findings WHERE id = ?", (finding.id,)
        ).fetchone()
        values = (int(each.replays), each.attribute, len(finding.trace), encode(finding))
        if stored is None:
            new.append(finding.id)
            database.execute(
                "INSERT INTO findings VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM findings), ?, ?, ?, ?, ?, ?, ?, ?)",
                (finding.id, target, session, at, before + each.at, *values),
            )
        elif (each.replays, -len(finding.trace)) > (bool(stored[0]), -stored[1]):
            better.append(finding.id)
            database.execute(
                "UPDATE findings SET replays = ?, attribute = ?, length = ?, record = ? WHERE id = ?",
                (*values, finding.id),
            )
        database.execute(
            "INSERT INTO sightings (finding, session, job, what) VALUES (?, ?, ?, 'found')",
            (finding.id, session, job),
        )
    return tuple(new), tuple(better)
