"""A finding as one readable JSON file: what replays for ever.

The file holds plain data only. `format` counts the versions of the format; a reader refuses a
newer one. Values that JSON cannot hold are written as `stressor.loop.trace.argument_to_json` does.
"""

from __future__ import annotations

import inspect
import shlex
from pathlib import Path
from typing import Annotated, Any, TypeAlias, cast

import msgspec

from stressor.errors import RecordError
from stressor.loop.finding import Cause, Divergence, FieldChange, Finding, Oracle, Value
from stressor.loop.trace import (
    ResetMode,
    argument_from_json,
    argument_to_json,
    trace_from_json,
    trace_to_json,
)

__all__ = ["FORMAT", "LARGEST_FILE", "Record", "decode", "encode", "finding_of", "read", "record_of", "schema"]

FORMAT = 1
"""The version of the file format that is written, and the newest that is read."""

LARGEST_FILE = 16 << 20
"""Files of more bytes than this are refused unread."""

_DAMAGED = "the file is damaged or was edited; restore it, or delete it and run again with its seed"

PlainValue: TypeAlias = int | float | bool | str | dict[str, str] | None
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]

_STEPS = {
    "items": {
        "anyOf": [
            {"type": "array", "minItems": 1, "prefixItems": [{"type": "string"}]},
            {
                "type": "object",
                "required": ["cycle"],
                "properties": {
                    "cycle": {"enum": [str(mode) for mode in ResetMode]},
                    "operations": {"type": "array"},
                    "damage": {"type": "array", "items": {"type": ["string", "integer"]}},
                },
                "additionalProperties": False,
            },
        ]
    }
}


class FieldRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One field that diverged. `width` is its size in bytes, 0 where there is none."""

    path: str
    before: PlainValue
    after: PlainValue
    reset: PlainValue
    width: Count


class DivergenceRecord(msgspec.Struct, forbid_unknown_fields=True):
    """Where two states or outputs parted; steps count from 0, snapshots are hex."""

    oracle: Oracle
    cause: Cause
    detail: str
    mode: ResetMode | None
    step: Count
    last_written: Count | None
    declared: str | None
    labels: tuple[str, str]
    first: FieldRecord
    also: list[FieldRecord]
    equal: Count
    snapshot_before: str
    snapshot_after: str


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """A finding: a divergence, its minimal trace, and the lines that bring it back.

    A step of `trace` is an operation, `["io.write", 2, 1, 1]`, or a cycle, `{"cycle": "fresh"}`.
    """

    format: int
    id: str
    target: str
    specification: str
    replay: str
    run: str
    seed: int
    cycle: Count
    cycles: Count
    seconds: float
    found_in: Count
    divergence: DivergenceRecord
    trace: Annotated[list[Any], msgspec.Meta(extra_json_schema=_STEPS)]


class _Version(msgspec.Struct):
    format: int


def record_of(finding: Finding) -> Record:
    """Return a finding as plain data, ready to be encoded."""
    divergence = finding.divergence
    return Record(
        format=FORMAT,
        id=finding.id,
        target=_text(finding.target),
        specification=_text(finding.specification),
        replay=f"stressor replay {finding.id}",
        run=_text(f"stressor run {shlex.quote(finding.specification)} --seed {finding.seed}"),
        seed=finding.seed,
        cycle=finding.cycle,
        cycles=finding.cycles,
        seconds=finding.seconds,
        found_in=finding.found_in,
        divergence=DivergenceRecord(
            oracle=divergence.oracle,
            cause=divergence.cause,
            detail=_text(divergence.detail),
            mode=divergence.mode,
            step=divergence.step,
            last_written=divergence.last_written,
            declared=None if divergence.declared is None else _text(divergence.declared),
            labels=(_text(divergence.labels[0]), _text(divergence.labels[1])),
            first=_plain_change(divergence.first),
            also=[_plain_change(change) for change in divergence.also],
            equal=divergence.equal,
            snapshot_before=divergence.snapshot_before.hex(),
            snapshot_after=divergence.snapshot_after.hex(),
        ),
        trace=trace_to_json(finding.trace),
    )


def encode(finding: Finding) -> bytes:
    """Return the finding as indented JSON in UTF-8; equal findings give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(record_of(finding)), indent=2) + b"\n"


def decode(data: bytes, file: str) -> Finding:
    """Return the finding that `encode` wrote; `file` names it in errors.

    Raises RecordError when the data is damaged, of wrong types, or written in a newer format.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).format
        if version > FORMAT:
            raise RecordError(
                file,
                f"written by a newer Stressor (format {version}, this one reads {FORMAT})",
                "upgrade Stressor",
            )
        if version < 1:
            raise ValueError(f"there is no format {version}")
        record = msgspec.json.decode(data, type=Record)
        finding = finding_of(record)
        if finding.divergence.step and not finding.trace:
            raise ValueError(f"it diverges at step {finding.divergence.step + 1}, and its trace has none")
        if finding.id != record.id:
            raise ValueError(f"its id is {record.id}, but what it says is {finding.id}")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(file, f"not a finding: {error}", _DAMAGED) from error
    return finding


def read(file: Path) -> Finding:
    """Return the finding in `file`. Raises RecordError when there is none to be had."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(
            str(file), f"cannot be read: {reason}", "check the path and its permissions"
        ) from error
    if len(data) > LARGEST_FILE:
        raise RecordError(
            str(file),
            f"larger than {LARGEST_FILE >> 20} MB: not a finding",
            "give the file that `stressor run` wrote",
        )
    return decode(data, str(file))


def schema(of: Any = Record) -> dict[str, Any]:
    """Return the JSON schema of a finding's file, or of another type: the same by every Python."""
    return cast("dict[str, Any]", _cleaned(msgspec.json.schema(of)))


def _cleaned(part: object) -> object:
    """Strip the indentation of docstrings, which only Python 3.13 and later do by themselves."""
    if isinstance(part, dict):
        return {
            name: inspect.cleandoc(value) if name == "description" and isinstance(value, str) else _cleaned(value)
            for name, value in part.items()
        }
    return [_cleaned(item) for item in part] if isinstance(part, list) else part


def finding_of(record: Record) -> Finding:
    """Return what `record_of` was made of. Raises ValueError for a trace or a value that is none."""
    plain = record.divergence
    divergence = Divergence(
        oracle=plain.oracle,
        cause=plain.cause,
        first=_change_of(plain.first),
        step=plain.step,
        mode=plain.mode,
        labels=plain.labels,
        detail=plain.detail,
        also=tuple(map(_change_of, plain.also)),
        equal=plain.equal,
        declared=plain.declared,
        last_written=plain.last_written,
        snapshot_before=bytes.fromhex(plain.snapshot_before),
        snapshot_after=bytes.fromhex(plain.snapshot_after),
    )
    return Finding(
        target=record.target,
        specification=record.specification,
        seed=record.seed,
        divergence=divergence,
        trace=trace_from_json(record.trace),
        cycle=record.cycle,
        cycles=record.cycles,
        seconds=record.seconds,
        found_in=record.found_in,
    )


def _plain_change(change: FieldChange) -> FieldRecord:
    return FieldRecord(
        path=_text(change.path),
        before=_plain_value(change.before),
        after=_plain_value(change.after),
        reset=_plain_value(change.reset),
        width=change.width,
    )


def _change_of(plain: FieldRecord) -> FieldChange:
    return FieldChange(
        path=plain.path,
        before=_value_of(plain.before),
        after=_value_of(plain.after),
        reset=_value_of(plain.reset),
        width=plain.width,
    )


def _plain_value(value: Value) -> PlainValue:
    return cast(PlainValue, argument_to_json(value))


def _value_of(plain: PlainValue) -> Value:
    return cast(Value, argument_from_json(plain))


def _text(text: str) -> str:
    # Text from a target may hold what UTF-8 cannot; losing the finding for that would be worse.
    return text.encode("utf-8", "backslashreplace").decode()
