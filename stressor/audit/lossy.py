"""Devices of this process that lose something."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from stressor.audit.edits import Edit
from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import Places
from stressor.errors import DescriptionError
from stressor.loop.target import Snapshot
from stressor.machine import part_at
from stressor.targets.binding import DeviceBinding
from stressor.targets.group import GroupBinding
from stressor.targets.in_process import Binding, InProcessTarget
from stressor.targets.lockstep import InProcessLockstep
from stressor.targets.model import Model
from stressor.vmstate.description import Description
from stressor.vmstate.without import without_field, without_hook, without_subsection

__all__ = ["LossyModel", "described", "edited", "uncleared"]


@dataclass(frozen=True)
class LossyModel(Model):
    """A model whose devices get other bytes than were saved, or forget to clear something at a reset."""

    edit: Edit | None = None
    places: Places | None = None
    kept: str = ""
    """The live attribute (indexes as `[]`) that a reset in place leaves."""

    def open(self) -> LossyTarget:
        return LossyTarget(self)

    def lockstep(self, count: int) -> InProcessLockstep | None:
        """Return devices side by side where it is the description alone that loses something."""
        return None if self.edit is not None or self.kept else super().lockstep(count)


class LossyTarget(InProcessTarget):
    """A device that loses something."""

    def __init__(self, model: LossyModel) -> None:
        self._edit, self._places, self._kept = model.edit, model.places or Places(), model.kept
        super().__init__(model.binding)

    def load(self, snapshot: Snapshot) -> list[object]:
        if self._edit is not None:
            places = partial(self._places.of, snapshot, self)
            snapshot = snapshot._replace(data=self._edit(snapshot, places))
        return super().load(snapshot)

    def _reset_in_place(self) -> None:
        if not self._kept:
            super()._reset_in_place()
            return
        live = self._binding.live
        kept = live.keep(self.device, {self._kept})
        super()._reset_in_place()
        live.put_back(self.device, kept, {self._kept})


def edited(model: Model, edit: Edit, places: Places) -> LossyModel:
    """Return a model to whose devices `edit` is done on the way to a load."""
    return _lossy(model, model.binding, edit=edit, places=places)


def uncleared(model: Model, attribute: str) -> LossyModel:
    """Return a model whose devices keep a live attribute at a reset in place."""
    return _lossy(model, model.binding, kept=attribute)


def described(model: Model, mutant: Mutant) -> LossyModel | None:
    """Return a model whose description has forgotten a field, a subsection or a hook.

    None where the description cannot be without it, or is not the device's own.
    """
    binding = model.binding
    if isinstance(binding, DeviceBinding):
        description = _forgetful(binding, mutant)
        if description is not None:
            return _lossy(model, binding.describing(description, binding.create()))
    if isinstance(binding, GroupBinding):
        for name, part in binding.parts.items():
            if not mutant.field.startswith(part.prefix):
                continue
            description = _forgetful(part, mutant)
            if description is not None:
                sample = part_at(binding.create(), name)
                return _lossy(model, binding.replacing(name, part.describing(description, sample)))
    return None


def _forgetful(binding: DeviceBinding, mutant: Mutant) -> Description | None:
    """Return the description without what the mutant loses; None where that cannot be."""
    rest = mutant.field.removeprefix(binding.prefix)
    try:
        match mutant.loss:
            case Loss.DROPPED:
                return without_field(binding.description, rest)
            case Loss.NEVER_NEEDED:
                return without_subsection(binding.description, rest)
            case Loss.NO_HOOK:
                return without_hook(binding.description, rest)
    except DescriptionError:
        pass
    return None


def _lossy(
    model: Model, binding: Binding, *, edit: Edit | None = None, places: Places | None = None, kept: str = ""
) -> LossyModel:
    return LossyModel(
        model.name, model.specification, model.operations, binding, edit, places, kept
    )
