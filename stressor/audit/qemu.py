"""Real QEMU devices that lose something: in the stream, as nothing else of them can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TypeGuard

from stressor.audit.edits import Edit, edit_of
from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import AtReset, Places
from stressor.audit.sample import Sample
from stressor.loop.target import SavedField, Snapshot, TargetType
from stressor.loop.trace import ResetMode
from stressor.search.seeds import generator
from stressor.targets.qemu.model import QemuModel
from stressor.targets.qemu.target import QemuTarget
from stressor.vmstate.live import without_indexes

__all__ = ["QemuCatalogue", "is_qemu", "sampled"]


@dataclass(frozen=True)
class LossyQemuModel(QemuModel):
    """A model whose machines get other device sections than they saved; reset in place only, which is where
    these travel alone."""

    edit: Edit | None = None
    places: Places | None = None

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        return (ResetMode.IN_PLACE,)

    def open(self) -> LossyQemuTarget:
        target = self.opened(LossyQemuTarget)
        target.edit, target.places = self.edit, self.places or Places()
        target.watched = tuple(f"{label}." for label in self.layout.interrupts)
        return target


class LossyQemuTarget(QemuTarget):
    """A machine that loses something on the way to a load."""

    edit: Edit | None
    places: Places
    watched: tuple[str, ...]
    """What the paths of interrupt controllers begin with, which are looked at beside the device."""

    def load(self, snapshot: Snapshot) -> list[object]:
        devices = snapshot.board
        if self.edit is not None and isinstance(devices, bytes):
            whole = Snapshot(devices, len(devices), None)
            where = partial(self.places.of, whole, _Sections(self))
            snapshot = snapshot._replace(board=self.edit(whole, where))
        return super().load(snapshot)

    def sections_of(self, devices: bytes) -> Sequence[SavedField]:
        """Name the fields of what is stressed, where they lie among all device sections."""
        stream = self._machine.parse(devices)
        if stream is None:
            return ()
        return [
            SavedField(field.path, field.kind, offset, field.size, field.value)
            for field, offset in self._view.located(stream)
            if not field.path.startswith(self.watched)
        ]


class _Sections:
    """Names the fields of device sections as a target names those of its snapshots."""

    def __init__(self, target: LossyQemuTarget) -> None:
        self._target = target

    def saved_fields(self, snapshot: Snapshot, *, whole: bool = False) -> Sequence[SavedField]:
        return self._target.sections_of(snapshot.data)


def is_qemu(target_type: TargetType) -> TypeGuard[QemuModel]:
    """Return whether a target is a device of a real QEMU that is stopped and driven."""
    return isinstance(target_type, QemuModel)


def sampled(model: QemuModel, sample: Sample) -> LossyQemuModel:
    """Return a model that shows `sample` what is saved, and loses nothing."""
    return _lossy(model, sample, Places())


class QemuCatalogue:
    """The losses of the fields of a QEMU device, all of them in the stream."""

    def __init__(self, model: QemuModel, sample: Sample, seed: int) -> None:
        self._model = model
        self._seed = seed
        self._places = Places()
        target = _lossy(model, sample, self._places).open()
        try:
            sections = _Sections(target)
            birth = Snapshot(model.birth.devices, len(model.birth.devices), None)
            self._reset = AtReset(birth.data, self._places.of(birth, sections), {})
            self._moves = sample.moves(sections, self._places, self._reset)
            self._fields = [*self._places.of(birth, sections)]
            for _, where in sample.layouts(sections, self._places):
                self._fields += (name for name in where if name not in self._fields)
            self._swaps = sample.neighbours(sections, self._places)
        finally:
            target.close()

    def mutants(self) -> Iterator[Mutant]:
        """Yield every mutant that can be made, by field."""
        for field in self._fields:
            yield Mutant(Loss.AT_RESET, field)
            if self._moves.highest.get(field, -1) >= 0:
                yield Mutant(Loss.TRUNCATED, field)
            if field in self._swaps:
                yield Mutant(Loss.SWAPPED, field, self._swaps[field])
            moved = self._moves.of_field(field)
            if "[]" in field and moved:
                yield Mutant(Loss.ELEMENT, generator(self._seed, field).choice(moved))

    def lossy(self, mutant: Mutant) -> LossyQemuModel:
        """Return the model that has this loss."""
        bit = self._moves.highest.get(mutant.field, -1)
        return _lossy(self._model, edit_of(mutant, self._reset, bit), self._places)

    def right_names(self, mutant: Mutant, lossy: TargetType) -> frozenset[str]:
        """Return the paths (indexes as `[]`) of which one has to be named."""
        return frozenset(filter(None, (without_indexes(mutant.field), mutant.other)))

    def moved(self, mutant: Mutant) -> bool:
        """Return whether what is lost was ever otherwise than in a new machine, at a save point."""
        return bool(self._moves.of_field(without_indexes(mutant.field)))

    def edit(self, lossy: TargetType) -> Edit | None:
        """Return what a model does to the stream."""
        return lossy.edit if isinstance(lossy, LossyQemuModel) else None


def _lossy(model: QemuModel, edit: Edit, places: Places) -> LossyQemuModel:
    given = {field.name: getattr(model, field.name) for field in fields(QemuModel)}
    lossy = LossyQemuModel(**given, edit=edit, places=places)
    lossy.__dict__.update(view=model.view, machines=model.machines, birth=model.birth)
    return lossy
