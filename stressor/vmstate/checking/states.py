"""Searching for states: one in which a given field has another value, travels, and is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from stressor.vmstate.checking.places import Gate, Holder, Place, other_numbers, places
from stressor.vmstate.condition import Condition
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, ScalarType, Struct

__all__ = ["Setting", "States"]

_TRIES: Final = 1500  # objects made for one field: enough for conditions on a few bits of numbers
_DEEP: Final = 3  # conditions that are met one after the other
_NUMBER: Final = ScalarType("number", "q", 8, -(1 << 63), (1 << 63) - 1)


class _Attribute(NamedTuple):
    """Something that a condition looks at, and that is no field by itself."""

    holder: Holder
    name: str

    def set(self, root: Any, value: Any) -> None:
        setattr(self.holder(root), self.name, value)

    def others(self, root: Any) -> Iterator[Any]:
        now = getattr(self.holder(root), self.name, ...)
        if isinstance(now, bool):
            yield not now
        elif isinstance(now, int):
            yield from (number for number in other_numbers(_NUMBER, now) if abs(number) < 1 << 32)
            yield None
        elif now is None:
            yield 1


Lever: TypeAlias = "Place | _Attribute"
Setting: TypeAlias = "tuple[Lever, Any]"


class States:
    """The states of the objects that one factory makes."""

    def __init__(self, description: Description, factory: Callable[[], Any]) -> None:
        self.description: Final = description
        self._factory: Final = factory
        self._tries = 0
        sample = factory()
        self.places: Final = tuple(places(description, sample))
        self._rules: Final = tuple(_rules(description, lambda root: root, sample))

    def made(self, settings: tuple[Setting, ...]) -> Any:
        """Return a new object with these values."""
        obj = self._factory()
        for lever, value in settings:
            lever.set(obj, value)
        return obj

    def travelling(self, place: Place, *, ruled: bool) -> Iterator[tuple[Setting, ...]]:
        """Yield settings with which a place has another value and travels, that value first.

        With `ruled` every rule of the description holds as well.
        """
        self._tries = _TRIES
        for value in place.others(self._factory()):
            yield from self._met(((place, value),), place, ruled, _DEEP)

    def beside_others(self, place: Place) -> Iterator[tuple[Setting, ...]]:
        """Yield settings as `travelling` does, with one other place moved as well."""
        self._tries = _TRIES
        sample = self._factory()
        for value in islice(place.others(sample), 2):
            for other in self.places:
                for beside in islice(other.others(sample), 4):
                    if other is not place:
                        settings = ((place, value), (other, beside))
                        yield from islice(self._met(settings, place, True, _DEEP), 4)

    def unmoved(self, place: Place) -> Iterator[tuple[Setting, ...]]:
        """Yield settings with which a place travels as it is, with every rule holding."""
        self._tries = _TRIES
        yield from self._met((), place, True, _DEEP)

    def _met(
        self, settings: tuple[Setting, ...], place: Place, ruled: bool, deep: int
    ) -> Iterator[tuple[Setting, ...]]:
        """Yield the settings, with more of them so that the conditions in the way are met."""
        self._tries -= 1
        obj = self.made(settings)
        obstacle = self._obstacle(obj, place, ruled)
        if obstacle is None:
            yield settings
            return
        if not deep:
            return
        taken = [lever for lever, _ in settings]
        for lever in self._levers(obstacle):
            if any(_same(lever, other, obj) for other in taken):
                continue
            for value in islice(lever.others(obj), _many(obstacle)):
                if self._tries <= 0:
                    return
                self._tries -= 1
                more = (*settings, (lever, value))
                if obstacle.open(self.made(more)):
                    yield from self._met(more, place, ruled, deep - 1)

    def _obstacle(self, obj: Any, place: Place, ruled: bool) -> Gate | None:
        for gate in place.gates:
            if not gate.open(obj):
                return gate
        if ruled:
            for rule, gates in self._rules:
                if all(gate.open(obj) for gate in gates) and not rule.open(obj):
                    return rule
        return None

    def _levers(self, gate: Gate) -> Iterator[Lever]:
        """Yield what a condition looks at; of a function nobody knows, so that is every field."""
        if not isinstance(gate.predicate, Condition):
            yield from self.places
            return
        sample = self._factory()
        for dotted in gate.predicate.paths():
            *before, last = dotted.split(".")
            lever: Lever = _Attribute(_at(gate.holder, before), last)
            known: list[Lever] = [place for place in self.places if _same(place, lever, sample)]
            yield from known or [lever]


def _many(gate: Gate) -> int | None:
    """Return how many values of a lever are tried; few where nobody knows what is looked at."""
    return None if isinstance(gate.predicate, Condition) else 4


def _at(holder: Holder, names: list[str]) -> Holder:
    def find(root: Any) -> Any:
        obj = holder(root)
        for name in names:
            obj = getattr(obj, name, None)
        return obj

    return find


def _same(one: Lever, other: Lever, root: Any) -> bool:
    """Return whether two levers move one attribute of one object."""
    found = [
        (lever.holder(root), lever.field.attribute if isinstance(lever, Place) else lever.name)
        for lever in (one, other)
    ]
    return found[0][0] is found[1][0] and found[0][1] == found[1][1]


def _rules(
    description: Description, holder: Holder, root: Any, gates: tuple[Gate, ...] = ()
) -> Iterator[tuple[Gate, tuple[Gate, ...]]]:
    """Yield each rule, and the conditions under which it is asked; elements of arrays apart."""
    for rule in description.validate:
        yield Gate(rule.predicate, holder), gates
    for field in description.fields:
        if isinstance(field, Struct):
            part = _at(holder, [field.attribute])
            if part(root) is not None:
                yield from _rules(field.description, part, root, gates)
        elif isinstance(field, Array) and isinstance(field.element, Description):
            continue
    for subsection in description.subsections:
        assert subsection.needed is not None
        yield from _rules(subsection, holder, root, (*gates, Gate(subsection.needed, holder)))
