"""The tables of a journal, version by version. A journal is migrated forward when it is opened, never back."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION: Final = 0x53545253
"""SQLite's `application_id` of a journal: a database that is no journal is not touched."""

MIGRATIONS: Final = (
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY, soak INTEGER NOT NULL, began TEXT NOT NULL, ended TEXT, "end" TEXT,
        seed TEXT NOT NULL, settings TEXT NOT NULL, version TEXT NOT NULL, workers INTEGER NOT NULL,
        seconds REAL NOT NULL DEFAULT 0, inside REAL NOT NULL DEFAULT 0, memory INTEGER NOT NULL DEFAULT 0,
        restarts INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE targets (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, specification TEXT NOT NULL,
        notes TEXT NOT NULL DEFAULT '[]', cycles INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions, soak INTEGER NOT NULL,
        target INTEGER NOT NULL REFERENCES targets, ordinal INTEGER NOT NULL, seed TEXT NOT NULL,
        outcome TEXT NOT NULL, problem TEXT NOT NULL, attempts INTEGER NOT NULL, at REAL NOT NULL,
        seconds REAL NOT NULL, inside REAL NOT NULL, cycles INTEGER NOT NULL, operations INTEGER NOT NULL,
        worker TEXT NOT NULL, memory INTEGER NOT NULL, UNIQUE (soak, target, ordinal)
    );
    CREATE INDEX jobs_of_target ON jobs (target, number);
    CREATE TABLE cycles (
        session INTEGER NOT NULL REFERENCES sessions, target INTEGER NOT NULL REFERENCES targets,
        mode TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (session, target, mode)
    );
    CREATE TABLE done (
        target INTEGER NOT NULL REFERENCES targets, what TEXT NOT NULL, name TEXT NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (target, what, name)
    );
    CREATE TABLE coverage (
        target INTEGER NOT NULL REFERENCES targets, field TEXT NOT NULL, position INTEGER NOT NULL,
        job INTEGER REFERENCES jobs, after INTEGER, toggled INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (target, field)
    );
    CREATE TABLE findings (
        id TEXT PRIMARY KEY, number INTEGER NOT NULL, target INTEGER NOT NULL REFERENCES targets,
        session INTEGER NOT NULL REFERENCES sessions, at REAL NOT NULL, cycles INTEGER NOT NULL,
        replays INTEGER NOT NULL, attribute TEXT NOT NULL, length INTEGER NOT NULL, record BLOB NOT NULL
    );
    CREATE TABLE sightings (
        number INTEGER PRIMARY KEY, finding TEXT NOT NULL REFERENCES findings,
        session INTEGER NOT NULL REFERENCES sessions, job INTEGER REFERENCES jobs, what TEXT NOT NULL
    );
    CREATE INDEX sightings_of_finding ON sightings (finding, number);
    """,
    """
    ALTER TABLE targets ADD COLUMN last_soak INTEGER NOT NULL DEFAULT 0;
    """,
)
"""What leads from each version to the next; the first makes an empty file version 1."""
