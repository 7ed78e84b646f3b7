"""Which device of one dump is which of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from stressor.vmstate.dump.model import Dump, DumpedDevice

__all__ = ["Match", "match_sections"]


@dataclass(frozen=True, slots=True)
class Match:
    """A device of both dumps, or of one. `section` is its key: the old one where there is one.

    `renamed` is the key on the new side when it was found by the name of its description.
    """

    section: str
    old: DumpedDevice | None
    new: DumpedDevice | None
    renamed: str = ""


def match_sections(old: Dump, new: Dump) -> list[Match]:
    """Match by device key; what is left over then by the name of the description.

    That name says so only where no device that both have uses it: all processors of a board share
    theirs, and one that came is not one that went. In the order of the old dump, new ones last.
    """
    gone = {key: device for key, device in old.devices.items() if key not in new.devices}
    came = {key: device for key, device in new.devices.items() if key not in old.devices}
    shared = {
        _name(device)
        for devices in (old.devices, new.devices)
        for key, device in devices.items()
        if key not in gone and key not in came
    }
    renamed = _renamed(gone, came, shared)
    matches = []
    for key, device in old.devices.items():
        other = renamed.get(key, key)
        matches.append(Match(key, device, new.devices.get(other), "" if other == key else other))
    taken = set(renamed.values())
    matches += [Match(key, None, device) for key, device in came.items() if key not in taken]
    return matches


def _renamed(
    gone: Mapping[str, DumpedDevice], came: Mapping[str, DumpedDevice], shared: set[str]
) -> dict[str, str]:
    """Return the new key of each that went, by the name of its description."""
    found: dict[str, str] = {}
    by_name: dict[str, list[str]] = {}
    for key, device in came.items():
        by_name.setdefault(_name(device), []).append(key)
    for key, device in gone.items():
        name = _name(device)
        candidates = by_name.get(name, [])
        if name in shared or not candidates:
            continue
        # The most alike first, the first of equals: where several share a description, keys decide.
        best = max(candidates[:50], key=lambda other: _alike(key, other))
        candidates.remove(best)
        found[key] = best
    return found


def _name(device: DumpedDevice) -> str:
    return device.name if device.description is None else device.description.name


def _alike(old: str, new: str) -> float:
    return SequenceMatcher(None, old[:100], new[:100], False).ratio()
