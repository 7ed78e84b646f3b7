"""What a run on a guest comes to, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Final

from stressor.loop.columns import Run, SeenField
from stressor.loop.coverage import CoveredField, covered
from stressor.targets.qemu.live.console import Console
from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream.layout import pack_fields
from stressor.vmstate.wire import NamedField

__all__ = ["Tally"]

_KEPT: Final = 100_000
"""So many times are kept for the median."""


class Tally:
    """Counts: how often the guest was let run (`runs`), how many guests were lost, at how many save points
    (`points`) the fields were looked at.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.lost = 0
        self.points = 0
        self._fields: dict[str, SeenField] = {}
        self._runs: dict[str, Run] = {}
        self._birth: dict[str, bytes] = {}
        self._times: list[float] = []
        self._boots: list[float] = []
        self._consoles: list[Console] = []

    @property
    def stood_for(self) -> float:
        """The median of the seconds for which a cycle kept the guest from running, 0 without any."""
        return median(self._times) if self._times else 0.0

    def begin(self, values: Mapping[str, NamedField]) -> None:
        """Take the fields of a machine that did not run yet."""
        self._birth = {path: self._saw(path, field) for path, field in values.items()}

    def sample(self, values: Mapping[str, NamedField]) -> None:
        """Take the fields at a save point."""
        self.points += 1
        moved = {
            without_indexes(path) for path, field in values.items()
            if self._saw(path, field) != self._birth.get(path)
        }  # fmt: skip
        for name in moved:
            self._fields[name].points += 1

    def _saw(self, path: str, field: NamedField) -> bytes:
        value = pack_fields((field,))
        seen = self._fields.setdefault(without_indexes(path), SeenField())
        seen.had(field.size, (value,))
        run = self._runs.get(path)
        if run is None:
            run = self._runs[path] = Run(seen, field.size, 1 if field.kind == "bool" else 8 * field.size)
            run.paths.append(path)
        run.saw(value, value)
        return value

    @property
    def covered(self) -> tuple[CoveredField, ...]:
        """What was seen of each field, in the order in which they were first seen; the machine before it
        ran is the reset."""
        return covered(self._fields, self._runs)

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
