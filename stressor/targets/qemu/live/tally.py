"""What a run on a guest comes to, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Final

from stressor.loop.plain import plain
from stressor.targets.qemu.live.console import Console
from stressor.vmstate.live import without_indexes
from stressor.vmstate.wire import NamedField

__all__ = ["Tally"]

_KEPT: Final = 100_000
"""So many times are kept for the median."""


class Tally:
    """Counts: how often the guest was let run (`runs`), how many guests were lost.

    `fields` are the names of all fields that were seen, in order; `exercised` those that ever had
    another value than in the machine before it ran.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.lost = 0
        self.fields: dict[str, None] = {}
        self.exercised: set[str] = set()
        self._birth: dict[str, object] = {}
        self._times: list[float] = []
        self._boots: list[float] = []
        self._consoles: list[Console] = []

    @property
    def stood_for(self) -> float:
        """The median of the seconds for which a cycle kept the guest from running, 0 without any."""
        return median(self._times) if self._times else 0.0

    def begin(self, values: Mapping[str, NamedField]) -> None:
        """Take the fields of a machine that did not run yet."""
        self._birth = {path: plain(field.value) for path, field in values.items()}
        self.fields = dict.fromkeys(map(without_indexes, values))

    def sample(self, values: Mapping[str, NamedField]) -> None:
        """Take the fields at a save point."""
        for path, field in values.items():
            name = without_indexes(path)
            self.fields.setdefault(name)
            if path not in self._birth or self._birth[path] != plain(field.value):
                self.exercised.add(name)

    def stood(self, seconds: float) -> None:
        """Take how long a cycle kept the guest from running."""
        if len(self._times) < _KEPT:
            self._times.append(seconds)

    def booted(self, seconds: float, console: Console) -> None:
        """Take how long a guest took to boot, and what it says from now on."""
        self._boots.append(seconds)
        self._consoles.append(console)

    def notes(self, period: float) -> Iterator[tuple[str, str]]:
        """Yield what there is to say, by what it is about; `period` is that of the cycles, in s."""
        if self._boots:
            lost = f"; {self.lost} of {len(self._boots)} guests lost" if self.lost else ""
            heartbeats = sum(console.heartbeats for console in self._consoles)
            yield "guest", f"booted in {self._boots[0]:.1f} s, {heartbeats:,} heartbeats{lost}"
            yield "last heartbeat", self._consoles[-1].last_heartbeat or "none"
        if self._times:
            stood = self.stood_for
            yield (
                "stopped",
                f"{stood * 1e3:.1f} ms a cycle (at most {max(self._times) * 1e3:.1f} ms), "
                f"{100 * stood / (period + stood):.1f} % of the time, "
                f"{100 * stood / period:.1f} % of a period of {period * 1e3:g} ms",
            )
            yield "speed", f"{1 / (period + stood):.1f} cycles/s while it ran"
