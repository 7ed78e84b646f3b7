"""Ends device code that never returns."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeVar

__all__ = ["RAISED", "Hung", "Watchdog", "drops_exceptions"]


T = TypeVar("T")

_KNOWN: Final = 0.25
_DEFERRALS: Final = 2_000  # looks, a millisecond apart: a finalizer may never return either


class Hung(BaseException):
    """A device did not return in time. Not an `Exception`, so that no device swallows it by chance."""


RAISED: Final = (Exception, SystemExit, Hung)
"""What device code may end in: to leave by `sys.exit` would end the whole run, and with the code of a green one."""


class Watchdog:
    """Raises `Hung` in the running code when `beats` stands still for `seconds` inside a device.

    Whoever drives a device sets `inside` around it and counts `beats` up before each batch, which
    costs nothing; a timer looks at both. Works in the main thread of a process with interval timers (not on Windows);
    elsewhere it does nothing, and code written in C that never returns cannot be ended either.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.beats = 0
        self.inside = False
        self.hung = False
        """Whether it ever had to end something."""
        self._seen = -1
        self._armed = False
        self._deferred = 0

    @property
    def short(self) -> float:
        """Seconds that are enough once a hang is known."""
        return min(_KNOWN, self.seconds)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs. Nested use is the outer one's."""
        usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        if self._armed or not usable:
            yield
            return
        self._armed = True
        self._seen = -1
        previous = signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, self.seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            self._armed = False

    def run(self, action: Callable[[], T]) -> T:
        """Run device code that may never return. Raises Hung, and whatever it raises."""
        self.beats += 1
        self.inside = True
        try:
            return action()
        finally:
            self.inside = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Watch with less patience while the block runs: once it is known that a device hangs."""
        patience, self.seconds = self.seconds, seconds
        try:
            if self._armed:
                signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
            yield
        finally:
            self.seconds = patience
            if self._armed:
                signal.setitimer(signal.ITIMER_REAL, patience, patience)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        if self.inside and self.beats == self._seen:
            if self._deferred < _DEFERRALS and (_is_tracing(frame) or drops_exceptions(frame)):
                self._deferred += 1
                signal.setitimer(signal.ITIMER_REAL, 0.001, self.seconds)  # look again in a moment
                return
            if _is_debugged(frame):
                self._seen = -1  # and the whole patience again, once the device goes on
                return
            self.beats += 1
            self.hung = True
            raise Hung(f"did not return within {self.seconds:g} s")
        self._seen, self._deferred = self.beats, 0


def drops_exceptions(frame: FrameType | None) -> bool:
    """Return whether what is raised in a frame would only be printed: in a callback of the garbage collector (Hypothesis has
    one), or in a finalizer."""
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        if frame.f_code in callbacks or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _is_tracing(frame: FrameType | None) -> bool:
    """Return whether a tracer is at work in the middle of the device's code: interrupted there, coverage
    keeps its lock for ever."""
    for _ in range(4):
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__", "")).startswith("coverage"):
            return True
        frame = frame.f_back
    return False


def _is_debugged(frame: FrameType | None) -> bool:
    """Return whether somebody sits before the prompt of a debugger that stopped in the device."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "bdb":  # the base of every debugger: pdb, ipdb, pdb++
            return True
        frame = frame.f_back
    return False
