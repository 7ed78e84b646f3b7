"""A machine of several devices as something that can be stressed: all of their sections, one after another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final

from stressor.device import Device, Line, Memory
from stressor.loop.operations import OperationType
from stressor.loop.target import NOT_REPEATING, FieldInfo, SavedField
from stressor.machine import Machine, part_at, parts_of
from stressor.targets.binding import DeviceBinding, several
from stressor.targets.in_process import Board
from stressor.targets.operations import operations_of
from stressor.vmstate.live import LiveState

__all__ = ["GroupBinding", "operations_of_machine"]

_FOOTER: Final = 5  # bytes


class GroupBinding:
    """How to reach machines of one class: each part by the binding that it has alone.

    What is saved is the parts' sections back to back, as in a QEMU stream; paths of live attributes have the
    part in front (`pic.mask`, and `pics.first.mask` in a machine within a machine), those of fields the section and its instance (`i8259/0.imr`).
    """

    def __init__(
        self, cls: type[Machine], sample: Machine, functions: Mapping[str, Callable[..., object]]
    ) -> None:
        self.cls = cls
        self.functions = functions
        self._sections: Final = list(cls.sections())
        self.parts = {
            name: DeviceBinding(declared.cls, part_at(sample, name), section)
            for (name, declared) in parts_of(cls)
            for (named, section) in self._sections
            if named == name
        }
        self._reached = [(attrgetter(name), binding) for name, binding in self.parts.items()]
        self.prefix = ""
        self.fields = tuple(
            binding.prefix + field for binding in self.parts.values() for field in binding.fields
        )
        self.damages: tuple[str, ...] = ()  # a part that is stressed alone is offered damage
        self.invariants = any(binding.invariants for binding in self.parts.values())
        self._unsaved: dict[str, str] = {
            f"{name}.{attribute}": reason
            for name, binding in self.parts.items()
            for attribute, reason in binding.unsaved.items()
        }
        lines = _lines(sample)
        self._inputs = tuple(name for name, line in lines.items() if line.input)
        self._ends = tuple(several(paths, attrgetter) for paths in ([*lines], self._inputs, _memories(sample)))
        self.live = LiveState({*self._unsaved, *self._inputs})

    def excluding(self, attributes: Collection[str]) -> GroupBinding:
        other = copy(self)
        other._unsaved = self._unsaved | dict.fromkeys(attributes, NOT_REPEATING)
        other.live = LiveState({*other._unsaved, *self._inputs})
        return other

    def replacing(self, name: str, binding: DeviceBinding) -> GroupBinding:
        """Return the same with one part reached otherwise."""
        other = copy(self)
        other.parts = self.parts | {name: binding}
        other._reached = [(attrgetter(part), reach) for part, reach in other.parts.items()]
        return other

    def create(self) -> Machine:
        return self.cls()

    def board(self, machine: Machine) -> Board:
        lines, inputs, memories = self._ends
        return machine.outputs, machine.clock, lines(machine), inputs(machine), memories(machine)

    def reset(self, machine: Machine) -> None:
        machine.reset()

    def save(self, machine: Machine) -> tuple[bytes, Hashable, list[int]]:
        saved, layouts, ends = b"", [], [0]
        for device, binding in self._reached:
            data, layout, _ = binding.save(device(machine))
            saved += data
            layouts.append(layout)
            ends.append(len(saved))
        return saved, tuple(layouts), ends

    packer = save

    def load(self, machine: Machine, data: bytes, beside: list[int]) -> Machine:
        for (device, binding), start, end in zip(self._reached, beside, beside[1:], strict=False):
            binding.load(device(machine), data[start:end], None)
        return machine

    offer = load

    def broken(self, machine: Machine) -> str | None:
        for device, binding in self._reached:
            rule = binding.broken(device(machine))
            if rule is not None:
                return f"{binding.prefix}{rule}"
        return None

    def field(self, attribute: str) -> FieldInfo:
        name = next((name for name in self.parts if attribute.startswith(f"{name}.")), None)
        unsaved = self._unsaved.get(attribute)
        if name is None:
            return FieldInfo(None, unsaved, None, 0)
        binding, rest = self.parts[name], attribute[len(name) + 1 :]
        found = binding.field(rest)
        path = None if found.path is None else binding.prefix + found.path
        return found._replace(path=path, unsaved=found.unsaved or unsaved, name=binding.prefix + found.called(rest))

    def saved_fields(self, data: bytes, *, whole: bool = False) -> Sequence[SavedField]:
        return [
            field._replace(offset=field.offset + start)
            for binding, start, end in self._cut(data)
            for field in binding.saved_fields(data[start:end], whole=whole)
        ]

    def absent(self, data: bytes, layout: Any) -> frozenset[str]:
        return frozenset(
            f"{name}.{attribute}"
            for name, (binding, start, end), own in zip(self.parts, self._cut(data), layout, strict=True)
            for attribute in binding.absent(data[start:end], own)
        )

    def _cut(self, data: bytes) -> list[tuple[DeviceBinding, int, int]]:
        """Return where each part's section begins and ends."""
        cut, start = [], 0
        bindings = list(self.parts.values())
        for binding, following in zip(bindings, [*bindings[1:], None], strict=True):
            end = len(data)
            if following is not None:
                end = data.index(binding.section.footer + following.section.identity, start) + _FOOTER
            cut.append((binding, start, end))
            start = end
        return cut


def operations_of_machine(
    cls: type[Machine], sample: Machine
) -> tuple[tuple[OperationType, ...], dict[str, Callable[..., object]]]:
    """Return what can be done to a machine: what is its own, and what can be done to each part.

    Time passes for all of them, a shared memory is stored to once, and what a part drives nobody else does.
    """
    common, functions = operations_of(cls, sample)
    kinds = [*common]
    known = _memories_of(sample)
    for name, declared in parts_of(cls):
        device = part_at(sample, name)
        shared = {f"{attribute}.store" for attribute, value in vars(device).items() if value in known}
        known += _memories_of(device)
        driven = {f"{line.name.rpartition('.')[2]}.set" for line in sample.wiring.driven if line in device.lines.values()}
        own, calls = operations_of(declared.cls, device)
        for kind in own:
            if kind.name not in {"clock.advance", "clock.expire", *shared, *driven}:
                kinds.append(replace(kind, name=f"{name}.{kind.name}", label=_label(name, kind.label)))
                functions[f"{name}.{kind.name}"] = _call(attrgetter(name), calls[kind.name])
    return tuple(kinds), functions


def _call(part: Callable[[Any], Any], function: Callable[..., object]) -> Callable[..., object]:
    return lambda machine, *arguments: function(part(machine), *arguments)


def _label(name: str, label: str) -> str:
    """Return what an operation on a part is called: `read pic.isr`."""
    verb, _, rest = label.partition(" ")
    return f"{verb} {name}.{rest}" if rest else f"{name}.{verb}"


def _devices(machine: Machine) -> Iterator[tuple[str, Device]]:
    yield "", machine
    for name, _ in parts_of(type(machine)):
        yield f"{name}.", part_at(machine, name)


def _lines(machine: Machine) -> dict[str, Line]:
    """Return each line by its path, always in one order."""
    return {prefix + name: line for prefix, device in _devices(machine) for name, line in device.lines.items()}


def _memories(machine: Machine) -> list[str]:
    """Return the path of each memory; of one that several parts share, the first."""
    found: dict[int, str] = {}
    for prefix, device in _devices(machine):
        for name, part in vars(device).items():
            if isinstance(part, Memory):
                found.setdefault(id(part), prefix + name)
    return [*found.values()]


def _memories_of(device: Device) -> list[Memory]:
    return [part for part in vars(device).values() if isinstance(part, Memory)]
