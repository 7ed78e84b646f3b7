"""A device class as something that can be stressed: its operations, and its state by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, cast

from stressor.device import Device, Line, Memory, Region
from stressor.errors import DescriptionError, StateError
from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Strategy
from stressor.loop.target import NOT_REPEATING, FieldInfo, SavedField
from stressor.loop.trace import Operation, ResetMode
from stressor.targets.in_process import Binding, Board, InProcessTarget
from stressor.vmstate import Description, Section
from stressor.vmstate.damage import KINDS
from stressor.vmstate.live import LiveState, without_indexes

__all__ = ["Model", "model_of"]

_FIRINGS = 256  # timers that one advance lets fire: a second of a timer of a microsecond would take one
_EVERY_REGISTER = 64  # up to so many offsets each one is a kind of operation of its own


@dataclass(frozen=True)
class Model:
    """A device class under its name; a `TargetType`."""

    name: str
    specification: str
    operations: tuple[OperationType, ...]
    binding: Binding

    @property
    def prefix(self) -> str:
        return self.binding.prefix

    @property
    def description(self) -> Description | None:
        """Its state description; None for a plain class that was adapted."""
        found = getattr(self.binding, "description", None)
        return found if isinstance(found, Description) else None

    @property
    def fields(self) -> tuple[str, ...]:
        return self.binding.fields

    @property
    def invariants(self) -> bool:
        return self.binding.invariants

    @property
    def damages(self) -> tuple[str, ...]:
        return self.binding.damages

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    @property
    def walks(self) -> bool:
        return True

    @property
    def opening(self) -> tuple[Operation, ...]:
        return ()

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        return tuple(ResetMode)

    def parts(self, operation: Operation) -> Sequence[Operation]:
        return ()

    def close(self) -> None:
        """Nothing was started."""

    def excluding(self, attributes: Collection[str]) -> Model:
        return replace(self, binding=self.binding.excluding(attributes))

    def preparing(self, set_up: Callable[[Any], object]) -> Model:
        """Return the same with devices that `set_up` gets before anything else."""
        binding = copy(self.binding)
        create = binding.create

        def prepared() -> Any:
            device = create()
            set_up(device)
            return device

        binding.create = prepared  # type: ignore[method-assign]
        return replace(self, binding=binding)

    def reusing(self) -> None:
        """A new device is an object."""

    def open(self) -> InProcessTarget:
        return InProcessTarget(self.binding)


def model_of(cls: type[Device], specification: str, name: str) -> Model:
    """Return the model of a device class.

    Makes one instance, and checks the class and its description against it. Raises
    DescriptionError that names the class, the field and the cure.
    """
    description = getattr(cls, "state", None)
    if not isinstance(description, Description):
        raise DescriptionError(
            cls.__name__, "state", "there is no state description",
            "set it to a stressor.vmstate.Description",
        )
    if cls.reset is Device.reset:
        raise DescriptionError(
            cls.__name__, "reset", "there is no reset()", "define what the device's reset pin does"
        )
    try:
        sample = cls()
    except TypeError as error:
        raise DescriptionError(
            cls.__name__, "__init__", f"it cannot be made without arguments ({error})",
            "give every argument a default, or stress a subclass that does",
        ) from error
    description.bind(sample)
    return Model(name, specification, *_bound(cast("Any", cls), description))


@lru_cache(maxsize=256)
def _bound(
    cls: type[Device], description: Description
) -> tuple[tuple[OperationType, ...], _DeviceBinding]:
    """Return the operations of a class, and how to reach its devices.

    Kept, as what is compiled for a class takes longer than many a campaign.
    """
    sample = cls()
    operations, paths = _operations(cls, sample)
    return operations, _DeviceBinding(cls, sample, paths)


class _DeviceBinding:
    def __init__(self, cls: type[Device], sample: Device, paths: Mapping[str, str]) -> None:
        self.cls = cls
        self.functions = {name: _function(cls, path) for name, path in paths.items()}
        self._lines = tuple(name for name, part in vars(sample).items() if isinstance(part, Line))
        self._memories = tuple(name for name, part in vars(sample).items() if isinstance(part, Memory))
        self.description = cls.state
        self.section = Section(self.description)
        self.prefix = self.section.prefix
        # an input line is the board's: it is put back before a load, whatever the device does
        self._inputs = tuple(name for name in self._lines if getattr(sample, name).input)
        self.live = LiveState({*self.description.unsaved, *self._inputs})
        self._pack = self.section.packer
        self._load = self.section.loader(sample, undo=False)
        self._parts = tuple(map(_getter, (self._lines, self._inputs, self._memories)))
        self._fields = self.description.attributes
        self._unsaved = self.description.unsaved
        self._absent: dict[Hashable, frozenset[str]] = {}
        self.broken = self.description.broken
        self.fields = tuple(dict.fromkeys(map(without_indexes, self._fields.values())))
        self.damages: tuple[str, ...] = KINDS
        self.invariants = _has_invariants(self.description)

    def excluding(self, attributes: Collection[str]) -> _DeviceBinding:
        other = copy(self)
        other._unsaved = self._unsaved | dict.fromkeys(attributes, NOT_REPEATING)
        other.live = LiveState({*other._unsaved, *self._inputs})
        return other

    def create(self) -> Device:
        return self.cls()

    def board(self, device: Device) -> Board:
        attributes = device.__dict__
        lines, inputs, memories = self._parts
        return Board(
            attributes["outputs"], attributes["clock"], lines(attributes), inputs(attributes), memories(attributes)
        )

    def reset(self, device: Device) -> None:
        device.reset()

    def save(self, device: Device) -> tuple[bytes, Hashable, None]:
        try:
            data, layout = self._pack(device)
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
            (reason for name, reason in self._unsaved.items()
             if base == name or base.startswith((name + ".", name + "["))), None,
        )
        path = self._fields.get(base)
        if path is None:
            return FieldInfo(None, unsaved, None, 0, base in self._lines)
        if path != base:
            indexes = iter(part.split("]")[0] for part in attribute.split("[")[1:])
            named = "[".join(
                part if index == 0 else f"{next(indexes, '')}{part}" for index, part in enumerate(path.split("["))
            )
        else:
            named = attribute
        return FieldInfo(named, unsaved, self.description.declared(path), self.description.width(path))

    def saved_fields(self, data: bytes) -> Sequence[SavedField]:
        return [
            SavedField(field.path, field.kind, field.offset, field.size, field.value)
            for field in self.section.fields_of(data)
        ]

    def absent(self, data: bytes, layout: Hashable) -> frozenset[str]:
        found = self._absent.get(layout)
        if found is None:
            length = len(self.prefix)
            present = {without_indexes(field.path[length:]) for field in self.section.fields_of(data)}
            found = frozenset(
                attribute for attribute, field in self._fields.items()
                if without_indexes(field) not in present and without_indexes(field) + "[]" not in present
            )
            if len(self._absent) < 1024:
                self._absent[layout] = found
        return found


def _getter(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that gets several items in one go."""
    if not names:
        return lambda items: ()
    if len(names) == 1:
        return lambda items: (items[names[0]],)
    return itemgetter(*names)


def _function(cls: type[Device], path: str) -> Callable[..., object]:
    """Return the function behind a method (`_read`) or a part's method (`clock.advance`): called with
    the device in front, so that a new device needs no binding."""
    part, _, method = path.rpartition(".")
    if not part:
        return getattr(cls, method)  # type: ignore[no-any-return]
    if method == "expire":
        return lambda device: device.clock.expire()
    if method == "advance":
        return lambda device, duration: device.clock.advance(duration, _FIRINGS)
    if method == "store":
        return lambda device, address, data: getattr(device, part).store(address, data)
    call = attrgetter(path)
    return lambda device, value: call(device)(value)


def _has_invariants(description: Description) -> bool:
    inner = [getattr(field, "description", None) for field in description.fields]
    return bool(description.validate) or any(
        isinstance(part, Description) and _has_invariants(part) for part in (*description.subsections, *inner)
    )


def _operations(
    cls: type[Device], sample: Device
) -> tuple[tuple[OperationType, ...], dict[str, str]]:
    """Return the kinds of operation of a class, and where the method of each name is found."""
    kinds: list[OperationType] = []
    paths: dict[str, str] = {}
    members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
    regions = [member for member in members.values() if isinstance(member, Region)]
    for region in regions:
        _region(cls, region, f"{region.name}." if len(regions) > 1 else "", kinds, paths)
    for name, part in vars(sample).items():
        if isinstance(part, Line) and part.input:
            paths[f"{name}.set"] = f"{name}.set"
            kinds.append(OperationType(f"{name}.set", f"set {name}", (), (OneOf((0, 1)),), 0.5))
        elif isinstance(part, Memory):
            paths[f"{name}.store"] = f"{name}.store"
            addresses = OneOf(tuple(range(0, part.size - 15, max(16, part.size // 256))))
            patterns = OneOf((*(bytes([byte]) * 16 for byte in (0, 0xFF, 0xA5)), bytes(range(16))))
            kinds.append(OperationType(f"{name}.store", f"store {name}", (), (addresses, patterns)))
    if sample.clock.timers:
        paths["clock.advance"], paths["clock.expire"] = "clock.advance", "clock.expire"
        kinds.append(OperationType("clock.advance", "advance", (), (Duration(),), 2.0))
        kinds.append(OperationType("clock.expire", "expire", (), (), 2.0))
    for name, member in members.items():
        arguments = getattr(member, "stressor_operation", None)
        if arguments is None:
            continue
        paths[name] = name
        sources = tuple(Strategy(strategy) for strategy in arguments.values())
        kinds.append(OperationType(name, name, (), sources, 3.0))
    return tuple(kinds), paths


def _region(
    cls: type[Device], region: Region, prefix: str, kinds: list[OperationType], paths: dict[str, str]
) -> None:
    if region.reader is None and region.writer is None:
        raise DescriptionError(
            cls.__name__, region.name, "the region has no handlers",
            f"decorate methods with @{region.name}.on_read and @{region.name}.on_write",
        )
    for width in region.widths:
        offsets = range(0, region.size - width + 1, width)
        if region.registers:
            single = [offset for offset in offsets if offset in region.registers]
        else:
            single = list(offsets) if len(offsets) <= _EVERY_REGISTER else []
        rest = tuple(offset for offset in offsets if offset not in set(single))
        for verb, handler in (("read", region.reader), ("write", region.writer)):
            if handler is None:
                continue
            name = f"{region.name}.{verb}"
            paths[name] = handler
            value = (RegisterValue(width),) if verb == "write" else ()
            for offset in single:
                label = f"{verb} {prefix}{region.register(offset)}"
                if len(region.widths) > 1:
                    label += f" ({8 * width} bits)"
                kinds.append(OperationType(name, label, (offset, width), value))
            if rest:
                label = f"{verb} {prefix}{'other' if single else region.name}"
                kinds.append(OperationType(name, label, (), (OneOf(rest), OneOf((width,)), *value)))
