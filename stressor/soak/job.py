"""What goes to a worker, and what comes back: plain JSON of bounded size, and no pickle.

A job is one bounded campaign on one target. What it draws derives from its seed, and its seconds say
only when it ends. It carries what is found already, so that it looks behind that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

import msgspec

from stressor.errors import TargetError
from stressor.findings.record import Record, finding_of, record_of
from stressor.loop.finding import Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.history import JobOutcome

__all__ = [
    "LARGEST", "Discovery", "Job", "JobResult", "KnownFinding", "Replayed", "Sources", "Verdict", "bits_of",
    "decode_job", "decode_result", "encode", "known",
]  # fmt: skip

LARGEST: Final = 64 << 20
"""Bytes of a job or a result at most; more is refused unread."""


class Verdict(StrEnum):
    """What a replay said."""

    FAILED = "failed"
    FIXED = "fixed"
    ERROR = "error"


class KnownFinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that a campaign is to know already; `attribute` is the live one behind its field."""

    record: Record
    attribute: str = ""

    def finding(self) -> Finding:
        """Return it, as a campaign takes it. Raises ValueError for what is none."""
        finding = finding_of(self.record)
        return replace(finding, divergence=replace(finding.divergence, attribute=self.attribute))


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of a target for a worker on another machine.

    `files` are the project's own by path (slashes, from its root): their text. `imported` holds the
    SHA-256 of what is reached by import, by module; `stressor` that of Stressor itself.
    """

    files: dict[str, str] = {}
    imported: dict[str, str] = {}
    stressor: str = ""


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One campaign, or with `seconds` 0 only the replay of `replays`.

    `ordinal` numbers the jobs of a target in a soak; the seed derives from it. `swept` says that the target is
    one of a pattern, so that what keeps it from being stressed is a fact about it, and no fault.
    """

    target: str
    specification: str
    seed: int
    ordinal: int
    seconds: float
    oracles: tuple[Oracle, ...]
    reset_modes: tuple[ResetMode, ...]
    batch_timeout: float
    known: tuple[KnownFinding, ...] = ()
    replays: tuple[Record, ...] = ()
    sources: Sources | None = None
    swept: bool = False


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding of a job, shrunk. `replays` says whether it came back when its trace was run again, on
    new devices of newly loaded code; `at` how many cycles of this job it took."""

    record: Record
    attribute: str
    replays: bool
    at: int


class Replayed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a finding that was to be replayed; `problem` says why of an error."""

    id: str
    verdict: Verdict
    problem: str = ""


class JobResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job came to.

    `fields` are all of the target, `seen` has a bit for each, in hex, the first one lowest, that is set
    when it left its reset value at a save point, and `toggled` the same when every bit of it was at 0 and at 1. `inside` are the seconds spent in the target, `overhead` those
    for opening it and for gathering what is told here, of which a target's later jobs do not take those `once`. `reason` is why it cannot be stressed at all, in two or
    three words, and `problem` what went wrong, in a sentence. `exhausted` says that the campaign cannot go on,
    with any seed. `memory` is the highest resident memory of the worker and all that it started, in bytes.
    """

    outcome: JobOutcome
    problem: str = ""
    reason: str = ""
    exhausted: bool = False
    inside: float = 0.0
    overhead: float = 0.0
    once: float = 0.0
    cycles: dict[str, int] = {}
    operations: dict[str, int] = {}
    oracles: dict[str, int] = {}
    fields: tuple[str, ...] = ()
    seen: str = "0"
    toggled: str = "0"
    discoveries: tuple[Discovery, ...] = ()
    replayed: tuple[Replayed, ...] = ()
    notes: tuple[str, ...] = ()
    worker: str = ""
    memory: int = 0


def encode(plain: Job | JobResult) -> bytes:
    """Return a job or a result as JSON. Raises TargetError when it is too large."""
    data = msgspec.json.encode(plain)
    if len(data) > LARGEST:
        raise TargetError(f"{len(data) >> 20} MB for one job; stress fewer fields, or shorter traces")
    return data


def decode_job(data: bytes) -> Job:
    """Return the job. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(data, type=Job)


def decode_result(data: bytes) -> JobResult:
    """Return the result. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(data, type=JobResult)


def known(finding: Finding) -> KnownFinding:
    """Return a finding for a campaign to know: without what it saved, which may be large."""
    bare = replace(finding.divergence, snapshot_before=b"", snapshot_after=b"")
    return KnownFinding(record_of(replace(finding, divergence=bare)), finding.divergence.attribute)


def bits_of(chosen: Collection[str], fields: Sequence[str]) -> str:
    """Return a bit for each of the fields, set when it is among the chosen, as `JobResult.seen` has them."""
    return f"{sum(1 << index for index, field in enumerate(fields) if field in chosen):x}"
