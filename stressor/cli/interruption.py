"""Ctrl-C, and a polite kill: the first ends a run in good order, the second aborts it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

from stressor.loop.watchdog import drops_exceptions

__all__ = ["NOTICE", "Interruption"]

_MOMENT = 0.02
NOTICE = "stressor: stopping; Ctrl-C again aborts\n"


class Interruption:
    """While it is entered, the first Ctrl-C or SIGTERM only makes `requested()` true.

    The second raises KeyboardInterrupt, wherever the program is. Outside of the main thread, where
    signals do not arrive, it changes nothing.
    """

    def __init__(self) -> None:
        self.silent = False
        """Whether somebody else says so, who draws on the terminal."""
        self._requested = False
        self._previous: dict[int, object] = {}

    def requested(self) -> bool:
        """Return whether the user asked to stop."""
        return self._requested

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]
        self._previous.clear()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            if not drops_exceptions(frame):
                raise KeyboardInterrupt
            threading.Timer(_MOMENT, os.kill, (os.getpid(), number)).start()
            return
        self._requested = True
        # Streams may be in the middle of a write when a signal arrives; the descriptor never is.
        if not self.silent:
            os.write(2, f"\n{NOTICE}".encode())
