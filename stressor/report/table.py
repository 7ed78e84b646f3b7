"""Many targets as one table: what was done to each, and why some were left alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from stressor.loop.events import TargetBroke, TargetFinished, TargetSkipped
from stressor.report.text import WIDTH, clean, counted, middle

__all__ = ["Outcome", "common_start", "left_out", "table"]

Outcome: TypeAlias = TargetFinished | TargetSkipped | TargetBroke

_HEAD: Final = ("cycles", "cycles/s", "operations", "exercised", "findings")
_WIDTHS: Final = (7, 9, 11, 11, 9)
_NAME: Final = WIDTH - sum(_WIDTHS)


def table(outcomes: Mapping[str, Outcome], findings: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each target, by name: cycles and their rate, operations, fields that were
    exercised of those that are saved, findings. Cycles a second count all time, shrinking as well."""
    common = common_start([*outcomes])
    yield _row(f"{middle(clean(common), _NAME - 4)}..." if common else "device", _HEAD)
    for name, outcome in outcomes.items():
        shown = clean(name).removeprefix(clean(common))
        count = findings.get(name, 0)
        match outcome:
            case TargetFinished(statistics=done):
                rate = done.total_cycles / done.seconds if done.seconds else 0.0
                cells = [
                    f"{done.total_cycles:,}", f"{rate:.1f}", f"{done.total_operations:,}",
                    f"{done.exercised}/{done.fields}", f"{count or '-'}",
                ]  # fmt: skip
                yield _row(shown, cells)
            case TargetSkipped(reason=reason):
                yield _noted(shown, clean(reason))
            case TargetBroke():
                before = f", {counted(count, 'finding')} before" if count else ""
                yield _noted(shown, f"broke{before}")


def left_out(outcomes: Mapping[str, Outcome], *, verbose: bool) -> Iterator[str]:
    """Yield what was not stressed, by reason; with `verbose` each with its own words."""
    by_reason: dict[str, list[tuple[str, str]]] = {}
    for name, outcome in outcomes.items():
        if not isinstance(outcome, TargetFinished):
            reason = outcome.reason if isinstance(outcome, TargetSkipped) else "broke"
            by_reason.setdefault(reason, []).append((clean(name), clean(outcome.problem)))
    common = clean(common_start([*outcomes]))
    for reason, names in by_reason.items():
        yield f"{clean(reason)} ({len(names)})"
        if verbose:
            for name, problem in names:
                yield from _filled(f"{name.removeprefix(common)}: {problem}", "    ")
        else:
            yield from _filled(", ".join(name.removeprefix(common) for name, _ in names), "  ")


def _filled(text: str, following: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="  ", subsequent_indent=following,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _row(name: str, cells: Sequence[str]) -> str:
    shown = "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
    return f"{middle(name, _NAME - 1):<{_NAME}}{shown}"


def _noted(name: str, note: str) -> str:
    return f"{middle(name, _NAME - 1):<{_NAME}} {note}"


def common_start(names: Sequence[str]) -> str:
    """Return what all names begin with, cut behind a colon or a blank."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    length = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), 0)
    prefix = first[:length]
    return prefix[: max(prefix.rfind(":"), prefix.rfind(" ")) + 1]
