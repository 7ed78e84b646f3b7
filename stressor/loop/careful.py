"""Runs device code with care: what it raises becomes a divergence, and ends the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from stressor.errors import StateError, StreamError, TargetError
from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, Divergence, FieldChange, Oracle
from stressor.loop.ledger import Ledger
from stressor.loop.plain import said, where
from stressor.loop.target import DiedOfDamageError, Target, TargetType
from stressor.loop.trace import Operation
from stressor.loop.watchdog import RAISED, Hung, Watchdog

__all__ = ["Careful", "Stop"]

T = TypeVar("T")

_LONGEST = 400
"""Characters of what a process said at its end."""


class Stop(Exception):
    """The trace cannot go on."""


class Careful:
    """The base of whoever runs a trace to name what happens in it; the ledger keeps what was found."""

    def __init__(self, target_type: TargetType, checks: Checks, watchdog: Watchdog) -> None:
        self._type = target_type
        self._checks = checks
        self._watchdog = watchdog
        self._ledger = Ledger(target_type, checks.oracles)

    def _alone(self, target: Target, operations: Sequence[Operation]) -> list[object]:
        """Run operations; what goes wrong before any cycle, or in a twin, is the determinism gate's business."""
        try:
            return self._watchdog.run(lambda: target.execute(operations))
        except TargetError:
            raise
        except RAISED as raised:
            self._checks.note(raised)
            raise Stop from None

    def _execute(self, target: Target, step: Operation, oracle: Oracle) -> list[object]:
        return self._run(step, oracle, lambda: target.execute([step]))

    def _examine(self, target: Target) -> bytes:
        """Return what a target's `examine` gives; one that has to save for it may die of that."""
        return self._run("save", Oracle.SAVE_IS_PURE, target.examine)

    def _run(self, what: str | Operation, oracle: Oracle, action: Callable[[], T]) -> T:
        """Run device code; whatever it raises, but refusals, is a divergence that ends the trace.

        A TargetError is none: the device can no longer be driven, for another reason.
        """
        try:
            return self._watchdog.run(action)
        except (StreamError, StateError, TargetError):
            raise
        except DiedOfDamageError as died:
            self._died(died)
        except Hung as hung:
            self._raised(what, oracle, Cause.HUNG, hung, "")
        except (Exception, SystemExit) as error:
            self._raised(what, oracle, Cause.CRASHED, error, where(error))
        raise Stop

    def _died(self, died: DiedOfDamageError) -> None:
        cause = Cause.HUNG if died.hung else Cause.CRASHED
        self._ledger.add(
            Divergence(
                Oracle.REFUSES_DAMAGE, cause, died.change, self._ledger.step, self._ledger.mode,
                labels=("saved", "damaged"), detail=str(died)[:_LONGEST],
            )
        )  # fmt: skip

    def _raised(
        self, what: str | Operation, oracle: Oracle, cause: Cause, error: BaseException, place: str
    ) -> None:
        self._checks.note(error)
        name = what if isinstance(what, str) else self._ledger.label(what)
        change = FieldChange(self._type.prefix + name, "returns", said(error))
        self._ledger.add(
            Divergence(
                oracle, cause, change, self._ledger.step, self._ledger.mode, labels=("should", "did"),
                detail=f"raised at {place}" if place else "", declared=place or None,
            )
        )  # fmt: skip
