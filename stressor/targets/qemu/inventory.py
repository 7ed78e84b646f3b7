"""Which of a machine's devices can be stressed: found by trying each, on a machine of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple

from stressor.errors import StressorError, UnsuitableError
from stressor.targets.qemu.sweep import SweptModel, sweep

__all__ = ["Entry", "inventory"]

_BESIDE: Final = ("-device", "-drive", "-netdev", "-chardev", "-object", "-audiodev", "-fsdev")


class Entry(NamedTuple):
    """A target of a sweep. `reason` is "" when it can be stressed, and else why not, in a few words;
    `problem` is that in a sentence. `companions` are the kinds of what stands beside it."""

    name: str
    specification: str
    reason: str
    problem: str
    regions: int
    companions: tuple[str, ...]
    arguments: tuple[str, ...]


def inventory(specification: str) -> Iterator[Entry]:
    """Yield every target of a specification whose device is a pattern, in their order.

    Two are tried at a time.
    """
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(_entry, sweep(specification))


def _entry(model: SweptModel) -> Entry:
    name = model.name.partition(":")[2].partition(",")[0]
    if model.device is None:
        name = model.name.partition(" ")[2] or "(the whole board)"
    try:
        layout = model.layout()
    except UnsuitableError as error:
        return Entry(name, model.specification, error.reason, str(error), 0, (), ())
    except StressorError as error:
        return Entry(name, model.specification, "broke", str(error), 0, (), ())
    whole = model.device is not None or " " not in model.name  # regions of a board share the board's
    companions = _companions(layout.arguments, model.device) if whole else ()
    return Entry(name, model.specification, "", "", len(layout.regions), companions, layout.arguments)


def _companions(arguments: tuple[str, ...], device: str | None) -> tuple[str, ...]:
    """Return what stands beside a device: other devices, and else what their other ends are."""
    devices, ends = [], []
    for option, text in pairwise(arguments):
        kind = text.partition(",")[0]
        if option == "-device" and kind != device:
            devices.append(kind)
        elif option in _BESIDE and option != "-device":
            ends.append("disk" if option == "-drive" else f"{option[1:]} {kind}")
        elif option == "-blockdev":
            ends.append("disk")
    return tuple(dict.fromkeys(devices or ends))
