"""What an audit says: by target a table of losses, what was not noticed, and one line at the end."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from stressor.audit.audit import Audit, Outcome
from stressor.audit.mutant import Loss
from stressor.report.text import WIDTH, clean, counted, listed

__all__ = ["audit_lines", "counts", "verdict"]

_COLUMN: Final = 17
_HEAD: Final = f"{'':<24}{'lost':>8}{'noticed':>10}{'named':>8}{'median':>10}{'most':>8}  cycles"


def audit_lines(audit: Audit, outcomes: Sequence[Outcome], *, whole: bool = False) -> Iterator[str]:
    """Yield the lines of one target; with `whole` every loss, else those that need a look."""
    yield clean(audit.target)
    if audit.findings:
        found = [clean(f"{finding.id} {finding.divergence.first.path}") for finding in audit.findings]
        yield f"{'  found anyway':<{_COLUMN}}{listed(found, _COLUMN, 0 if whole else 6)}"
    counting = [outcome for outcome in outcomes if not outcome.equivalent]
    if counting:
        yield _HEAD
        for loss in Loss:
            rows = [outcome for outcome in counting if outcome.mutant.loss is loss]
            if rows:
                yield _row(f"  {loss}", rows)
        yield _row("  all", counting)
    spoke = Counter(str(outcome.finding.divergence.oracle) for outcome in counting if outcome.finding)
    if spoke:
        by = [f"{oracle} {count:,}" for oracle, count in spoke.most_common()]
        yield f"{'  noticed by':<{_COLUMN}}{listed(by, _COLUMN)}"
    yield from _details(outcomes, whole)


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    lost, noticed, named = counts(outcomes)
    cycles = [outcome.cycles for outcome in outcomes if outcome.finding]
    typical = f"{median(cycles):>10,.0f}{max(cycles):>8,}" if cycles else f"{'-':>10}{'-':>8}"
    return f"{name:<24}{lost:>8,}{noticed:>10,}{named:>8,}{typical}"


def _details(outcomes: Sequence[Outcome], whole: bool) -> Iterator[str]:
    for outcome in outcomes:
        finding = outcome.finding
        if outcome.equivalent:
            if finding is not None:
                yield from _entry("equivalent?", outcome, f"noticed by {finding.divergence.oracle}, though {outcome.equivalent}")
            elif whole:
                yield from _entry("equivalent", outcome, outcome.equivalent)
        elif finding is None:
            yield from _entry("not noticed", outcome, outcome.reason)
        elif not outcome.named:
            yield from _entry("named other", outcome, f"{finding.divergence.oracle} named {finding.divergence.first.path}")
        elif whole:
            yield from _entry("noticed", outcome, f"{finding.divergence.oracle} after {counted(outcome.cycles, 'cycle')}")


def _entry(word: str, outcome: Outcome, said: str) -> Iterator[str]:
    yield from textwrap.wrap(
        clean(f"{outcome.mutant}: {said}"), WIDTH, initial_indent=f"  {word}".ljust(_COLUMN),
        subsequent_indent=" " * (_COLUMN + 2), break_on_hyphens=False,
    )  # fmt: skip


def counts(outcomes: Iterable[Outcome]) -> tuple[int, int, int]:
    """Return how many losses there were that count, how many were noticed, and how many named."""
    counting = [outcome for outcome in outcomes if not outcome.equivalent]
    noticed = [outcome for outcome in counting if outcome.finding]
    return len(counting), len(noticed), sum(outcome.named for outcome in noticed)


def verdict(outcomes: Sequence[Outcome]) -> str:
    """Return the last line."""
    lost, noticed, named = counts(outcomes)
    if not lost:
        return "nothing was lost, so nothing was shown"
    aside = len(outcomes) - lost
    equivalent = f"; equivalent besides: {aside:,}" if aside else ""
    return f"noticed {noticed:,} of {lost:,} losses ({noticed / lost:.1%}), named {named:,} ({named / lost:.1%}){equivalent}"
