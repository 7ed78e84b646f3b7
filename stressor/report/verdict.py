"""What a run comes to: one line, and what kind of end it was."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from enum import Enum

from stressor.loop.events import RunFinished
from stressor.report.text import WIDTH, clean, counted, seconds

__all__ = ["Verdict", "too_little", "verdict_line", "verdict_of"]


_NAMED = 24
"""So many findings, or devices, are named in the last line; more stand above it."""


class Verdict(Enum):
    """How a run ended; the first that applies."""

    INTERRUPTED = "interrupted"
    BROKEN = "broken"
    FINDINGS = "findings"
    NOTHING_RAN = "nothing ran"
    TOO_LITTLE = "too little was exercised"
    CLEAN = "clean"


def verdict_of(finished: RunFinished) -> Verdict:
    """Return how a run ended. It is clean only when at least one cycle ran, and was looked at."""
    if finished.interrupted:
        return Verdict.INTERRUPTED
    if finished.broken:
        return Verdict.BROKEN
    if finished.findings:
        return Verdict.FINDINGS
    if not finished.cycles or not finished.checked:
        return Verdict.NOTHING_RAN
    return Verdict.TOO_LITTLE if finished.uncovered else Verdict.CLEAN


def verdict_line(
    finished: RunFinished,
    devices: Iterable[str],
    with_findings: Iterable[str],
    required: float | None = None,
) -> str:
    """Return the last line of a report (more than one when 80 columns do not hold it).

    `devices` are the targets that ran, `with_findings` those of them in which something was found;
    `required` is the percentage of their fields that had to be exercised.
    """
    line = _sentence(finished, len(list(devices)), len(set(with_findings)), required)
    return textwrap.fill(
        line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _sentence(finished: RunFinished, devices: int, with_findings: int, required: float | None) -> str:
    ran = ", ".join(
        (
            counted(devices, "device"),
            counted(finished.cycles, "cycle"),
            counted(finished.operations, "operation"),
        )
    )
    found = ""
    if finished.findings:
        found = (
            f"{counted(len(finished.findings), 'finding')} in {counted(with_findings, 'device')}"
        )
        if len(finished.findings) <= _NAMED:
            found += ": " + ", ".join(finished.findings)
    match verdict_of(finished):
        case Verdict.INTERRUPTED:
            done = f"{counted(devices, 'device')}, {counted(finished.cycles, 'cycle')}"
            return f"interrupted after {seconds(finished.seconds)}: {done}, {found or 'nothing diverged so far'}"
        case Verdict.BROKEN:
            broken = f"broken: {', '.join(map(clean, finished.broken))} could not be driven"
            return f"{broken}; {found or f'otherwise nothing diverged ({ran})'}"
        case Verdict.FINDINGS:
            little = f"; {too_little(finished.uncovered, required)}" if finished.uncovered else ""
            return f"{found}{little}; {_skipped(finished)}" if finished.skipped else f"{found}{little}"
        case Verdict.NOTHING_RAN:
            if finished.skipped:
                return f"nothing ran: {_skipped(finished)}"
            if finished.cycles:
                return (
                    f"nothing was checked ({ran}): no oracle that was asked for had anything to look at; choose others, or "
                    "give it more: cycles, or for invariants-hold a description with `validate`"
                )
            return "nothing ran: not one cycle, so nothing was shown; give it more --cycles or time"
        case Verdict.TOO_LITTLE:
            return f"{too_little(finished.uncovered, required)}; nothing diverged ({ran})"
        case Verdict.CLEAN:
            left = f"; {_skipped(finished)}" if finished.skipped else ""
            left += f"; nothing was checked in {_names(finished.unchecked)}" if finished.unchecked else ""
            return f"clean: {ran}, nothing diverged{left}"


def too_little(devices: Sequence[str], required: float | None) -> str:
    """Return the sentence about devices of which fewer fields were exercised than the percentage `required`."""
    share = f"less than {required:g} % of the fields" if required is not None else "too few fields"
    return f"too little was exercised: {share} of {_names(devices)}"


def _names(devices: Sequence[str]) -> str:
    more = f" and {len(devices) - _NAMED} more" if len(devices) > _NAMED else ""
    return ", ".join(map(clean, devices[:_NAMED])) + more


def _skipped(finished: RunFinished) -> str:
    return f"{counted(len(finished.skipped), 'device')} cannot be stressed"
