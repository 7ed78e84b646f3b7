"""Machines to try things on, and to throw away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.pipeline import NOTHING
from stressor.targets.qemu.process import QemuDied, QemuHung, QemuProcess

__all__ = ["Bench", "MachineBench"]

_PATIENCE: Final = 4.0
"""Seconds after which a machine that is tried out counts as hung."""


class Bench(Protocol):
    """Whatever qtest commands can be tried on. `deaths` counts the machines that it has cost."""

    deaths: int

    def ask(self, commands: Sequence[str], *, anew: bool = False) -> list[str] | None:
        """Return the answers to qtest commands, None when the machine died or hung of them.

        With `anew` it is a machine that was not asked anything before.
        """


class MachineBench:
    """Machines of a layout: a new one whenever the last one died or hung. `close` it."""

    def __init__(self, layout: Layout) -> None:
        self._layout: Final = layout
        self._process: QemuProcess | None = None
        self.deaths = 0

    def ask(self, commands: Sequence[str], *, anew: bool = False) -> list[str] | None:
        if anew:
            self.close()
        if self._process is None:
            self._process = launch(self._layout, patience=_PATIENCE).connect()
            self._process.run(self._layout.setup)
        try:
            answers = self._process.run(commands)
            self._process.run((NOTHING,))  # whoever asks QEMU to end is answered before it does
            return answers
        except (QemuDied, QemuHung):
            self.deaths += 1
            self.close()
            return None

    def close(self) -> None:
        """End the machine; never raises."""
        if self._process is not None:
            self._process.close()
            self._process = None
