"""Device code that never returns is ended; code that makes progress, or is not a device's, is not."""

from __future__ import annotations

import io
import pdb
import signal
import sys
import time
from typing import Any, cast

import pytest

from stressor.loop.watchdog import Hung, Watchdog


def inside_a_device(seconds: float) -> Watchdog:
    watchdog = Watchdog(seconds)
    watchdog.inside = True
    return watchdog


def for_ever() -> None:
    while True:
        pass


def swallowing_for_ever() -> None:
    while True:
        try:
            sum(range(100))
        except Exception:
            continue


def test_what_never_returns_is_ended() -> None:
    with pytest.raises(Hung, match=r"0\.05 s"), inside_a_device(0.05).watching():
        for_ever()


def test_what_makes_progress_goes_on() -> None:
    watchdog = inside_a_device(0.05)
    end = time.monotonic() + 0.3
    with watchdog.watching():
        while time.monotonic() < end:
            watchdog.beats += 1
    assert watchdog.beats > 0


def test_the_harness_itself_may_take_its_time() -> None:
    watchdog = Watchdog(0.02)
    end = time.monotonic() + 0.2
    with watchdog.watching():
        while time.monotonic() < end:
            pass
    assert watchdog.beats == 0


def test_a_device_that_catches_every_exception_is_ended_too() -> None:
    with pytest.raises(Hung), inside_a_device(0.05).watching():
        swallowing_for_ever()


def test_the_signal_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Watchdog(1).watching():
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_patience_can_be_shorter_for_a_while() -> None:
    watchdog = inside_a_device(60)
    with pytest.raises(Hung), watchdog.watching(), watchdog.within(0.05):
        for_ever()
    assert watchdog.seconds == 60


def test_a_tracer_in_the_middle_of_its_work_is_let_finish() -> None:
    source = "def trace(done):\n    end = monotonic() + 0.1\n    while monotonic() < end: pass\n    done.append(1)"
    tracer: dict[str, Any] = {"__name__": "coverage.collector", "monotonic": time.monotonic}
    exec(source, tracer)
    finished: list[int] = []

    def traced() -> None:
        tracer["trace"](finished)
        for_ever()

    with pytest.raises(Hung), inside_a_device(0.02).watching():
        traced()
    assert finished == [1]


class Reader:
    """A terminal at which somebody takes longer than the patience of any watchdog."""

    def readline(self) -> str:
        for _ in range(3):
            signal.raise_signal(signal.SIGALRM)
        return "continue\n"


def test_somebody_at_the_prompt_of_a_debugger_may_take_his_time() -> None:
    reached = []

    def stops_in_the_device() -> None:
        debugger = pdb.Pdb(stdin=cast("io.StringIO", Reader()), stdout=io.StringIO(), nosigint=True, readrc=False)
        debugger.set_trace()
        reached.append(1)

    measuring = sys.gettrace()  # a debugger that is done leaves nothing that traces
    try:
        with inside_a_device(1000.0).watching():
            stops_in_the_device()
    finally:
        sys.settrace(measuring)
    assert reached == [1]


def test_without_a_debugger_the_same_is_a_hang() -> None:
    with pytest.raises(Hung), inside_a_device(1000.0).watching():
        Reader().readline()


def test_a_finalizer_is_not_interrupted_where_the_exception_would_be_lost() -> None:
    class Slow:
        def __del__(self) -> None:
            begin = time.monotonic()
            while time.monotonic() < begin + 0.2:
                pass

    def finalizing() -> None:
        Slow()
        for_ever()

    with pytest.raises(Hung), inside_a_device(0.05).watching():
        finalizing()
