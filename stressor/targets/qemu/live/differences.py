"""How two saves of one stopped machine differ: by sections and fields, but for what may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from stressor.errors import UsageError
from stressor.loop.finding import ABSENT, FieldChange, Value
from stressor.loop.plain import plain
from stressor.targets.qemu.live.specification import LiveSpecification
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.view import VOLATILE, View
from stressor.vmstate.stream import Comparison, compare_streams
from stressor.vmstate.wire import NamedField

__all__ = ["Differences", "declared_of"]

_RUN_STATE: Final = {"globalstate/0": "says whether the machine was running, and why not"}
_HOST_CLOCK: Final = dict.fromkeys(
    ("mc146818rtc/0", "pl031/0"), "follows the host's clock, as -rtc asks for"
)


def declared_of(specification: LiveSpecification) -> dict[str, str]:
    """Return the sections that may differ, and why."""
    clock = specification.argument("-rtc") or ""
    follows = "clock=host" in clock or "clock=rt" in clock
    return {**VOLATILE, **_RUN_STATE, **(_HOST_CLOCK if follows else {})}


class Differences:
    """Compares saves of one kind of machine; `labels` are those of all its sections.

    `allowed` counts how often each declared section differed, `compared` and `left_out` are the
    labels of the others by what the user chose. Raises UsageError for a pattern that fits none.
    """

    def __init__(self, specification: LiveSpecification, labels: list[str]) -> None:
        only, excluded = specification.only, specification.excluded
        for pattern in (*only, *excluded):
            if not any(fnmatchcase(label, pattern) for label in labels):
                raise UsageError(f"no section fits {pattern!r}; there are {', '.join(labels)}")
        self.declared: Final = {
            label: why for label, why in declared_of(specification).items() if label in labels
        }
        others = [label for label in labels if label not in self.declared]
        self.compared: Final = tuple(
            label
            for label in others
            if (not only or any(fnmatchcase(label, pattern) for pattern in only))
            and not any(fnmatchcase(label, pattern) for pattern in excluded)
        )
        self.left_out: Final = tuple(label for label in others if label not in self.compared)
        self.allowed: Final[Counter[str]] = Counter()
        self._views: Final = {label: View((label,)) for label in labels}

    def between(self, machine: Machine, before: bytes, after: bytes) -> list[FieldChange]:
        """Return the fields that differ, in order, but those of declared sections.

        The machine is stopped; it is saved once more when its layout is not known yet. A section of
        a layout that is not to be had is one field of bytes.
        """
        if before == after:
            return []
        parts = {label: (view.cut(before), view.cut(after)) for label, view in self._views.items()}
        differing = {label for label, (one, other) in parts.items() if one != other}
        self.allowed.update(differing & self.declared.keys())
        chosen = {label for label in self.compared if label in differing}
        if not chosen and differing:
            return []
        left, right = machine.parse(before), machine.parse(after)
        if left is None or right is None:
            machine.named()
            left, right = machine.parse(before), machine.parse(after)
        if left is None or right is None:
            return [FieldChange(label, *parts[label]) for label in self.compared if label in differing]
        return [*self._fields(compare_streams(left, right, lambda part: part.label in self.compared))]

    def values(self, machine: Machine, devices: bytes) -> Mapping[str, NamedField]:
        """Return the fields of the compared sections by path; none when no description fits."""
        stream = machine.parse(devices)
        return {} if stream is None else {
            field.path: field
            for section in stream.sections
            if section.label in self.compared
            for field in section.fields()
        }  # fmt: skip

    def _fields(self, comparison: Comparison) -> Iterator[FieldChange]:
        for difference in comparison.differences:
            before, after = difference.before, difference.after
            width = before.size if before is not None and isinstance(before.value, int) else 0
            yield FieldChange(difference.path, _value(before), _value(after), width=width)
        yield from (FieldChange(label, "saved", ABSENT) for label in comparison.only_before)
        yield from (FieldChange(label, ABSENT, "saved") for label in comparison.only_after)


def _value(field: NamedField | None) -> Value:
    return ABSENT if field is None else plain(field.value)
