"""The determinism gate: without any cycle, two twins neither raise, hang nor part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stressor.errors import TargetError
from stressor.loop.careful import Careful, Stop
from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, Divergence, FieldChange, Oracle
from stressor.loop.target import DiedOfSavingError, StillbornError, Target, TargetType
from stressor.loop.trace import Cycle, Operation, Step
from stressor.loop.watchdog import RAISED, Watchdog

__all__ = ["between_cycles", "examined", "not_repeated", "run_alone"]


def run_alone(
    target_type: TargetType,
    trace: Sequence[Step],
    checks: Checks,
    watchdog: Watchdog,
    *,
    raises: bool = False,
    pairs: int = 1,
) -> Divergence | None:
    """Run the operations of a trace on two twins; return how they raised, hung or parted.

    `raises` says that they are known to do one of these. What shows by chance may take several pairs of twins.
    """
    return _Gate(target_type, trace, checks, watchdog).run(raises, pairs)


def examined(target_type: TargetType) -> bytes:
    """Return what a new device's `examine` gives."""
    target = target_type.open()
    try:
        return target.examine()
    finally:
        target.close()


def not_repeated(prefix: str, trace: Sequence[Step]) -> Divergence:
    """Return what there is to say of a trace that parted once, and did not when it was run again."""
    change = FieldChange(f"{prefix}(outside the device)", "repeats", "does not repeat")
    return Divergence(
        Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC, change, len(trace) - 1, labels=("should", "did"),
        detail="a divergence did not come back when the same trace was run again: "
        "something outside the device's own attributes takes part (a class or module attribute?)",
    )  # fmt: skip


class _Gate(Careful):
    def __init__(
        self, target_type: TargetType, trace: Sequence[Step], checks: Checks, watchdog: Watchdog
    ) -> None:
        super().__init__(target_type, checks, watchdog)
        self._trace = trace

    def run(self, raises: bool, pairs: int) -> Divergence | None:
        """Run the operations on so many pairs of twins, without any cycle."""
        try:
            if not raises and all(self._repeats() for _ in range(pairs)):
                return None
            return next(filter(None, (self._alone_by_steps() for _ in range(pairs))), None)
        except (StillbornError, DiedOfSavingError):  # what comes of saving it is not the gate's business
            return None

    def _twins(self) -> tuple[Target, Target]:
        first, second = self._type.open(), self._type.open()
        first.hidden = second.hidden = self._checks.hidden
        return first, second

    def _repeats(self) -> bool:
        """Return whether two twins stay alike, looked at only where cycles are: usually they do."""
        first, second = self._twins()
        self._watchdog.inside = True
        try:
            for part in between_cycles(self._trace):
                self._watchdog.beats += 1
                if first.execute(part) != second.execute(part):
                    return False
                if first.examine() != second.examine():
                    return False
        except TargetError:
            raise
        except RAISED as raised:  # by steps it is found out which operation did it
            self._checks.note(raised)
            return False
        finally:
            self._watchdog.inside = False
            first.close()
            second.close()
        return True

    def _alone_by_steps(self) -> Divergence | None:
        first, second = self._twins()
        try:
            born = first.examine() == second.examine() or self._nondeterministic(first, second)
            if isinstance(born, Divergence):
                return born
            for index, step in enumerate(self._trace):
                self._ledger.step = index
                if isinstance(step, Cycle):
                    continue
                answer = self._execute(first, step, Oracle.RUNS_ALONE)
                other = self._execute(second, step, Oracle.RUNS_ALONE)
                one, two = (self._look(twin, step) for twin in (first, second))
                if answer != other or one != two:
                    return self._nondeterministic(first, second, step, answer, other)
        except Stop:
            return next(iter(self._ledger.found.values()), None)
        finally:
            first.close()
            second.close()
        return None

    def _look(self, twin: Target, step: Operation) -> bytes:
        """Return what a twin's `examine` gives; one that ends over an operation may still have
        answered it."""

        def look() -> bytes | None:
            try:
                return twin.examine()
            except DiedOfSavingError:  # which is the business of a save
                return None

        seen = self._run(step, Oracle.RUNS_ALONE, look)
        if seen is None:
            raise Stop
        return seen

    def _nondeterministic(
        self,
        first: Target,
        second: Target,
        step: Operation | None = None,
        answer: Sequence[object] = (),
        other: Sequence[object] = (),
    ) -> Divergence | None:
        changes = self._ledger.changes(first, first.attributes(), second.attributes(), {})
        if not changes:
            if step is None or answer == other:
                return None
            changes = [self._ledger.output_change(step, list(answer), list(other))]
        return self._ledger.divergence(
            Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC, changes, first, labels=("one twin", "the other"),
            detail="two devices that got the same operations and no cycle",
        )  # fmt: skip


def between_cycles(trace: Sequence[Step]) -> Iterator[list[Operation]]:
    """Yield the operations up to each cycle, and those behind the last one."""
    part: list[Operation] = []
    for step in trace:
        if isinstance(step, Cycle):
            yield part
            part = []
        else:
            part.append(step)
    yield part
