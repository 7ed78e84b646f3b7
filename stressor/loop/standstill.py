"""Runs a finding's trace up to its divergence and stands still there, with the device at hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from stressor.errors import StreamError, TargetError
from stressor.loop.cycle import damaged_snapshot
from stressor.loop.finding import Divergence, Oracle
from stressor.loop.ledger import Attributes
from stressor.loop.target import DiedOfSavingError, StillbornError, Target, TargetType
from stressor.loop.trace import Cycle, Operation, Step, Trace
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.vmstate.live import same, without_indexes

__all__ = ["Standstill", "stand_still"]


@dataclass
class Standstill:
    """Where a finding diverged: the `target` is open, and whoever asked for it closes it.

    `before` and `after` are the live states that part: what the divergence's labels say, such as
    before the save and after the load, or of a twin that was never interrupted and of the device.
    `error` is what the device raised.
    """

    target: Target
    before: Attributes
    after: Attributes
    error: BaseException | None = None


def stand_still(
    target_type: TargetType, trace: Trace, divergence: Divergence, watchdog: Watchdog
) -> Standstill | None:
    """Run `trace` up to its `divergence`. None when the target does not live so long.

    Raises TargetError when the target can no longer be driven.
    """
    try:
        subject = target_type.open()
    except StillbornError:
        return None
    twin = target_type.open()
    try:
        with watchdog.watching():
            return _Run(subject, twin, divergence, watchdog).to_its_end(trace)
    except TargetError:
        subject.close()
        raise
    except RAISED:  # earlier than it was found: there is nothing to stand before
        subject.close()
        return None
    finally:
        twin.close()


class _Run:
    def __init__(self, subject: Target, twin: Target, divergence: Divergence, watchdog: Watchdog) -> None:
        self._subject = subject
        self._twin = twin
        self._divergence = divergence
        self._oracle = divergence.oracle
        self._watchdog = watchdog

    def to_its_end(self, trace: Trace) -> Standstill:
        for step in trace[: self._divergence.step]:
            self._pass(step)
        last = trace[self._divergence.step] if self._divergence.step < len(trace) else None
        was = self._subject.attributes()
        try:
            before, after = self._part(last, was)
        except TargetError:
            raise
        except RAISED as error:
            return Standstill(self._subject, was, self._state_after(error, was), error)
        return Standstill(self._subject, before, after)

    def _state_after(self, error: BaseException, was: Attributes) -> Attributes:
        try:
            return self._subject.attributes()
        except DiedOfSavingError:  # a process that is gone has none
            return was

    def _pass(self, step: Step) -> None:
        """Run a step at which nothing has parted yet."""
        if isinstance(step, Operation):
            self._watchdog.run(lambda: self._subject.execute([step]))
            self._watchdog.run(lambda: self._twin.execute([step]))
        elif self._oracle is not Oracle.RUNS_ALONE:
            before = self._subject.attributes()
            self._load(step)
            self._watchdog.run(self._subject.resume)
            if self._oracle is not Oracle.RESUMES_ALIKE:
                self._put_right(before)

    def _put_right(self, before: Attributes) -> None:
        """Give back what other findings lose, as the search did when it found this one."""
        now = self._subject.attributes()
        lost = {without_indexes(path) for path, value in before.items() if not same(value, now.get(path))}
        self._subject.assign({path: value for path, value in before.items() if without_indexes(path) in lost})

    def _part(self, last: Step | None, was: Attributes) -> tuple[Attributes, Attributes]:
        """Run the step at which it diverges; return the two states."""
        if isinstance(last, Operation):
            self._watchdog.run(lambda: self._subject.execute([last]))
            self._watchdog.run(lambda: self._twin.execute([last]))
        if last is None or isinstance(last, Operation) or self._oracle is Oracle.RUNS_ALONE:
            return self._twin.attributes(), self._subject.attributes()
        if self._oracle is Oracle.RESUMES_ALIKE:
            self._load(last)
            self._watchdog.run(self._subject.resume)
            return self._twin.attributes(), self._subject.attributes()
        if self._oracle is Oracle.SAVE_IS_PURE:
            self._watchdog.run(self._subject.stop)
            self._watchdog.run(self._subject.save)
            return was, self._subject.attributes()
        return self._parted_in_cycle(last, was)

    def _parted_in_cycle(self, cycle: Cycle, was: Attributes) -> tuple[Attributes, Attributes]:
        subject = self._subject
        self._watchdog.run(subject.stop)
        if self._oracle is Oracle.INVARIANTS_HOLD and subject.broken() is not None:
            return was, subject.attributes()
        snapshot = self._watchdog.run(subject.save)
        self._watchdog.run(lambda: subject.reset(cycle, snapshot))
        reset = subject.attributes()
        if self._oracle is Oracle.RESET_IS_FRESH:
            return subject.pristine_attributes(), reset
        if self._oracle is Oracle.INVARIANTS_HOLD and subject.broken() is not None:
            return was, reset
        if self._oracle is Oracle.REFUSES_DAMAGE and cycle.damage:
            broken, _ = damaged_snapshot(snapshot, cycle)
            with suppress(StreamError):  # a refusal that changed the device
                self._watchdog.run(lambda: subject.offer(broken))
            return reset, subject.attributes()
        with suppress(StreamError):  # it rejected its own state
            self._watchdog.run(lambda: subject.load(snapshot))
        return was, subject.attributes()

    def _load(self, cycle: Cycle) -> None:
        self._watchdog.run(self._subject.stop)
        snapshot = self._watchdog.run(self._subject.save)
        self._watchdog.run(lambda: self._subject.reset(cycle, snapshot))
        self._watchdog.run(lambda: self._subject.load(snapshot))
