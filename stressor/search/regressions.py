"""Promoted findings of a target, replayed before its campaign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from stressor.errors import StressorError
from stressor.loop.events import RegressionsReplayed
from stressor.loop.finding import Finding, Oracle
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.search.replay import replay

__all__ = ["Promoted", "again", "replay_promoted"]

Promoted: TypeAlias = "Callable[[str, str], Iterator[tuple[str, Finding | StressorError]]]"
"""Gives, by a target's name and specification, the id of each of its promoted findings, and what its
file holds or why it cannot be read."""


def again(
    finding: Finding, target: TargetType | RunsItself, batch_timeout: float = 5.0
) -> Finding | None:
    """Replay a finding; return it as it diverges now, None when it is fixed. Raises TargetError."""
    divergence = replay(finding, target, batch_timeout)
    if divergence is None:
        return None
    return replace(finding, divergence=divergence, specification=target.specification)


def replay_promoted(
    target: TargetType | RunsItself,
    promoted: Promoted,
    oracles: Collection[Oracle],
    batch_timeout: float,
    stop: Callable[[], bool],
) -> tuple[RegressionsReplayed, Sequence[Finding]]:
    """Replay the promoted findings of a target that are about `oracles`; return their verdicts, and those
    that failed, as they diverge now. `stop` is asked before each."""
    fixed: list[str] = []
    failed: list[str] = []
    errors: list[tuple[str, str]] = []
    found: dict[str, Finding] = {}
    for identity, finding in promoted(target.name, target.specification):
        if stop():
            break
        try:
            if isinstance(finding, StressorError):
                raise finding
            if finding.divergence.oracle not in oracles:
                continue
            now = again(finding, target, batch_timeout)
        except StressorError as error:
            errors.append((identity, str(error)))
            continue
        (fixed if now is None else failed).append(identity)
        if now is not None:
            found.setdefault(now.id, now)
    verdicts = RegressionsReplayed(target.name, tuple(fixed), tuple(failed), tuple(errors))
    return verdicts, list(found.values())
