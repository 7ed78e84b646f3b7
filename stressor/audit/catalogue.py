"""Every way in which the fields of a target can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from stressor.audit.edits import Edit, edit_of
from stressor.audit.lossy import LossyModel, described, edited, uncleared
from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import Places
from stressor.audit.sample import Sample, reset_bytes
from stressor.errors import StreamError
from stressor.loop.target import TargetType
from stressor.search.seeds import generator
from stressor.targets.binding import DeviceBinding
from stressor.targets.group import GroupBinding
from stressor.targets.model import Model
from stressor.vmstate.values import differing, names_of, without_indexes
from stressor.vmstate.without import hooks_of, subsections_of

__all__ = ["Catalogue"]

_LOADS: Final = 256
"""Save points at which it is looked at what a load does otherwise."""


@dataclass(frozen=True)
class _Part:
    """A device of a target; `attribute` stands in front of the paths of its live attributes."""

    attribute: str
    binding: DeviceBinding


class Catalogue:
    """The mutants of one model, and what each of them makes of it.

    `sample` tells what save points of the device are like when nothing is lost.
    """

    def __init__(self, model: Model, sample: Sample, seed: int) -> None:
        self._model = model
        self._sample = sample
        self._seed = seed
        self._places = Places()
        target = model.open()
        self._live = names_of(target.attributes())
        self._reset = reset_bytes(target, model.prefix, self._places)
        self._moves = sample.moves(target, self._places, self._reset)
        self._layouts = sample.layouts(target, self._places)
        self._swaps = sample.neighbours(target, self._places)
        self._parts = [*_parts(model)]
        self._attributes: dict[str, list[tuple[_Part, str]]] = {}
        for part in self._parts:
            for attribute, field in part.binding.description.attributes.items():
                self._attributes.setdefault(part.binding.prefix + field, []).append((part, attribute))

    def mutants(self) -> Iterator[Mutant]:
        """Yield every mutant that can be made, by field."""
        for field in self._attributes:
            yield from (mutant for mutant in self._of_field(field) if self.lossy(mutant) is not None)
        for part in self._parts:
            description, prefix = part.binding.description, part.binding.prefix
            for name, _ in subsections_of(description):
                yield Mutant(Loss.NEVER_NEEDED, prefix + name)
            for name in hooks_of(description):
                yield Mutant(Loss.NO_HOOK, prefix + name)

    def _of_field(self, field: str) -> Iterator[Mutant]:
        yield Mutant(Loss.DROPPED, field)
        yield Mutant(Loss.AT_RESET, field)
        if self._moves.highest.get(field, -1) >= 0:
            yield Mutant(Loss.TRUNCATED, field)
        if field in self._swaps:
            yield Mutant(Loss.SWAPPED, field, self._swaps[field])
        if "[]" in field:
            yield Mutant(Loss.ELEMENT, self._element(field))
        if self._is_live(field):
            yield Mutant(Loss.NOT_CLEARED, field)

    def _is_live(self, field: str) -> bool:
        """Return whether an attribute has the field's value, which else is behind accessors."""
        return all(part.attribute + attribute in self._live for part, attribute in self._attributes[field][-1:])

    def lossy(self, mutant: Mutant) -> LossyModel | None:
        """Return the model that has this loss; None where its description cannot be without the field."""
        match mutant.loss:
            case Loss.DROPPED | Loss.NEVER_NEEDED | Loss.NO_HOOK:
                return described(self._model, mutant)
            case Loss.NOT_CLEARED:
                part, attribute = self._attributes[mutant.field][-1]
                return uncleared(self._model, part.attribute + attribute)
        return edited(self._model, edit_of(mutant, self._reset, self._moves.highest.get(mutant.field, -1)), self._places)

    def _element(self, field: str) -> str:
        """Return one element of an array: one that ever moved, if there is one."""
        moved = self._moves.of_field(field)
        there = moved or [path for _, where in self._layouts for place in where.get(field, ()) for path in place.paths()]
        return generator(self._seed, field).choice(there) if there else field.replace("[]", "[0]")

    def edit(self, lossy: TargetType) -> Edit | None:
        """Return what a model does to the stream."""
        return lossy.edit if isinstance(lossy, LossyModel) else None

    def right_names(self, mutant: Mutant, lossy: TargetType) -> frozenset[str]:
        """Return the paths (indexes as `[]`) of which one has to be named."""
        match mutant.loss:
            case Loss.NEVER_NEEDED:
                fields = self._fields_of_subsection(mutant.field)
            case Loss.NO_HOOK:
                return self.effects(lossy)
            case _:
                fields = [without_indexes(mutant.field), *filter(None, [mutant.other])]
        names = {name for field in fields for name in self._names(field)}
        if not all(map(self._is_live, fields)):
            names |= self.effects(lossy)
        return frozenset(names)

    def _names(self, field: str) -> Iterator[str]:
        """Yield what a field is called: by its path, or where no description has it by its attribute."""
        yield field
        for part, attribute in self._attributes.get(field, ()):
            yield part.binding.prefix + attribute

    def _fields_of_subsection(self, named: str) -> list[str]:
        return [
            prefix + field
            for part in self._parts
            for prefix in [part.binding.prefix]
            for name, fields in subsections_of(part.binding.description)
            if prefix + name == named
            for field in fields
        ]

    def moved(self, mutant: Mutant) -> bool:
        """Return whether what is lost was ever otherwise than after a reset, at a save point."""
        fields = [without_indexes(mutant.field)]
        if mutant.loss is Loss.NEVER_NEEDED:
            fields = self._fields_of_subsection(mutant.field)
        return any(map(self._moves.of_field, fields))

    def effects(self, lossy: TargetType) -> frozenset[str]:
        """Return the live attributes (indexes as `[]`) that are otherwise after a load by `lossy`."""
        found: set[str] = set()
        for snapshot in islice(self._sample.snapshots.values(), _LOADS):
            good, bad = self._model.open(), lossy.open()
            good.load(snapshot)
            try:
                bad.load(snapshot)
            except StreamError:
                continue
            for attribute in differing(good.attributes(), bad.attributes()):
                info = good.field(attribute)
                name = info.called(attribute)
                found.add(without_indexes(self._model.prefix + name))
        return frozenset(found)


def _parts(model: Model) -> Iterator[_Part]:
    binding = model.binding
    if isinstance(binding, DeviceBinding):
        yield _Part("", binding)
    elif isinstance(binding, GroupBinding):
        for name, part in binding.parts.items():
            yield _Part(f"{name}.", part)
