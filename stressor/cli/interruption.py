"""Ctrl-C: the first ends a run in good order, the second aborts it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

__all__ = ["Interruption"]

_NOTICE = b"\nstressor: stopping; Ctrl-C again aborts\n"


class Interruption:
    """While it is entered, the first Ctrl-C only makes `requested()` true.

    The second raises KeyboardInterrupt, wherever the program is. Outside of the main thread, where
    signals do not arrive, it changes nothing.
    """

    def __init__(self) -> None:
        self._requested = False
        self._previous: object = None

    def requested(self) -> bool:
        """Return whether the user asked to stop."""
        return self._requested

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)  # type: ignore[arg-type]
            self._previous = None

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
        # Streams may be in the middle of a write when a signal arrives; the descriptor never is.
        os.write(2, _NOTICE)
