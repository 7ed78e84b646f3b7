"""A field that went at one place and came at another has moved."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from stressor.vmstate.check.difference import FINE, Difference, Kind, Severity, Side, Verdict

__all__ = ["with_moves"]


def with_moves(found: Sequence[Difference]) -> list[Difference]:
    """Return the differences of a section, each pair of a removed and an added field as one.

    They are one field if they have the same name and size, anywhere in the section; or the same
    name in the same description, whatever the size.
    """
    return _paired(_paired(found, _name_and_size), _name_and_place)


def _name_and_size(difference: Difference, side: Side) -> Hashable:
    return side.name, side.size, side.count


def _name_and_place(difference: Difference, side: Side) -> Hashable:
    return side.name, difference.path.rpartition(".")[0]


def _paired(
    found: Sequence[Difference], key: Callable[[Difference, Side], Hashable]
) -> list[Difference]:
    came: dict[Hashable, list[int]] = {}
    for index, each in enumerate(found):
        if each.kind is Kind.ADDED and each.new is not None and each.new.name != "unused":
            came.setdefault(key(each, each.new), []).append(index)
    results: list[Difference | None] = list(found)
    for index, each in enumerate(found):
        if each.kind is Kind.REMOVED and each.old is not None:
            places = came.get(key(each, each.old))
            if places:
                place = places.pop(0)
                results[index] = _moved(each, found[place])
                results[place] = None
    return [each for each in results if each is not None]


def _moved(went: Difference, came: Difference) -> Difference:
    where = "in another order" if went.path == came.path else f"now at {came.path}"
    return replace(
        went,
        kind=Kind.MOVED,
        new=came.new,
        forward=_worse(went.forward, came.forward, where),
        backward=_worse(went.backward, came.backward, where),
    )


def _worse(one: Verdict, other: Verdict, where: str) -> Verdict:
    severity = max(one.severity, other.severity)
    if severity is Severity.FINE:
        return FINE
    return Verdict(severity, f"{where}, and the stream has it where its writer does")
