"""Oracles, cause classes, divergences and findings: what a run says, as plain data."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from stressor.loop.trace import ResetMode, Trace
from stressor.vmstate.values import without_indexes

__all__ = ["ABSENT", "Cause", "Divergence", "FieldChange", "Finding", "Fingerprint", "Kind", "Oracle", "Value"]

_AGAIN = re.compile(r"(\.\w+)\1+(?=[.\[]|$)")
"""A link of a list is no field of its own: `head.next.next.size` is `head.next.size`."""

Value: TypeAlias = "int | float | bool | str | bytes | None"

ABSENT = "<absent>"
"""Stands for the value of a field that is not there at all."""


class Oracle(StrEnum):
    """A property that must hold after a cycle."""

    LOAD_RESTORES = "load-restores"
    RESUMES_ALIKE = "resumes-alike"
    SAVE_IS_PURE = "save-is-pure"
    LOAD_IS_SILENT = "load-is-silent"
    RESET_IS_FRESH = "reset-is-fresh"
    INVARIANTS_HOLD = "invariants-hold"
    REFUSES_DAMAGE = "refuses-damage"
    RUNS_ALONE = "runs-alone"
    """The determinism gate: operations without any cycle. It is not optional."""

    @property
    def holds(self) -> str:
        """One line: what must hold."""
        return _HOLDS[self]


_HOLDS = {
    Oracle.LOAD_RESTORES: "after reset and load, saved bytes and every live attribute are what they were",
    Oracle.RESUMES_ALIKE: "after a cycle the device goes on as a twin that was never interrupted",
    Oracle.SAVE_IS_PURE: "saving twice gives the same bytes and changes nothing",
    Oracle.LOAD_IS_SILENT: "loading toggles no line, sends nothing, writes no guest memory",
    Oracle.RESET_IS_FRESH: "a reset device equals a new one",
    Oracle.INVARIANTS_HOLD: "every Validate holds after reset, before save and after load",
    Oracle.REFUSES_DAMAGE: "damaged bytes are refused with a clear error, and change nothing",
    Oracle.RUNS_ALONE: "without any cycle, two twins neither raise, hang nor part",
}


class Cause(StrEnum):
    """Why two states or outputs parted."""

    NEVER_SAVED = "never saved"
    NOT_LOADED = "saved but not loaded"
    NOT_REBUILT = "not rebuilt after load"
    CHANGED_BY_SAVING = "changed by saving"
    NOT_CLEARED = "not cleared by reset"
    TRUNCATED = "truncated"
    OUTPUT_ONLY = "output only"
    REJECTED = "rejected its own state"
    ACCEPTED_DAMAGE = "accepted damage"
    BROKE_INVARIANT = "broke an invariant"
    CRASHED = "crashed"
    HUNG = "hung"
    NONDETERMINISTIC = "nondeterministic"


class Kind(StrEnum):
    """What sort of bug a finding is; reports keep them apart."""

    FOUND = "found by save/load"
    REJECTED = "rejected its own state"
    CYCLE_KILLS = "crashed or hung because of save/load"
    DAMAGE_KILLS = "crashed or hung because of a load of damaged state"
    TRAFFIC_KILLS = "crashed or hung from operations alone"
    NONDETERMINISTIC = "nondeterministic"


_KILLS = {Oracle.RUNS_ALONE: Kind.TRAFFIC_KILLS, Oracle.REFUSES_DAMAGE: Kind.DAMAGE_KILLS}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes a finding this finding and no other; `field` has no indexes."""

    target: str
    oracle: Oracle
    cause: Cause
    field: str

    @property
    def id(self) -> str:
        """A short stable name, such as `F-7c1e04`: the same on every machine and in every run."""
        text = "\0".join((self.target, self.oracle, self.cause, self.field))
        return "F-" + hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that diverged. `width` is its size in bytes on the wire, 0 where there is none."""

    path: str
    before: Value
    after: Value
    reset: Value = ABSENT
    width: int = 0


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two states or outputs parted.

    `first` is the first field, output or operation that diverged; `also` all further ones, and
    `equal` counts the fields that did not. `labels` name what `first.before` and `first.after` are
    ("before save", "after load"). `step` is the index in the trace at which it shows,
    `last_written` the index of the step that last changed the field before that. `declared` is
    `file:line` of the field's declaration. `detail` is one clause that says more than the cause.
    """

    oracle: Oracle
    cause: Cause
    first: FieldChange
    step: int
    mode: ResetMode | None = None
    labels: tuple[str, str] = ("before save", "after load")
    detail: str = ""
    also: tuple[FieldChange, ...] = ()
    equal: int = 0
    declared: str | None = None
    last_written: int | None = None
    snapshot_before: bytes = b""
    snapshot_after: bytes = b""
    attribute: str = field(default="", compare=False)
    """The live attribute behind `first`, where there is one; not recorded."""

    @property
    def kind(self) -> Kind:
        """What sort of bug it is an instance of."""
        if self.cause in (Cause.CRASHED, Cause.HUNG):
            return _KILLS.get(self.oracle, Kind.CYCLE_KILLS)
        if self.cause is Cause.REJECTED:
            return Kind.REJECTED
        return Kind.NONDETERMINISTIC if self.cause is Cause.NONDETERMINISTIC else Kind.FOUND

    def fingerprint(self, target: str) -> Fingerprint:
        """Return what identifies the finding that this divergence is an instance of."""
        path = _AGAIN.sub(r"\1", without_indexes(self.first.path))
        return Fingerprint(target, self.oracle, self.cause, path)


@dataclass(frozen=True, slots=True)
class Finding:
    """A divergence, its minimal trace, and where it came from.

    `target` is the target's name, `specification` what the command line takes to reach it
    (`devices/uart16550.py::UART16550`). `cycle` counts from 1 within the campaign, `cycles` is the
    campaign's bound (0 when bounded by time); `found_in` is the length of the trace before
    shrinking.
    """

    target: str
    specification: str
    seed: int
    divergence: Divergence
    trace: Trace
    cycle: int = 0
    cycles: int = 0
    seconds: float = 0.0
    found_in: int = 0

    @property
    def fingerprint(self) -> Fingerprint:
        return self.divergence.fingerprint(self.target)

    @property
    def id(self) -> str:
        return self.fingerprint.id
