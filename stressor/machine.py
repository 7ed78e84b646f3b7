"""Devices wired together: one clock, one guest memory, lines that lead from one to another.

    class Desk(Machine):
        timer = part(Alarm)
        pic = part(Controller, vector=8)
        ram = Memory(0x10000)

        def wire(self) -> None:
            self.connect(self.timer.irq, self.pic.ir0)

A part may be a machine as well. What travels is the section of each device that has a `state`, in the order
of their declaration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeVar, cast

from stressor.device import Device, Line, Memory
from stressor.vmstate import Section

__all__ = ["Machine", "Part", "part", "part_at", "parts_of"]

D = TypeVar("D", bound=Device)


class Part:
    """A device of a machine, as it is declared: its class, and the arguments that it is made with."""

    def __init__(self, cls: type[Device], arguments: dict[str, Any]) -> None:
        self.cls: Final = cls
        self.arguments: Final = arguments


def part(cls: type[D], **arguments: Any) -> D:
    """Declare a device of a machine; an instance has the device itself under that name."""
    return cast("D", Part(cls, arguments))


class Wire:
    """What an output that is wired calls: it sets its ends."""

    __slots__ = ("ends",)

    def __init__(self, ends: tuple[Line, ...]) -> None:
        self.ends: Final = ends

    def __call__(self, level: int) -> None:
        for end in self.ends:
            end.set(level)


class Wiring:
    """The inputs of a machine's parts that something drives, and how the parts are called."""

    live_attributes: ClassVar[None] = None

    def __init__(self, prefix: str, driven: list[Line]) -> None:
        self.prefix: Final = prefix
        """What stands in front of the names of the parts: that of a machine within a machine, and a dot."""
        self.driven: Final = driven
        """Those of the whole machine, whichever of its machines has connected them."""


class Machine(Device):
    """The base of a machine.

    Before `wire` runs, each part is made: on the machine's clock, with its outputs, and with the machine's memory
    where both have one of the same name. What a line of a part puts out is called
    `part.line`. The machine has no state of its own, but may have regions, lines and operations.
    """

    wiring: Wiring

    def __new__(cls, *args: object, **kwargs: object) -> Machine:
        self = cast("Machine", super().__new__(cls))
        self._assemble(Wiring("", []))
        return self

    def _assemble(self, wiring: Wiring) -> None:
        self.wiring = wiring
        for name, declared in _own_parts(type(self)):
            self.__dict__[name] = self._made(name, declared)
        self.wire()

    def _made(self, name: str, declared: Part) -> Device:
        device = Device.__new__(declared.cls)
        device.clock, device.outputs = self.clock, self.outputs
        prefix = f"{self.wiring.prefix}{name}."
        for attribute, value in vars(device).items():
            if isinstance(value, Line):
                value.name = prefix + value.name
                value._outputs = self.outputs
            elif isinstance(value, Memory):
                value.name, value._outputs = prefix + attribute, self.outputs
                device.__dict__[attribute] = self.__dict__.get(attribute, value)
        if isinstance(device, Machine):
            device._assemble(Wiring(prefix, self.wiring.driven))
        device.__init__(**declared.arguments)  # type: ignore[misc]
        return device

    def wire(self) -> None:
        """Connect what leads from one part to another."""

    def connect(self, source: Line, *ends: Line) -> None:
        """Have an output of a part drive inputs of others; they take its level, and nobody is told.

        What is driven is no operation any more. Raises ValueError for a line that is none of these, or is
        driven already.
        """
        if source.input:
            raise ValueError(f"{source.name} is an input and drives nothing; give an output first")
        for end in ends:
            if not end.input or end in self.wiring.driven:
                raise ValueError(f"{end.name} {'is driven already' if end.input else 'is no input'}")
            end.level = end.initial = source.level
        before = source._changed.ends if isinstance(source._changed, Wire) else ()
        source._changed = Wire((*before, *ends))
        self.wiring.driven.extend(ends)

    def reset(self) -> None:
        """Reset every part, in the order of their declaration."""
        for name, _ in _own_parts(type(self)):
            getattr(self, name).reset()

    @classmethod
    def sections(cls) -> Iterator[tuple[str, Section]]:
        """Yield the path and the section of each device that has a state; instances of one section are counted."""
        instances: Counter[str] = Counter()
        for identifier, (name, declared) in enumerate(parts_of(cls)):
            state = getattr(declared.cls, "state", None)
            if state is not None:
                yield name, Section(state, instances[state.name], identifier)
                instances[state.name] += 1


def _parts_of(cls: type[Machine]) -> tuple[tuple[str, Part], ...]:
    found = []
    for name, declared in _own_parts(cls):
        found.append((name, declared))
        if issubclass(declared.cls, Machine):
            found += [(f"{name}.{path}", inner) for path, inner in parts_of(declared.cls)]
    return tuple(found)


parts_of: Callable[[type], tuple[tuple[str, Part], ...]] = lru_cache(maxsize=256)(_parts_of)
"""Return the parts of a machine by path, in the order of their declaration; below a machine are its own:
`pics`, `pics.first`."""


def part_at(machine: Machine, path: str) -> Device:
    """Return a machine's part by its path."""
    return cast("Device", attrgetter(path)(machine))


def _declared(cls: type[Machine]) -> tuple[tuple[str, Part], ...]:
    declared = {
        name: member
        for base in reversed(cls.__mro__)
        for name, member in vars(base).items()
        if isinstance(member, Part)
    }
    return tuple(declared.items())


_own_parts: Callable[[type], tuple[tuple[str, Part], ...]] = lru_cache(maxsize=256)(_declared)
