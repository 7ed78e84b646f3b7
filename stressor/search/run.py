"""Runs campaigns one after another and says what happens as events."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from time import monotonic

from stressor import __version__
from stressor.errors import StressorError, UnsuitableError, UsageError
from stressor.loop.events import (
    Event,
    FindingFound,
    Progress,
    RunFinished,
    RunStarted,
    TargetBroke,
    TargetFinished,
    TargetSkipped,
    TargetStarted,
)
from stressor.loop.finding import Oracle
from stressor.loop.plain import place
from stressor.loop.runs_itself import OwnCampaign, RunsItself
from stressor.loop.target import TargetType
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.search.campaign import Campaign
from stressor.search.plan import EngineName
from stressor.search.regressions import Promoted, replay_promoted

__all__ = ["run"]

_PROGRESS = 0.2  # seconds between two Progress events
_GRACE = 2.0  # seconds beyond its time for which the last finding is still made smaller


def _is_over(stop: Callable[[], bool], deadline: float | None) -> bool:
    return stop() or (deadline is not None and monotonic() >= deadline)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def run(
    targets: Sequence[TargetType | RunsItself],
    *,
    seed: int,
    cycles: int | None,
    seconds: float | None,
    oracles: Collection[Oracle],
    reset_modes: Collection[ResetMode],
    configuration: str,
    batch_timeout: float,
    stop: Callable[[], bool],
    shrink: bool = True,
    engine: EngineName = EngineName.SEEDED,
    required_coverage: float | None = None,
    promoted: Promoted = lambda name, specification: iter(()),
) -> Iterator[Event]:
    """Run one campaign on each target; yield RunStarted first and RunFinished last.

    `cycles` bounds each campaign, `seconds` the whole run (shared out evenly); at least one has to
    be given. `stop` is asked between plans. What `promoted` gives is replayed first; what of it still
    fails is found, and what cannot be replayed counts as broken. `required_coverage` is the percentage of its
    fields that each target has to exercise. A target that breaks the harness ends its own campaign
    only. Time decides when a campaign ends, and nothing else.
    """
    for target in targets:
        if not set(reset_modes) & set(target.reset_modes):
            raise UsageError(
                f"{target.name} can do none of the chosen reset modes; it has {', '.join(target.reset_modes)}; "
                "choose one of these, or leave it out"
            )
    chosen = [oracle for oracle in Oracle if oracle in oracles or oracle is Oracle.RUNS_ALONE]
    modes = [mode for mode in ResetMode if mode in reset_modes]
    names = tuple(target.name for target in targets)
    yield RunStarted(__version__, seed, names, tuple(chosen), tuple(modes), configuration, required_coverage)
    started = monotonic()
    total_cycles = total_operations = 0
    found: list[str] = []
    broken: list[str] = []
    skipped: list[str] = []
    uncovered: list[str] = []
    asked = [oracle for oracle in oracles if oracle is not Oracle.RUNS_ALONE] or chosen  # that one is always on
    checked: dict[str, bool] = {}
    for index, target in enumerate(targets):
        if stop():
            break
        yield TargetStarted(target.name, target.specification)
        begun = shown = monotonic()
        deadline = None
        if seconds is not None:
            deadline = begun + (started + seconds - begun) / (len(targets) - index)
        possible = [mode for mode in modes if mode in target.reset_modes]
        campaign: Campaign | OwnCampaign | None = None
        findings = 0
        interrupted = False
        notes: tuple[str, ...] = ()
        try:
            if isinstance(target, RunsItself):
                campaign = target.campaign(seed=seed, oracles=chosen)
            else:
                campaign = Campaign(
                    target, seed=seed, oracles=chosen, reset_modes=possible,
                    watchdog=Watchdog(batch_timeout), shrinking=shrink, engine=engine,
                    stop=partial(_is_over, stop, None if deadline is None else deadline + _GRACE),
                )
            verdicts, known = replay_promoted(target, promoted, chosen, batch_timeout, stop)
            if verdicts.fixed or verdicts.failed or verdicts.errors:
                yield verdicts
            broken += [f"{target.name}::{identity}" for identity, _ in verdicts.errors]
            for failed in known:
                findings += 1
                found.append(failed.id)
                if isinstance(campaign, Campaign):
                    campaign.know(failed)
                yield FindingFound(failed)
            for finding in campaign.run(cycles):
                now = monotonic()
                if finding is not None:
                    findings += 1
                    found.append(finding.id)
                    yield FindingFound(finding)
                    continue
                if now - shown >= _PROGRESS:
                    shown = now
                    yield Progress(
                        target.name, campaign.cycles, cycles or 0, campaign.operations, findings, now - begun
                    )
                interrupted = stop()
                if interrupted or (deadline is not None and now >= deadline):
                    break
            statistics = campaign.statistics
            if isinstance(campaign, Campaign):
                notes = campaign.notes
        except UnsuitableError as error:
            skipped.append(target.name)
            yield TargetSkipped(target.name, error.reason, str(error))
            continue
        except StressorError as error:
            broken.append(target.name)
            yield TargetBroke(target.name, str(error), _trace(error))
            continue
        except RAISED as error:  # a fault of ours or of the device's class: the other targets still run
            broken.append(target.name)
            yield TargetBroke(target.name, f"{place(error)}{type(error).__name__}: {error}", _trace(error))
            continue
        finally:
            target.close()
            if campaign is not None:
                total_cycles += campaign.cycles
                total_operations += campaign.operations
        enough = statistics.covers(required_coverage)
        uncovered += [] if enough else [target.name]
        checked[target.name] = any(statistics.oracles.get(oracle) for oracle in asked)
        yield TargetFinished(target.name, statistics, findings, interrupted, notes, not enough)
    yield RunFinished(
        total_cycles, total_operations, tuple(found), tuple(broken), monotonic() - started, stop(),
        tuple(skipped), tuple(uncovered), tuple(name for name, looked in checked.items() if not looked),
        any(checked.values()),
    )  # fmt: skip
