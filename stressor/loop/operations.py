"""What operations a target takes: declared once, drawn by both engines of `stressor.search`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stressor.loop.trace import Argument, Operation

__all__ = ["Duration", "Kinds", "OneOf", "OperationType", "RegisterValue", "Source", "Strategy", "kind_of"]


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few values."""

    values: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """What one writes into a register of `width` bytes: mostly 0, all ones, one bit, a value met before."""

    width: int


@dataclass(frozen=True, slots=True)
class Duration:
    """Virtual time to let pass, in ns: from 1 ns to a second, by orders of magnitude."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A Hypothesis strategy that an author gave. What it draws must be plain data."""

    strategy: object


Source: TypeAlias = OneOf | RegisterValue | Duration | Strategy


@dataclass(frozen=True, slots=True)
class OperationType:
    """One kind of operation: the name that a target executes, leading arguments that tell this kind
    from its siblings (a register's offset and width), and where the other arguments come from.

    `label` is what reports print ("write fcr"). `weight` is the kind's share in a mix, 1 for most.
    """

    name: str
    label: str
    leading: tuple[Argument, ...] = ()
    sources: tuple[Source, ...] = ()
    weight: float = 1.0


class Kinds:
    """Finds the kind that an operation is of: of all that it matches the one that says most about it."""

    def __init__(self, kinds: Sequence[OperationType]) -> None:
        self._kinds = kinds
        self._by_name: dict[str, list[tuple[int, OperationType]]] = {}
        for index, kind in enumerate(kinds):
            self._by_name.setdefault(kind.name, []).append((index, kind))
        for fitting in self._by_name.values():
            fitting.sort(key=lambda pair: -len(pair[1].leading))

    def index(self, operation: Operation) -> int | None:
        """Return the place of its kind among all, None when it is of none."""
        for index, kind in self._by_name.get(operation.name, ()):
            if operation.arguments[: len(kind.leading)] == kind.leading:
                return index
        return None

    def of(self, operation: Operation) -> OperationType | None:
        """Return its kind, None when it is of none."""
        index = self.index(operation)
        return None if index is None else self._kinds[index]


def kind_of(kinds: Sequence[OperationType], operation: Operation) -> OperationType | None:
    """Return the kind that one operation is of; for many of them see `Kinds`."""
    return Kinds(kinds).of(operation)
