"""How to reach the devices of one class: made, saved, loaded, and named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from copy import copy
from operator import itemgetter
from typing import Any

from stressor.device import Device, Line, Memory
from stressor.errors import StateError, StreamError
from stressor.loop.target import FILLED, NOT_REPEATING, FieldInfo, SavedField
from stressor.targets.in_process import Board
from stressor.vmstate import Description, Section
from stressor.vmstate.behind import backing
from stressor.vmstate.damage import KINDS
from stressor.vmstate.live import LiveState, without_indexes

__all__ = ["DeviceBinding", "several"]


class DeviceBinding:
    """How to reach devices of one class, each by its own section: that of its `state`, as instance 0, if none
    is given."""

    def __init__(
        self,
        cls: type[Device],
        sample: Device,
        section: Section | None = None,
        functions: Mapping[str, Callable[..., object]] | None = None,
    ) -> None:
        self.cls = cls
        self.functions = functions or {}
        self._lines = tuple(name for name, part in vars(sample).items() if isinstance(part, Line))
        self._memories = tuple(name for name, part in vars(sample).items() if isinstance(part, Memory))
        self._sample = sample
        self.section = section or Section(cls.state)
        self.description = self.section.description
        self.prefix = self.section.prefix
        # an input line is the board's: it is put back before a load, whatever the device does
        self._inputs = tuple(name for name in self._lines if getattr(sample, name).input)
        unsaved = frozenset((*self.description.unsaved, *self._inputs))
        self._behind, filled = backing(self.description, sample, unsaved)
        self.unsaved = self.description.unsaved | dict.fromkeys(filled, FILLED)
        self.live = LiveState({*self.unsaved, *self._inputs})
        self.packer = self.section.packer
        self._load = self.section.loader(sample, undo=False)
        self._parts = tuple(several(names, itemgetter) for names in (self._lines, self._inputs, self._memories))
        self._fields, self._converted = self.description.attributes, self.description.converted
        self._absent: dict[Hashable, frozenset[str]] = {}
        self.broken = self.description.broken
        self.fields = tuple(dict.fromkeys(map(without_indexes, self._fields.values())))
        self.damages: tuple[str, ...] = KINDS
        self.invariants = any(part.validate for part in self.description.everywhere())

    def excluding(self, attributes: Collection[str]) -> DeviceBinding:
        other = copy(self)
        other.unsaved = self.unsaved | dict.fromkeys(attributes, NOT_REPEATING)
        other.live = LiveState({*other.unsaved, *self._inputs})
        return other

    def describing(self, description: Description, sample: Device) -> DeviceBinding:
        """Return the same with another description of the same devices, of which `sample` is one."""
        section = Section(description, self.section.instance, self.section.section_id)
        other = DeviceBinding(self.cls, sample, section, self.functions)
        if other.live.unsaved == self.live.unsaved:
            other.live = self.live  # which has learnt already what there is
        return other

    def create(self) -> Device:
        return self.cls()

    def board(self, device: Device) -> Board:
        attributes = device.__dict__
        lines, inputs, memories = self._parts
        return attributes["outputs"], attributes["clock"], lines(attributes), inputs(attributes), memories(attributes)

    def reset(self, device: Device) -> None:
        device.reset()

    def save(self, device: Device) -> tuple[bytes, Hashable, None]:
        try:
            data, layout = self.packer(device)
        except StateError as error:
            raise StateError(self.prefix + error.path, error.value, error.problem) from error
        return data, layout, None

    def load(self, device: Device, data: bytes, beside: None) -> Device:
        self._load(device, data)
        return device

    def offer(self, device: Device, data: bytes, beside: None) -> Device:
        self.section.load(device, data)
        return device

    def field(self, attribute: str) -> FieldInfo:
        base = without_indexes(attribute)
        unsaved = next(
            (reason for name, reason in self.unsaved.items()
             if base == name or base.startswith((name + ".", name + "["))), None,
        )
        path = self._fields.get(base)
        if path is None and attribute in self._behind:
            path, alone = self._behind[attribute]
            width = self.description.width(path) if alone else 0
            name = "" if alone else attribute
            return FieldInfo(path, unsaved, self.description.declared(path), width, name=name, converted=not alone)
        if path is None:
            return FieldInfo(None, unsaved, None, 0, base in self._lines)
        if path != base:
            indexes = iter(part.split("]")[0] for part in attribute.split("[")[1:])
            named = "[".join(
                part if index == 0 else f"{next(indexes, '')}{part}" for index, part in enumerate(path.split("["))
            )
        else:
            named = attribute
        return FieldInfo(
            named, unsaved, self.description.declared(path), self.description.width(path), converted=base in self._converted
        )

    def saved_fields(self, data: bytes, *, whole: bool = False) -> Sequence[SavedField]:
        try:
            found = self.section.fields_of(data, whole=whole)
        except StreamError:  # mostly something that only a device has decides what travels
            try:
                found = self.section.fields_of(data, whole=whole, obj=self._sample)
            except StreamError:
                return ()  # no new device could load them: that it cannot is for a cycle to find
        return [*map(SavedField._make, found)]

    def absent(self, data: bytes, layout: Hashable) -> frozenset[str]:
        found = self._absent.get(layout)
        if found is None:
            length = len(self.prefix)
            present = {without_indexes(field.path[length:]) for field in self.saved_fields(data, whole=True)}
            fields = [*self._fields.items(), *((without_indexes(name), info.path) for name, info in self._behind.items())]
            found = self.description.configuration.union(
                attribute for attribute, field in fields
                if without_indexes(field) not in present and without_indexes(field) + "[]" not in present
            )
            if len(self._absent) < 1024:
                self._absent[layout] = found
        return found


def several(names: Sequence[str], get: Callable[..., Callable[[Any], Any]]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gets several items or attributes in one go; `get` is `itemgetter` or `attrgetter`."""
    if len(names) > 1:
        return get(*names)
    if not names:
        return lambda owner: ()
    only = get(*names)
    return lambda owner: (only(owner),)
