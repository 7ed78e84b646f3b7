"""Processes launched ahead: while one is driven, the next one starts on another core."""

from __future__ import annotations

from collections import deque
from typing import Final

from stressor.errors import TargetError
from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.process import SECONDS, QemuProcess

__all__ = ["Pool"]


class Pool:
    """Gives away new processes of one layout; `ahead` of each sort are launched before they are
    asked for, once one was. `seconds` bounds every answer of theirs."""

    def __init__(self, layout: Layout, ahead: int = 1, *, seconds: float = SECONDS) -> None:
        self._layout: Final = layout
        self._seconds: Final = seconds
        self._ahead: Final = ahead
        self._waiting: Final[dict[bool, deque[QemuProcess]]] = {False: deque(), True: deque()}

    def take(self, *, incoming: bool = False) -> QemuProcess:
        """Return a process that answers; who takes it closes it. Raises TargetError.

        With `incoming` it is one that waits for a whole state.
        """
        waiting = self._waiting[incoming]
        early = waiting.popleft() if waiting else None
        try:
            process = early or self._launch(incoming)
            while len(waiting) < self._ahead:
                waiting.append(self._launch(incoming))
            return process.connect()
        except TargetError:
            if early is None:
                raise
            early.close()
            return self._launch(incoming).connect()  # much can happen to one that waits

    def _launch(self, incoming: bool) -> QemuProcess:
        return launch(self._layout, incoming=incoming, seconds=self._seconds)

    def close(self) -> None:
        """End what nobody took."""
        for waiting in self._waiting.values():
            while waiting:
                waiting.pop().close()
