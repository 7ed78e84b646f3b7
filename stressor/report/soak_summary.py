"""The nights of a soak as Markdown, for the summary of a job: what is new, open, gone and known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from stressor.loop.finding import Finding
from stressor.report.markdown import bounded, fenced, plain
from stressor.report.soak_verdict import (
    ORDER,
    coverage,
    ran,
    sorted_findings,
    unrest,
    verdict,
    when,
)
from stressor.report.text import counted, seconds, short
from stressor.soak.history import FindingHistory, FindingStatus, History, TargetHistory

__all__ = ["soak_summary"]

_ROWS: Final = 100
"""Findings of one status, or targets, in a table."""

_BLOCKS: Final = 20
"""New findings that are shown whole."""

_SETTLED: Final = (FindingStatus.GONE, FindingStatus.KNOWN, FindingStatus.NOT_REPLAYING)
"""Statuses for which a reason is given instead of the time until it was found."""


def soak_summary(history: History, block: Callable[[Finding], str]) -> str:
    """Return the history as Markdown; `block` is the failure block of a finding."""
    return bounded(_parts(history, block))


def _parts(history: History, block: Callable[[Finding], str]) -> Iterator[str]:
    yield f"## Stressor: {verdict(history)}\n\n"
    if not history.sessions:
        return
    last = history.sessions[-1]
    yield f"{ran(history.sessions)}; the last began {plain(when(last.began))} UTC, seed {last.seed}\n\n"
    yield f"{coverage(history)}\n\n"
    yield from (f"{line[0].upper()}{line[1:]}\n\n" for line in unrest(history))
    findings = sorted_findings(history)
    for status in ORDER:
        yield from _table(status, [one for one in findings if one.status is status])
    yield from _troubled([target for target in history.targets if target.trouble])
    new = [one for one in findings if one.status is FindingStatus.NEW]
    for one in new[:_BLOCKS]:
        yield f"\n### {one.finding.id}\n\n{fenced(block(one.finding))}"
    if len(new) > _BLOCKS:
        yield f"\n{counted(len(new) - _BLOCKS, 'new finding')} more.\n"


def _troubled(targets: Sequence[TargetHistory]) -> Iterator[str]:
    if not targets:
        return
    yield f"### Not looked at, or not to the end ({len(targets)})\n\n| target | cycles | why |\n|---|---|---|\n"
    for target in targets[:_ROWS]:
        yield f"| {plain(target.name)} | {short(target.cycles)} | {plain(target.trouble)} |\n"
    if len(targets) > _ROWS:
        yield f"\n{counted(len(targets) - _ROWS, 'target')} more.\n"
    yield "\n"


def _table(status: FindingStatus, findings: Sequence[FindingHistory]) -> Iterator[str]:
    if not findings:
        return
    last = "why" if status in _SETTLED else "found after"
    yield f"### {status.capitalize()} ({len(findings)})\n\n"
    yield f"| target | field | cause | {last} | replay |\n|---|---|---|---|---|\n"
    for one in findings[:_ROWS]:
        finding = one.finding
        cells = (
            plain(finding.target), plain(finding.divergence.first.path), plain(finding.divergence.cause),
            plain(f"{one.reason} ({when(one.date)})" if one.date else one.reason) if status in _SETTLED else seconds(one.at),
            f"`stressor replay {finding.id}`",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |\n"
    if len(findings) > _ROWS:
        yield f"\n{counted(len(findings) - _ROWS, 'finding')} more.\n"
    yield "\n"
