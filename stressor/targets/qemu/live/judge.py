"""What a cycle did to a guest, as divergences: fields that differ, and why a guest is lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from stressor.errors import StreamError
from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Oracle
from stressor.loop.plain import plain, text
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.targets.qemu.live.differences import Differences
from stressor.targets.qemu.live.guest import Exchange, Guest, Trouble
from stressor.targets.qemu.live.specification import RUN
from stressor.targets.qemu.process import QemuHung
from stressor.vmstate.live import without_indexes

__all__ = ["broke", "by_itself", "changed", "lost", "trace_of"]

_AFTER: Final = 2
"""The step at which it shows that a guest does not go on: it runs, goes through a cycle, and runs."""


def changed(
    guest: Guest,
    exchange: Exchange,
    differences: Differences,
    oracles: Collection[Oracle],
    known: Callable[[Divergence], bool],
) -> Iterator[Divergence]:
    """Yield what a cycle changed in the stopped guest, of each field the first index.

    For what is not `known` the cycle is done once more, to see what the reset leaves. Raises as a
    cycle does.
    """
    machine = guest.machine
    if Oracle.SAVE_IS_PURE in oracles:
        for first, others in _each(differences.between(machine, exchange.before, exchange.again)):
            yield _divergence(
                Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, first, others,
                labels=("saved", "saved again"), snapshots=(exchange.before, exchange.again),
            )  # fmt: skip
    if Oracle.LOAD_RESTORES not in oracles:
        return
    found = [
        _divergence(
            Oracle.LOAD_RESTORES, Cause.NOT_LOADED, first, others,
            detail=f"saved as {text(first.before)}, then not there after load",
            snapshots=(exchange.again, exchange.after),
        )
        for first, others in _each(differences.between(machine, exchange.again, exchange.after))
    ]  # fmt: skip
    new = [divergence for divergence in found if not known(divergence)]
    left = differences.values(machine, guest.left_by_reset(exchange.again)) if new else {}
    for divergence in found:
        reset = left.get(divergence.first.path)
        if reset is not None:
            divergence = replace(divergence, first=replace(divergence.first, reset=plain(reset.value)))
        yield divergence


def lost(trouble: Trouble, cycles: int) -> Divergence:
    """Return what a guest is lost of; before its first of `cycles` it is not the loop's doing."""
    found = _divergence(
        Oracle.RESUMES_ALIKE, trouble.cause, FieldChange("console", trouble.before, trouble.after),
        labels=("last heartbeat", "then"), detail=trouble.detail,
    )  # fmt: skip
    return _later(found, cycles)


def broke(doing: str, error: BaseException, cycles: int) -> Divergence:
    """Return what became of a QEMU that refused its own state, or is no more; see `Guest.doing`."""
    if isinstance(error, StreamError):
        return _divergence(
            Oracle.LOAD_RESTORES, Cause.REJECTED, FieldChange(error.path, "saved", ABSENT),
            labels=("saved", "loaded"), detail=error.problem,
        )  # fmt: skip
    running = doing == "run"
    found = _divergence(
        Oracle.RESUMES_ALIKE if running else Oracle.LOAD_RESTORES,
        Cause.HUNG if isinstance(error, QemuHung) else Cause.CRASHED,
        FieldChange("machine", "running", f"{type(error).__name__}: {error}"),
        labels=("before", "then"),
        detail=f"QEMU ended {'while the guest ran' if running else f'at {doing}'}; {error}",
    )  # fmt: skip
    return _later(found, cycles) if running else found


def by_itself(found: Divergence) -> Divergence:
    """Return what it is when a guest without any cycle is lost as well."""
    detail = f"{found.detail}; a guest without any cycle did so as well"
    return replace(found, oracle=Oracle.RUNS_ALONE, step=0, mode=None, detail=detail)


def trace_of(divergence: Divergence, period: float) -> Trace:
    """Return the steps up to where it shows; the guest runs for `period` seconds between cycles."""
    run = Operation(RUN, (round(period * 1e9),))
    cycle = Cycle(ResetMode.IN_PLACE)
    return (run, cycle, run)[: divergence.step + 1]


def _later(found: Divergence, cycles: int) -> Divergence:
    if cycles:
        return replace(found, step=_AFTER)
    return replace(found, oracle=Oracle.RUNS_ALONE, step=0, mode=None)


def _divergence(
    oracle: Oracle,
    cause: Cause,
    first: FieldChange,
    others: Sequence[FieldChange] = (),
    *,
    labels: tuple[str, str] = ("before save", "after load"),
    detail: str = "",
    snapshots: tuple[bytes, bytes] = (b"", b""),
) -> Divergence:
    return Divergence(
        oracle, cause, first, step=1, mode=ResetMode.IN_PLACE, labels=labels, detail=detail,
        also=tuple(others), snapshot_before=snapshots[0], snapshot_after=snapshots[1],
    )  # fmt: skip


def _each(changes: Sequence[FieldChange]) -> Iterator[tuple[FieldChange, Sequence[FieldChange]]]:
    """Yield the first index of each field, and beside it all other changes."""
    named: set[str] = set()
    for change in changes:
        name = without_indexes(change.path)
        if name not in named:
            named.add(name)
            yield change, [other for other in changes if other is not change]
