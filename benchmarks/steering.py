"""Cycles until each loss of the eight reference devices is noticed, with the search steered and not.

Both sides run the same losses with the same seeds; the peer is the same engine without steering, which a loss
that nobody notices costs all of its cycles. What the cycles cost is measured as well: seconds of
processor time of all campaigns together, from the first plan to the named finding.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

from benchmarks.measure import Row, at_least, seconds
from stressor.audit.catalogue import Catalogue
from stressor.audit.equivalent import read_equivalents, reason_for
from stressor.audit.hunt import Hunter
from stressor.audit.lossy import edited
from stressor.audit.places import Places
from stressor.audit.sample import Sample
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.targets.loader import find_models
from stressor.targets.model import Model

__all__ = ["measure"]

_DEVICES: Final = ("uart16550", "i8254", "i8259", "i8257", "i8042", "mc146818", "hpet", "e1000")
_CYCLES: Final = 2_000
_EVERY: Final = 5
"""In the short selection, one loss of so many."""
_RARELY: Final = 25
"""The same for the e1000, a hundred times slower than the others."""


def measure(*, whole: bool) -> list[Row]:
    """Return a row for each device, one for all of their losses, and one for what it cost.

    With `whole` every loss (one in five of the e1000), with three seeds; else some, with one seed.
    """
    rows: list[Row] = []
    steered: list[int] = []
    unsteered: list[int] = []
    costs = [0.0, 0.0]
    for device in _DEVICES:
        every = (1 if whole else _EVERY) if device != "e1000" else (_EVERY if whole else _RARELY)
        ours: list[int] = []
        theirs: list[int] = []
        for model in find_models([f"devices/{device}.py"]):
            for seed in range(1, 4 if whole else 2):
                for number, (with_it, without) in enumerate(_hunts(model, seed, every, costs)):
                    print(f"\r  {model.name}, seed {seed}: {number + 1}   ", end="", file=sys.stderr, flush=True)
                    ours.append(with_it)
                    theirs.append(without)
        rows.append(Row(
            f"cycles to notice a loss of {device}: the median of {len(ours)}", f"{median(ours):g}", f"{median(theirs):g}",
            f"{median(theirs) / median(ours):.1f}x",
        ))  # fmt: skip
        steered += ours
        unsteered += theirs
    print(file=sys.stderr)
    mine, other = median(steered), median(unsteered)
    mean, mean_other = sum(steered) / len(steered), sum(unsteered) / len(unsteered)
    paired = median(theirs / ours for ours, theirs in zip(steered, unsteered, strict=True))
    return [
        *rows,
        at_least(f"the same of all eight: the median of {len(steered)}", f"{mine:g}", f"{other:g}", other / mine, 2),
        at_least("the same, the median of the ratios, loss by loss", "", "", paired, 2),
        Row("the same, the mean", f"{mean:.1f}", f"{mean_other:.1f}", f"{mean_other / mean:.1f}x"),
        Row("processor time for all of them", seconds(costs[0]), seconds(costs[1]), f"{costs[1] / costs[0]:.2f}x"),
    ]


def _hunts(model: TargetType | RunsItself, seed: int, every: int, costs: list[float]) -> Iterable[tuple[int, int]]:
    """Yield the cycles of both sides for each loss that is not known to make no difference."""
    assert isinstance(model, Model)
    sample = Sample()
    known = Hunter(seed, _CYCLES).all(edited(model, sample, Places()))
    catalogue = Catalogue(model, sample, seed)
    equivalents = read_equivalents(Path("devices/audit.toml"))
    mutants = [each for each in catalogue.mutants() if not reason_for(equivalents, model.name, each)]
    for turn, mutant in enumerate(mutants[::every]):
        cycles = {}
        for steered in (True, False) if turn % 2 else (False, True):
            lossy = catalogue.lossy(mutant)
            assert lossy is not None
            begin = process_time()
            cycles[steered] = Hunter(seed, _CYCLES, steered=steered).first(lossy, known).cycles
            costs[not steered] += process_time() - begin
        yield cycles[True], cycles[False]
