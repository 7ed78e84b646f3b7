"""What a planted bug is: the reference UART with one thing wrong, and how it must be named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import stressor.vmstate as vm
from devices.uart16550 import UART16550
from stressor.loop.finding import Cause, Oracle

__all__ = ["PlantedBug", "altered"]


class PlantedBug(UART16550):
    """A UART with one bug. A run must find it by one of `expected_oracles`, with this cause, and
    under this field path (section in front, indexes dropped)."""

    expected_oracles: ClassVar[set[Oracle]] = set()
    expected_cause: ClassVar[Cause]
    expected_field: ClassVar[str]


def altered(
    *,
    without: Collection[str] = (),
    fields: Sequence[vm.Field] = (),
    validate: Sequence[vm.Validate] | None = None,
    pre_save: Callable[[Any], object] | None = None,
    post_load: Callable[[Any, int], object] | None = None,
    unsaved: Mapping[str, str] | None = None,
    kind: type[vm.Description] = vm.Description,
) -> vm.Description:
    """Return the UART's description with something changed.

    `without` names subsections that are left out; each of `fields` replaces the one of its name;
    `unsaved` is added to what is there; the others replace.
    """
    correct = UART16550.state
    replaced = {field.name: field for field in fields}
    kept = [part for part in correct.subsections if part.name.removeprefix("serial/") not in without]
    assert len(kept) + len(without) == len(correct.subsections)
    assert replaced.keys() <= {field.name for field in correct.fields}
    return kind(
        correct.name,
        version=correct.version,
        minimum_version=correct.minimum_version,
        fields=[replaced.get(field.name, field) for field in correct.fields],
        subsections=kept,
        validate=correct.validate if validate is None else validate,
        pre_save=pre_save,
        post_load=post_load or correct.post_load,
        unsaved={**correct.unsaved, **(unsaved or {})},
    )
