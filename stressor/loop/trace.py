"""Traces: operations and cycles as plain data.

A trace is what a finding keeps and what replays for ever, so nothing in it depends on how it was
generated. An operation is a name and its arguments; arguments are plain data (integers, floats,
booleans, strings, bytes, None, and tuples of these).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias, TypeGuard

__all__ = [
    "Argument",
    "Cycle",
    "Operation",
    "ResetMode",
    "Step",
    "Trace",
    "argument_from_json",
    "argument_to_json",
    "is_trace",
    "step_from_json",
    "step_to_json",
    "trace_from_json",
    "trace_to_json",
]

Argument: TypeAlias = "int | float | bool | str | bytes | tuple[Argument, ...] | None"


class Operation(NamedTuple):
    """One input to a device, such as `Operation("io.write", (2, 1, 0x01))`."""

    name: str
    arguments: tuple[Argument, ...] = ()


class ResetMode(StrEnum):
    """What stands between save and load."""

    IN_PLACE = "in-place"
    """The device's own reset, on the same object."""
    FRESH = "fresh"
    """A new instance."""
    POISON = "poison"
    """The device's own reset, then every field that the snapshot carries, and every attribute
    that nothing accounts for, gets a value that it does not have."""
    DONOR = "donor"
    """Another instance that was driven by other operations and then reset."""

    __hash__ = str.__hash__  # an enumeration's own is Python code, and a run counts every cycle


@dataclass(frozen=True, slots=True)
class Cycle:
    """One stop, save, reset, load, resume.

    `operations` drive the donor, in that mode only. With `damage` the saved bytes are first offered
    damaged (see `stressor.loop.damage`), which must be refused, and then as they were.
    """

    mode: ResetMode
    operations: tuple[Operation, ...] = ()
    damage: tuple[str | int, ...] = ()


Step: TypeAlias = Operation | Cycle
Trace: TypeAlias = tuple[Step, ...]


def is_trace(given: object) -> TypeGuard[Sequence[Step]]:
    """Return whether something is a sequence of operations and cycles, and not one of these itself."""
    return (
        isinstance(given, tuple | list)
        and not isinstance(given, Operation)
        and all(isinstance(step, Operation | Cycle) for step in given)
    )


def step_to_json(step: Step) -> object:
    """Return a step as plain JSON data: `["io.write", 2, 1, 1]` or `{"cycle": "fresh"}`."""
    if isinstance(step, Cycle):
        record: dict[str, object] = {"cycle": step.mode.value}
        if step.operations:
            record["operations"] = [step_to_json(operation) for operation in step.operations]
        if step.damage:
            record["damage"] = list(step.damage)
        return record
    return [step.name, *map(argument_to_json, step.arguments)]


def step_from_json(data: object) -> Step:
    """Return the step that `step_to_json` wrote. Raises ValueError for anything else."""
    if isinstance(data, list) and data and isinstance(data[0], str):
        return Operation(data[0], tuple(map(argument_from_json, data[1:])))
    if isinstance(data, dict) and isinstance(data.get("cycle"), str):
        operations = data.get("operations", [])
        damage = data.get("damage", [])
        if (
            not isinstance(operations, list)
            or not isinstance(damage, list)
            or not all(isinstance(item, int | str) for item in damage)
            or set(data) - {"cycle", "operations", "damage"}
        ):
            raise ValueError(f"not a cycle: {str(data)[:80]}")
        steps = tuple(map(step_from_json, operations))
        if not all(isinstance(step, Operation) for step in steps):
            raise ValueError("a donor is driven by operations only")
        return Cycle(ResetMode(data["cycle"]), steps, tuple(damage))  # type: ignore[arg-type]
    raise ValueError(f"neither an operation nor a cycle: {str(data)[:80]}")


def trace_to_json(trace: Sequence[Step]) -> list[object]:
    """Return a trace as a list of plain JSON steps."""
    return [step_to_json(step) for step in trace]


def trace_from_json(data: object) -> Trace:
    """Return the trace that `trace_to_json` wrote. Raises ValueError for anything else."""
    if not isinstance(data, list):
        raise ValueError(f"a trace is a list of steps, not {type(data).__name__}")
    return tuple(map(step_from_json, data))


def argument_to_json(value: Argument) -> object:
    """Return an argument as plain JSON data.

    What JSON cannot hold is an object of one key: `{"bytes": hex}`, `{"float": "nan"}`,
    `{"integer": hex}` beyond 1,024 bits, `{"text": hex}` (UTF-16) for unpaired surrogates.
    """
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, tuple):
        return [argument_to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return {"integer": f"{value:#x}"}
    if isinstance(value, str) and not value.isascii() and any(map(_is_surrogate, value)):
        return {"text": value.encode("utf-16-be", "surrogatepass").hex()}
    return value


def argument_from_json(value: object) -> Argument:
    """Return the argument that `argument_to_json` wrote. Raises ValueError for anything else."""
    if isinstance(value, dict):
        if len(value) == 1:
            ((kind, text),) = value.items()
            if kind in _DECODERS and isinstance(text, str):
                return _DECODERS[kind](text)
        raise ValueError(f"not an argument: {value!r:.80}")
    if isinstance(value, list):
        return tuple(map(argument_from_json, value))
    if value is None or isinstance(value, int | float | str):
        return value
    raise ValueError(f"not an argument: {value!r:.80}")


_INTEGER_BITS = 1024
_DECODERS: dict[str, Callable[[str], Argument]] = {
    "bytes": bytes.fromhex,
    "float": float,
    "integer": lambda text: int(text, 16),
    "text": lambda text: bytes.fromhex(text).decode("utf-16-be", "surrogatepass"),
}


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
