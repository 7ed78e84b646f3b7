"""Progress in place, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from stressor.loop.events import Progress
from stressor.report.text import clean, counted, middle

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["LiveProgress"]


class LiveProgress:
    """A bar for the running target. It leaves nothing behind when it is stopped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def show(self, event: Progress) -> None:
        """Draw, or redraw, the bar."""
        bars = self._bars
        if bars is None or self._task is None:
            bars, self._task = self._start()
        target = middle(clean(event.target), 24)
        found = f"  {counted(event.findings, 'finding')}" if event.findings else ""
        bars.update(
            self._task,
            description=f"{target}  {counted(event.cycles, 'cycle')}{found}",
            completed=event.cycles,
            total=event.of or None,
        )

    def stop(self) -> None:
        """Take the bar off the screen, until the next `show`."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _start(self) -> tuple[Bars, TaskID]:
        # rich costs 40 ms to import: only for those who see it.
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            console=Console(file=self._stream, force_terminal=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        bars.start()
        return bars, bars.add_task("", total=None)
