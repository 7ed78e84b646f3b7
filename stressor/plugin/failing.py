"""How a stress test fails: before a debugger if one is wanted, and shown as the blocks of its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn

import pytest

import stressor
from stressor.loop.finding import ABSENT, Cause, Finding
from stressor.loop.standstill import Standstill, stand_still
from stressor.loop.target import TargetType
from stressor.loop.watchdog import Watchdog
from stressor.plugin.debugging import State, diverges_here
from stressor.plugin.exploration import StressFailure, one_line
from stressor.plugin.settings import seed_of
from stressor.report.block import failure_block
from stressor.report.text import clean
from stressor.vmstate.live import same

__all__ = ["fail", "failure_section"]

_OURS: Final = Path(stressor.__file__).parent
_HUNG_PATIENCE: Final = 0.25  # seconds for a device that is known to hang, to see where


def fail(item: pytest.Item, model: TargetType, failure: StressFailure, patience: float) -> NoReturn:
    """Raise a failure: where `--pdb` is given, before the divergence of the first finding.

    What a device raised is brought back, as a finding only says it in words.
    """
    findings = failure.findings
    for finding in findings:
        if model.walks and finding.divergence.cause in (Cause.CRASHED, Cause.HUNG):
            still = _stand(model, finding, patience)
            if still is not None:
                with closing(still.target):
                    failure.raised[finding.id] = still.error
    if item.config.option.usepdb:
        still = _stand(model, findings[0], patience)
        if still is not None:
            item.addfinalizer(still.target.close)
            _before_a_debugger(still, model, findings[0], failure)
    raise failure from None


def _stand(model: TargetType, finding: Finding, patience: float) -> Standstill | None:
    if finding.divergence.cause is Cause.HUNG:
        patience = min(patience, _HUNG_PATIENCE)
    return stand_still(model, finding.trace, finding.divergence, Watchdog(patience))


def _before_a_debugger(
    still: Standstill, model: TargetType, finding: Finding, failure: StressFailure
) -> NoReturn:
    def named(attribute: str) -> str:
        return still.target.field(attribute).path or attribute

    changed = {
        named(name): (old, new)
        for name in dict.fromkeys((*still.before, *still.after))
        for old, new in [(still.before.get(name, ABSENT), still.after.get(name, ABSENT))]
        if not same(old, new)
    }
    before, after = (
        State({named(name): value for name, value in state.items()}) for state in (still.before, still.after)
    )
    if still.error is not None:  # then it stops in the device, and ours is the frame above it
        failure.__traceback__ = _devices_own(still.error)
    failure.__suppress_context__ = True
    device = getattr(still.target, "device", still.target)
    diverges_here(device, before, after, State(changed), one_line([finding]), failure)


def failure_section(
    item: pytest.Item,
    excinfo: pytest.ExceptionInfo[StressFailure],
    operations: Sequence[Any],
    declared: tuple[Path | None, int | None],
    whole: Callable[[], Any],
) -> Any:
    """Return what pytest shows of a failure: the blocks, then frames of the device that raised.

    `whole` gives pytest's own account, for `--full-trace`. `declared` is where the device is.
    """
    failure = excinfo.value
    text = "\n".join(_blocks(item, failure, operations))
    if item.config.option.fulltrace:
        shown = whole()
        shown.addsection("stressor", text)
        return shown
    # pytest's own class, so that the workers of a distributed run can send it
    shown = excinfo.getrepr(style="native")
    entry: Any = shown.reprtraceback.reprentries[0]
    entry.lines = [] if item.config.option.tbstyle == "line" else [text]
    shown.reprtraceback.extraline = None
    crash = shown.reprcrash
    if crash is not None:
        file, line = declared
        crash.path, crash.lineno = str(file or item.path), (line or 0) + 1
        crash.message = clean(str(failure))
    for identity, error in failure.raised.items():
        frames = _frames(error, item.config.option) if error is not None else ""
        if frames:
            shown.addsection(f"{identity}: what the device raised", frames)
    return shown


def _blocks(item: pytest.Item, failure: StressFailure, operations: Sequence[Any]) -> Iterator[str]:
    """Yield the blocks, and what else there is to say."""
    for index, finding in enumerate(failure.findings):
        heading = "Failing explicit example:\n" if index < failure.explicit else ""
        yield heading + failure_block(finding, operations, replay=failure.replay)
    yield from getattr(failure, "__notes__", ())
    if not item.config.option.stressor_replay and failure.replay is None:
        yield _again(item.config)


def _again(config: pytest.Config) -> str:
    """Return how to make the whole exploration again; the seed of a finding is that of its plans."""
    seed = seed_of(config)
    option = f"--stressor-seed {seed}" if seed is not None else f"--hypothesis-seed {config.getoption('--hypothesis-seed')}"
    return f"Explored with {option}\n"


def _frames(error: BaseException, option: Any) -> str:
    """Return the device's own frames as pytest is told to show them; nothing where it raised in none."""
    style: Any = "long" if option.tbstyle == "auto" else option.tbstyle
    own = _devices_own(error)
    if own is None or style in ("no", "line"):
        return ""
    info = pytest.ExceptionInfo.from_exception(error.with_traceback(own))
    return clean_lines(str(info.getrepr(style=style, showlocals=option.showlocals)))


def clean_lines(text: str) -> str:
    """Return text of several lines with everything else escaped that a terminal could obey."""
    return "\n".join(map(clean, text.split("\n")))


def _devices_own(error: BaseException) -> TracebackType | None:
    """Return a traceback without our frames in front of the device's, nor the watchdog behind them."""
    entries: list[TracebackType] = []
    entry = error.__traceback__
    while entry is not None:
        if entries or not Path(entry.tb_frame.f_code.co_filename).is_relative_to(_OURS):
            entries.append(entry)
        entry = entry.tb_next
    own: TracebackType | None = None
    for entry in reversed(entries):
        if own is None and entry.tb_frame.f_globals.get("__name__") == "stressor.loop.watchdog":
            continue
        own = TracebackType(own, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return own
