"""The peer: what a careful user writes today, without Stressor.

A Hypothesis `RuleBasedStateMachine` over the same UART, driving a twin beside it, with
`copy.deepcopy` for the state and DeepDiff for the comparison. It gets the device's own save and
load, as those are what is under test, and as many of the oracles as such a machine can have: that a load
restores, that a save changes nothing, that a reset leaves nothing, and that the twin is in the same state,
are one comparison each, as they are with us. The poisoned and the donor's reset, and device code that never
returns, are beyond it.
"""

from __future__ import annotations

import copy
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from types import FrameType
from typing import Protocol

import hypothesis.strategies as st
from deepdiff import DeepDiff
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from benchmarks.plain_state import live_state
from devices.uart16550 import UART16550
from stressor.errors import StreamError
from stressor.vmstate import Section

__all__ = ["PeerCount", "Sectioned", "find", "run_cycles"]

_DURATIONS = (1, 1_000, 10_000, 100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 1_000_000_000)
_DAMAGED = 60  # cycles between two offers of truncated bytes: as rare as with us, a comparison is dear
_LINES = ("cts", "dsr", "ri", "dcd")
_ERRORS = ("break", "framing", "parity")
_QUIET = settings(
    database=None,
    deadline=None,
    max_examples=1_000_000,
    phases=[Phase.generate],
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


@dataclass
class PeerCount:
    """What the machines did so far."""

    operations: int = 0
    cycles: int = 0


class _TimeIsUp(BaseException):
    """Not an Exception, so that neither Hypothesis nor a device takes it for a failure."""


class Sectioned(Protocol):
    """What saves a device, and loads it."""

    def save(self, device: UART16550) -> bytes: ...

    def load(self, device: UART16550, data: bytes) -> None: ...


def _machine(
    kind: type[UART16550], count: PeerCount, every: int = 0, section: Sectioned | None = None
) -> type[RuleBasedStateMachine]:
    """Return the machine; with `every`, a cycle follows each so many operations by itself."""
    saving: Sectioned = section or Section(kind.state)
    pristine = live_state(kind())

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.device = kind()
            self.twin = kind()
            self.done = 0

        def both(self, call: Callable[[UART16550], object]) -> None:
            self.device.outputs.clear()
            self.twin.outputs.clear()
            wanted = call(self.twin)
            assert call(self.device) == wanted
            assert list(self.device.outputs) == list(self.twin.outputs)
            count.operations += 1
            self.done += 1
            if every and self.done % every == 0:
                self.run_cycle(fresh=self.done // every % 2 == 0)
                if count.cycles % _DAMAGED == 0:
                    self.run_truncation(self.done)

        @rule(offset=st.integers(0, 7))
        def read(self, offset: int) -> None:
            self.both(lambda uart: uart._read(offset, 1))

        @rule(offset=st.integers(0, 7), value=st.integers(0, 255))
        def write(self, offset: int, value: int) -> None:
            self.both(lambda uart: uart._write(offset, 1, value))

        @rule(byte=st.integers(0, 255))
        def receive(self, byte: int) -> None:
            self.both(lambda uart: uart.receive(byte))

        @rule(error=st.sampled_from(_ERRORS), byte=st.integers(0, 255))
        def receive_error(self, error: str, byte: int) -> None:
            self.both(lambda uart: uart.receive_error(error, byte))

        @rule(name=st.sampled_from(_LINES), level=st.integers(0, 1))
        def set_line(self, name: str, level: int) -> None:
            self.both(lambda uart: uart.lines[name].set(level))

        @rule(duration=st.sampled_from(_DURATIONS))
        def advance(self, duration: int) -> None:
            self.both(lambda uart: uart.clock.advance(duration))

        if not every:

            @rule(fresh=st.booleans())
            def cycle(self, fresh: bool) -> None:
                self.run_cycle(fresh)

            @rule(size=st.integers(0, 200))
            def truncate(self, size: int) -> None:
                self.run_truncation(size)

        def run_cycle(self, fresh: bool) -> None:
            device = self.device
            assert kind.state.broken(device) is None
            before = copy.deepcopy(live_state(device))
            assert not DeepDiff(live_state(self.twin), before)  # alike is not only what came out
            levels = {name: line.level for name, line in device.lines.items()}
            data = saving.save(device)
            assert saving.save(device) == data
            assert not DeepDiff(before, copy.deepcopy(live_state(device)))
            now = device.clock.now
            if fresh:
                device = self.device = kind()
            else:
                for line in device.lines.values():
                    if line.input:
                        line.level = line.initial
                device.reset()
                assert not DeepDiff(pristine, live_state(device))
                assert kind.state.broken(device) is None
            device.clock.now = now
            for name, line in device.lines.items():
                line.level = levels[name]
            device.outputs.clear()
            saving.load(device, data)
            assert not device.outputs
            assert not DeepDiff(before, copy.deepcopy(live_state(device)))
            assert saving.save(device) == data
            assert kind.state.broken(device) is None
            count.cycles += 1

        def run_truncation(self, size: int) -> None:
            data = saving.save(self.device)
            other = kind()
            try:
                saving.load(other, data[: size % len(data)])
            except StreamError:
                assert not DeepDiff(pristine, live_state(other))
            else:
                raise AssertionError("truncated bytes were accepted")

        def teardown(self) -> None:
            assert not DeepDiff(live_state(self.twin), live_state(self.device))

    return Machine


@contextmanager
def _within(limit: float) -> Iterator[None]:
    """Raise `_TimeIsUp` in the block after `limit` seconds, wherever it is."""

    def ring(_number: int, frame: FrameType | None) -> None:
        if frame is None or frame.f_code.co_name != "gc_callback":  # an exception there is dropped
            raise _TimeIsUp

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def find(
    kind: type[UART16550], number: int, limit: float, section: Sectioned | None = None
) -> float | None:
    """Return the seconds until the machine failed on `kind` with seed `number`; `section` saves and loads in
    place of the device's own.

    None when it did not within `limit` seconds.
    """
    machine = seed(number)(_machine(kind, PeerCount(), section=section))
    begin = perf_counter()
    try:
        with _within(limit):
            run_state_machine_as_test(machine, settings=_QUIET)
    except _TimeIsUp:
        return None
    except Exception:  # whatever the machine raised is a failure found: an assertion, a crash, Flaky
        spent = perf_counter() - begin
        return spent if spent < limit else None  # what came of ringing where exceptions are caught
    return None


def run_cycles(kind: type[UART16550], number: int, examples: int, count: PeerCount) -> None:
    """Run `examples` machines of fifty operations, with a cycle after each ten."""
    machine = seed(number)(_machine(kind, count, every=10))
    run_state_machine_as_test(
        machine, settings=settings(_QUIET, max_examples=examples, stateful_step_count=50)
    )
