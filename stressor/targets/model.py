"""A device class as something that can be stressed: its operations, and its state by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from stressor.device import Device
from stressor.errors import DescriptionError
from stressor.loop.operations import OperationType
from stressor.loop.trace import Operation, ResetMode
from stressor.machine import Machine, part_at
from stressor.targets.binding import DeviceBinding
from stressor.targets.group import GroupBinding, operations_of_machine
from stressor.targets.in_process import Binding, InProcessTarget
from stressor.targets.lockstep import InProcessLockstep
from stressor.targets.operations import operations_of
from stressor.vmstate import Description

__all__ = ["Model", "model_of"]


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
        return tuple(
            f"{path} is a {kind}, which cannot be looked into: what it alone holds is not compared"
            for path, kind in self.binding.live.opaque(self.binding.create())
        )

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

    def lockstep(self, count: int) -> InProcessLockstep | None:
        return InProcessLockstep(self.binding, count)


def model_of(cls: type[Device], specification: str, name: str) -> Model:
    """Return the model of a device class.

    Makes one instance, and checks the class and its description against it. Raises
    DescriptionError that names the class, the field and the cure.
    """
    description = getattr(cls, "state", None)
    if issubclass(cls, Machine):
        if not list(cls.sections()):
            raise DescriptionError(
                cls.__name__, "part", "no part has a state description",
                "declare one: name = part(DeviceClass)",
            )
    elif not isinstance(description, Description):
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
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # not the call itself: something in it
        raise DescriptionError(
            cls.__name__, "__init__", f"it cannot be made without arguments ({error})",
            "give every argument a default, or stress a subclass that does",
        ) from error
    for part, state in _states(sample):
        state.bind(part)
    return Model(name, specification, *_bound(cast("Any", cls), description))


def _states(sample: Device) -> list[tuple[Device, Description]]:
    if isinstance(sample, Machine):
        return [(part_at(sample, name), section.description) for name, section in sample.sections()]
    return [(sample, sample.state)]


@lru_cache(maxsize=256)
def _bound(
    cls: type[Device], description: Description | None
) -> tuple[tuple[OperationType, ...], Binding]:
    """Return the operations of a class, and how to reach its devices.

    Kept, as what is compiled for a class takes longer than many a campaign.
    """
    sample = cls()
    if isinstance(sample, Machine):
        operations, functions = operations_of_machine(type(sample), sample)
        return operations, GroupBinding(type(sample), sample, functions)
    operations, functions = operations_of(cls, sample)
    return operations, DeviceBinding(cls, sample, functions=functions)
