"""The failure block: a finding as text, the same in every report.

Identity first, numbers before prose, the path to the declaration, the minimal program, one line
to copy; 80 columns. Whatever came from a target is escaped and bounded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from stressor.loop.finding import ABSENT, Divergence, FieldChange, Finding
from stressor.loop.operations import Duration, OperationType, RegisterValue, kind_of
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode, Step, Trace
from stressor.report.text import WIDTH, clean, counted, duration, middle, plain, seconds, values

__all__ = ["failure_block", "step_text"]

_COLUMN = 21
"""Where values begin."""

_LEFT_BY: dict[ResetMode | None, str] = {
    ResetMode.POISON: "the poison",
    ResetMode.DONOR: "what the donor left",
}
"""What a value from before the load is called; after any other reset it is the reset value."""

_ALSO_SHOWN = 5
_STEPS_SHOWN = 40


def failure_block(
    finding: Finding,
    operations: Sequence[OperationType] = (),
    *,
    replay: str | None = None,
    whole: bool = False,
) -> str:
    """Return the failure block, ending in a newline.

    `operations` name the steps as the target does; without them the steps are printed raw. `replay`
    is the line that brings the finding back (default `stressor replay ID`). Long traces lose their
    middle unless `whole`.
    """
    divergence = finding.divergence
    lines = [
        f" {clean(finding.target)} . {divergence.oracle} ".center(WIDTH, "_"),
        *_joined(_identity(finding)),
        "",
        *_values(divergence),
        *_where(divergence),
        *_others(divergence),
        "",
        *_program(finding.trace, divergence, operations, whole),
        "",
        "Reproduce with:",
        "",
        f"    {clean(replay or f'stressor replay {finding.id}')}",
    ]
    return "".join(line.rstrip() + "\n" for line in lines)


def step_text(step: Step, operations: Sequence[OperationType] = ()) -> str:
    """Return one step in one line, such as `write  fcr 0x01` or `cycle  fresh`."""
    if isinstance(step, Cycle):
        notes = [counted(len(step.operations), "operation")] if step.operations else []
        notes += (
            ["damage: " + " ".join(clean(str(item)) for item in step.damage)] if step.damage else []
        )
        return f"cycle  {step.mode}" + (f" ({'; '.join(notes)})" if notes else "")
    kind = kind_of(operations, step)
    if kind is None:
        return _raw(step)
    verb, _, subject = kind.label.partition(" ")
    rest = step.arguments[len(kind.leading) :]
    words = [clean(subject)] if subject else []
    for index, argument in enumerate(rest):
        source = kind.sources[index] if index < len(kind.sources) else None
        if isinstance(source, Duration) and isinstance(argument, int):
            words.append(duration(argument))
        else:
            words.append(
                _argument(argument, source.width if isinstance(source, RegisterValue) else 0)
            )
    return f"{clean(verb):<6} {' '.join(words)}".rstrip()


def _raw(operation: Operation) -> str:
    if operation.name == "clock.advance" and len(operation.arguments) == 1:
        (amount,) = operation.arguments
        if isinstance(amount, int):
            return f"advance {duration(amount)}"
    words = [clean(operation.name), *(_argument(argument, 0) for argument in operation.arguments)]
    return " ".join(words)


def _argument(argument: Argument, width: int) -> str:
    if isinstance(argument, int) and not isinstance(argument, bool) and not width and argument >= 0:
        return plain(argument, 1) if argument > 9 else plain(argument)
    if isinstance(argument, str):
        return plain(repr(argument))
    return plain(argument, width)


def _identity(finding: Finding) -> list[str]:
    bound = f" of {finding.cycles}" if finding.cycles else ""
    length = len(finding.trace)
    size = counted(length, "step") if length else "no steps"
    if finding.found_in > length:
        size = f"shrunk {finding.found_in} -> {length}"
    place = f"cycle {finding.cycle}{bound}" if finding.cycle else "before the first cycle"
    return [finding.id, f"{place} ({seconds(finding.seconds)})", f"seed {finding.seed}", size]


def _joined(parts: list[str]) -> list[str]:
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 3 + len(part) > WIDTH:
            lines.append(" " * 2 + part)
        else:
            lines[-1] += "   " + part
    return lines


def _values(divergence: Divergence) -> Iterator[str]:
    first = divergence.first
    labels = [middle(clean(label), 30) for label in divergence.labels]
    column = max([_COLUMN, *(len(label) + 6 for label in labels)])
    room = WIDTH - column
    before, after = values(first.before, first.after, first.width, room)
    note = str(divergence.cause)
    if first.reset != ABSENT and _same(first.after, first.reset):
        note = f"{_LEFT_BY.get(divergence.mode, 'the reset value')}: {note}"
    yield f"{'  first divergence':<{column}}{middle(clean(first.path), room)}"
    yield f"{'    ' + labels[0]:<{column}}{before}"
    line = f"{'    ' + labels[1]:<{column}}{after}    "
    if len(line) + len(note) > WIDTH:
        yield line
        line = " " * column
    yield line + note
    if divergence.detail:
        detail = middle(clean(divergence.detail), 4 * room)
        pieces = textwrap.wrap(detail, room, break_on_hyphens=False) or [""]
        yield f"{'    detail':<{column}}{pieces[0]}"
        yield from (" " * column + piece for piece in pieces[1:])


def _where(divergence: Divergence) -> Iterator[str]:
    if divergence.declared:
        yield f"{'    declared':<{_COLUMN}}{middle(clean(divergence.declared), WIDTH - _COLUMN)}"
    if divergence.last_written is not None:
        yield f"{'    last written':<{_COLUMN}}step {divergence.last_written + 1}"


def _others(divergence: Divergence) -> Iterator[str]:
    changes = [_change(change, divergence.first) for change in divergence.also[:_ALSO_SHOWN]]
    hidden = len(divergence.also) - len(changes)
    if hidden:
        changes.append(f"and {hidden} more")
    if divergence.equal:
        equal = f"({counted(divergence.equal, 'field')} equal)"
        last = changes.pop() if changes else "nothing"
        joined = f"{last:<28}{equal}" if len(last) < 27 else f"{last}  {equal}"
        fits = _COLUMN + len(joined) <= WIDTH
        changes += [joined] if fits else [last, equal]
    for index, text in enumerate(changes):
        yield f"{'' if index else '  also diverged':<{_COLUMN}}{text}"


def _change(change: FieldChange, first: FieldChange) -> str:
    section, slash, rest = first.path.partition(".")
    prefix = section + slash if "/" in section and rest else ""
    before, after = values(change.before, change.after, change.width, 18)
    room = WIDTH - _COLUMN - len(f" {before} -> {after}")
    return f"{middle(clean(change.path.removeprefix(prefix)), room)} {before} -> {after}"


def _program(
    trace: Trace, divergence: Divergence, operations: Sequence[OperationType], whole: bool
) -> Iterator[str]:
    digits = max(2, len(str(len(trace))))
    shown = range(len(trace)) if whole else _shown(len(trace), divergence)
    expected = 0
    for index in shown:
        if index > expected:
            yield f"{'':<{digits + 6}}... ({index - expected} steps)"
        expected = index + 1
        here = index == divergence.step
        text = middle(step_text(trace[index], operations), WIDTH - digits - 25)
        arrow = "<- diverges here" if here else ""
        yield f"  {'>' if here else ' '} {index + 1:>{digits}}  {text:<33} {arrow}"
    if divergence.step >= len(trace):
        place = "after the last step" if trace else "before anything is done to it"
        yield f"  > {'':>{digits}}  {place:<33} <- diverges here"


def _shown(length: int, divergence: Divergence) -> list[int]:
    if length <= _STEPS_SHOWN:
        return list(range(length))
    near = set(range(divergence.step - 12, divergence.step + 3))
    near.update(range(8), range(length - 4, length))
    if divergence.last_written is not None:
        near.add(divergence.last_written)
    return sorted(index for index in near if 0 <= index < length)


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other
