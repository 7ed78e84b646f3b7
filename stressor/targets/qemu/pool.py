"""Processes launched ahead: while one is driven, the next one starts on another core."""

from __future__ import annotations

from collections import deque
from typing import Final

from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.process import QemuProcess

__all__ = ["Pool"]


class Pool:
    """Gives away new processes of one layout; `ahead` of each sort are launched before they are
    asked for, once one was."""

    def __init__(self, layout: Layout, ahead: int = 1) -> None:
        self._layout: Final = layout
        self._ahead: Final = ahead
        self._waiting: Final[dict[bool, deque[QemuProcess]]] = {False: deque(), True: deque()}

    def take(self, *, incoming: bool = False) -> QemuProcess:
        """Return a process that answers; who takes it closes it. Raises TargetError.

        With `incoming` it is one that waits for a whole state.
        """
        waiting = self._waiting[incoming]
        process = waiting.popleft() if waiting else launch(self._layout, incoming=incoming)
        while len(waiting) < self._ahead:
            waiting.append(launch(self._layout, incoming=incoming))
        return process.connect()

    def close(self) -> None:
        """End what nobody took."""
        for waiting in self._waiting.values():
            while waiting:
                waiting.pop().close()
