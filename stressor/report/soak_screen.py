"""How a soak is going, while it runs: a few lines in place on a terminal, elsewhere a plain line a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TextIO

from stressor.report.text import WIDTH, clean, counted, megabytes, middle, seconds, short
from stressor.soak.progress import SoakProgress, TargetHealth

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["SoakScreen", "screen_lines", "screen_row"]

_MINUTE: Final = 60.0
_TARGETS: Final = 8
_NAME: Final = 28
_CYCLES: Final = 17
_WORD: Final = 8
"""Columns that a name, or what troubles a target, has at least: all others are for numbers."""


class SoakScreen:
    """Takes the moments of a session. With `live` it draws in place, and leaves nothing when it is closed."""

    def __init__(
        self, stream: TextIO, *, live: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._live = live
        self._clock = clock
        self._last_row = clock()
        self._view: Live | None = None

    def show(self, progress: SoakProgress) -> None:
        """Show how it is going."""
        if self._live:
            self._draw(progress)
        elif self._clock() - self._last_row >= _MINUTE:
            self._last_row = self._clock()
            self._stream.write(screen_row(progress) + "\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Write whole lines that stay, such as the block of a finding."""
        self.close()
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Take the view off the screen, until the next `show`."""
        if self._view is not None:
            self._view.stop()
            self._view = None

    def _draw(self, progress: SoakProgress) -> None:
        # rich costs 40 ms to import: only for those who see it.
        from rich.text import Text

        if self._view is None:
            from rich.console import Console
            from rich.live import Live

            self._view = Live(
                console=Console(file=self._stream, force_terminal=True),
                transient=True,
                refresh_per_second=2,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._view.start()
        lines = screen_lines(progress, self._view.console.width)
        self._view.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))


def screen_lines(progress: SoakProgress, width: int = WIDTH) -> Iterator[str]:
    """Yield the live view: the work, the state it is in, and the targets to look at first. On less than 80 columns
    there are more lines instead of less in them."""
    limit = f" of {_clock(progress.limit)}" if progress.limit is not None else ""
    yield from _columns(
        width,
        f"{_clock(progress.elapsed)}{limit}",
        f"{progress.cycles:,} cycles",
        f"{short(progress.cycles_per_second)}/s",
        f"{short(progress.operations)} operations",
    )
    yield from _columns(
        width,
        f"{counted(progress.jobs, 'job')}",
        f"{progress.busy} of {counted(progress.workers, 'worker')} busy",
        "",
        f"{progress.seen:,} of {counted(progress.fields, 'field')} seen",
    )
    last = "none so far" if progress.since_new is None else f"the last {seconds(progress.since_new)} ago"
    new = f"({progress.new:,} new, {last})" if progress.new else "(none new)"
    yield from _packed(width, counted(progress.findings, "finding"), new, between=" ")
    for target in progress.targets[:_TARGETS]:
        yield from _health(width, target)


def screen_row(progress: SoakProgress) -> str:
    """Return the same in one line of 80 columns; targets only where there is trouble."""
    last = "" if progress.since_new is None else f", the last {seconds(progress.since_new)} ago"
    new = f" ({progress.new:,} new{last})" if progress.new else ""
    parts = [
        f"{_clock(progress.elapsed)}  {short(progress.cycles)} cycles ({short(progress.cycles_per_second)}/s)",
        counted(progress.findings, "finding") + new,
        *(f"{middle(clean(target.name), 20)}: {clean(target.trouble)}" for target in progress.targets if target.trouble),
        f"{progress.seen:,} of {progress.fields:,} fields",
        counted(progress.jobs, "job"),
        f"{progress.busy} of {progress.workers} busy",
    ]
    row = parts[0]
    for part in parts[1:]:
        if len(row) + 2 + len(part) <= WIDTH:
            row += ", " + part
    return row


def _health(width: int, target: TargetHealth) -> Iterator[str]:
    name, trouble, cycles = clean(target.name), clean(target.trouble), f"{short(target.cycles)} cycles"
    numbers = [
        counted(target.findings, "finding") if target.findings else "",
        counted(target.restarts, "restart") if target.restarts else "",
        megabytes(target.memory) if target.memory else "",
    ]
    if width < WIDTH:
        yield from _packed(width, f"  {name}", cycles, trouble, *numbers)
        return
    said = "".join(f"  {number}" for number in numbers if number)
    room = width - 2 - _NAME - _CYCLES - 2 - len(said)
    said = f"{cycles:>{_CYCLES}}" + (f"  {middle(trouble, max(room, _WORD))}" if trouble else "") + said
    column = max(_WORD, min(_NAME, width - 2 - len(said)))
    yield middle(f"  {middle(name, column):<{column}}{said}", width)


def _columns(width: int, first: str, second: str, third: str, fourth: str) -> Iterator[str]:
    if width < WIDTH:
        yield from _packed(width, first, second, third, fourth)
    else:
        yield middle(f"{first:<20}{second:<24}{third:<12}{fourth}".rstrip(), width)


def _packed(width: int, *parts: str, between: str = "  ") -> Iterator[str]:
    """Yield parts in as few lines as hold them, none broken; further lines are indented."""
    line = ""
    for part in filter(None, parts):
        longer = line + between + part if line else part
        if line and len(longer) > width:
            yield line
            longer = f"    {part}"
        line = middle(longer, width)
    yield line


def _clock(amount: float) -> str:
    minutes, left = divmod(int(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}"
