"""How far a large file is read, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from stressor.report.text import clean, middle

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["ReadingBar"]

_WORTH_IT: Final = 32 << 20
"""Bytes after which a bar is shown; less is read in the blink of an eye."""


class ReadingBar:
    """A bar of bytes read. It leaves nothing behind when it is stopped."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = middle(clean(name), 40)
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def show(self, done: int, size: int | None) -> None:
        """Draw, or redraw, the bar; `size` is None for a pipe."""
        if self._bars is None and done >= _WORTH_IT:
            self._start(size)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done)

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _start(self, size: int | None) -> None:
        # rich costs 40 ms to import: only for those who see it.
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(binary_units=True),
            console=Console(file=self._stream, force_terminal=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bars.start()
        self._task = self._bars.add_task(self._name, total=size)
