"""Wall time until each loss that an audit makes of the UART is noticed, against the peer.

Both sides get the same lossy device: its description has forgotten something, the bytes are changed on
their way to the load, or a reset leaves a field. To name what was lost is asked of ours alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks import peer
from benchmarks.measure import Row, seconds
from devices.uart16550 import UART16550
from stressor.audit.catalogue import Catalogue
from stressor.audit.edits import Edit
from stressor.audit.hunt import Hunter
from stressor.audit.lossy import LossyModel, edited
from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import Places
from stressor.audit.sample import Sample
from stressor.loop.target import Snapshot
from stressor.targets.binding import DeviceBinding
from stressor.targets.model import model_of
from stressor.vmstate import Section
from stressor.vmstate.live import LiveState

__all__ = ["measure"]

_CYCLES: Final = 100_000
_SEEDS: Final = range(1, 4)
_WARM: Final = 16
"""Loads after which a section has code of its own."""
_EVERY: Final = 6
"""In the short selection, one loss of so many."""
_SUBSECTIONS: Final = re.compile(rb"serial/\w+")


@dataclass
class _Edited:
    """A section whose bytes are changed before they are loaded; what lies where is worked out once."""

    section: Section
    edit: Edit
    model: LossyModel

    def __post_init__(self) -> None:
        self._target = self.model.open()
        self._places = self.model.places or Places()

    def save(self, device: UART16550) -> bytes:
        return self.section.save(device)

    def load(self, device: UART16550, data: bytes) -> None:
        snapshot = Snapshot(data, tuple(_SUBSECTIONS.findall(data)), None)
        self.section.load(device, self.edit(snapshot, lambda: self._places.of(snapshot, self._target)))


def measure(*, whole: bool) -> list[Row]:
    """Return a row for the median loss, and one for how many losses each side noticed.

    Three seeds: by one alone the peer is lucky or is not, and its median moves by five times. With `whole` every loss,
    and 20 s for the peer each time; else some, and 4 s.
    """
    model = model_of(UART16550, "devices/uart16550.py::UART16550", "uart16550")
    sample = Sample()
    Hunter(1, 2_000).all(edited(model, sample, Places()))
    catalogue = Catalogue(model, sample, 1)
    mutants = [*catalogue.mutants()][:: 1 if whole else _EVERY]
    limit = 20.0 if whole else 4.0
    ratios: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    missed = [0, 0]
    for mutant in mutants:
        for number in _SEEDS:
            lossy = catalogue.lossy(mutant)
            assert lossy is not None
            begin = perf_counter()
            found = Hunter(number, _CYCLES).first(lossy).finding
            mine = perf_counter() - begin
            other = _peer(catalogue, mutant, number, limit)
            missed[0] += found is None
            missed[1] += other is None
            if found is None and other is None:
                continue  # what nobody notices says nothing about speed
            ours.append(mine)
            theirs.append(limit if other is None else other)
            ratios.append(theirs[-1] / mine)
        print(f"  {mutant}: {ratios[-1] if ratios else 0:.1f}x", file=sys.stderr, flush=True)
    tries = len(mutants) * len(_SEEDS)
    typical = median(ratios)
    return [
        Row(
            f"notice a loss of the UART: the median of {len(ratios)}", seconds(median(ours)), seconds(median(theirs)),
            f"{'>= ' if missed[1] else ''}{typical:,.0f}x", ">= 30x", typical >= 30,
        ),
        Row("losses of the UART that were noticed", f"{tries - missed[0]} of {tries}", f"{tries - missed[1]} of {tries}"),
    ]  # fmt: skip


def _peer(catalogue: Catalogue, mutant: Mutant, number: int, limit: float) -> float | None:
    lossy = catalogue.lossy(mutant)
    assert lossy is not None
    assert isinstance(lossy.binding, DeviceBinding)
    section = lossy.binding.section
    uart = UART16550()
    for _ in range(_WARM):  # the peer's clock runs without generating it; ours pays for what it needs beyond a binding's
        section.load(uart, section.save(uart))
    if lossy.edit is not None:
        return peer.find(UART16550, number, limit, _Edited(section, lossy.edit, lossy))
    if mutant.loss is Loss.NOT_CLEARED:
        return peer.find(_forgetting(lossy.kept), number, limit, section)
    kind = type("Lossy", (UART16550,), {"state": lossy.binding.description})
    return peer.find(kind, number, limit, section)


def _forgetting(attribute: str) -> type[UART16550]:
    """Return the UART whose reset leaves an attribute."""
    live = LiveState()
    reset: Callable[[UART16550], None] = UART16550.reset

    def forget(uart: UART16550) -> None:
        made = hasattr(uart, "scratch")  # the first reset makes what there is
        kept = live.keep(uart, {attribute}) if made else {}
        reset(uart)
        if made:
            live.put_back(uart, kept, {attribute})

    return type("Forgetting", (UART16550,), {"reset": forget})
