"""The names of a description: which field carries which attribute, where it is declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from stressor.vmstate.condition import Condition
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Declaration,
    Element,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Temporary,
    TimerType,
    Tree,
    Unused,
)
from stressor.vmstate.values import without_indexes

__all__ = ["Names", "collect_names"]

_INDEX: Final = re.compile(r"\[[^\]]*\]")


@dataclass(slots=True)
class Names:
    """`attributes` maps attribute paths to field paths, `unsaved` to reasons; indexes are `[]`."""

    attributes: dict[str, str] = field(default_factory=dict)
    unsaved: dict[str, str] = field(default_factory=dict)
    converted: set[str] = field(default_factory=set)
    """Attributes behind accessors."""
    _matched: set[str] = field(default_factory=set)
    _looked_at: set[str] = field(default_factory=set)
    _declared: dict[str, Declaration] = field(default_factory=dict)
    _width: dict[str, int] = field(default_factory=dict)

    def declared(self, path: str) -> Declaration | None:
        """Return where the field at `path` is declared, indexes dropped."""
        path = _INDEX.sub("", path)
        while path not in self._declared and "." in path:
            path = path.rpartition(".")[0]  # a queue's own count stands where the queue does
        return self._declared.get(path)

    def width(self, path: str) -> int:
        """Return the size in bytes of the number at `path`, 0 when there is none."""
        return self._width.get(_INDEX.sub("", path), 0)

    def configuration(self) -> frozenset[str]:
        """Return the attributes that a load looks at and leaves as they are."""
        described = [path.partition("[")[0] for path in self.attributes]
        return frozenset(self._matched).union(
            name for name in self._looked_at
            if not any(path == name or path.startswith(name + ".") for path in described)
        )

    def add(self, description: Description, attribute_prefix: str, path_prefix: str) -> None:
        """Add the names of one object: its description's and its subsections'."""
        for name, reason in description._unsaved.items():
            self.unsaved[attribute_prefix + without_indexes(name)] = reason
        for part in description.fields:
            self._looked_at |= {attribute_prefix + name for name in _looked_at(part)}
            if isinstance(part, Scalar) and (part.equal or part.maximum == part.attribute):
                self._matched.add(attribute_prefix + part.attribute)
            if isinstance(part, Scalar) and part.read is not None:
                self.converted.add(attribute_prefix + part.attribute)
            if not isinstance(part, Unused):
                self._add_field(part, attribute_prefix + part.attribute, path_prefix + part.name)
        for subsection in description.subsections:
            self.add(subsection, attribute_prefix, path_prefix)

    def _add_field(self, part: Field, attribute: str, path: str) -> None:
        self._declared[_INDEX.sub("", path)] = part.declared
        if isinstance(part, Struct):
            self.add(part.description, attribute + ".", path + ".")
        elif isinstance(part, Temporary):
            self._add_named_only(part.description, path + ".")
        elif isinstance(part, Array | Queue | Tree) and isinstance(part.element, Description):
            index = "[][]." if isinstance(part, Array) and part.columns else "[]."
            self.add(part.element, attribute + index, path + index)
            if isinstance(part, Tree):
                self._width[_INDEX.sub("", path) + ".key"] = 0 if part.key else 8
                if part.key is not None:
                    self._add_named_only(part.key, path + ".key.")
        elif isinstance(part, Array | Queue | Buffer):
            width = 1 if isinstance(part, Buffer) else _size(part.element)
            index = "[][]" if isinstance(part, Array) and part.columns else "[]"
            self._add_value(attribute + index, path + index, width)
            if isinstance(part, Buffer):
                # An attribute that holds bytes (not a bytearray) is one value to who walks it.
                self.attributes[attribute] = path + "[]"
        elif isinstance(part, Bitmap):
            self._add_value(attribute, path, (part.bits + 63) // 64 * 8)
        else:
            self._add_value(attribute, path, part.type.size if isinstance(part, Scalar) else 8)

    def _add_named_only(self, description: Description, path_prefix: str) -> None:
        """Add the names of what no attribute of the object carries."""
        inner = Names()
        inner.add(description, "", path_prefix)
        self._declared.update(inner._declared)
        self._width.update(inner._width)

    def _add_value(self, attribute: str, path: str, width: int) -> None:
        self.attributes.setdefault(attribute, path)
        self._width[_INDEX.sub("", path)] = width


def collect_names(description: Description) -> Names:
    """Return the names of everything that a description reaches."""
    names = Names()
    names.add(description, "", "")
    return names


def _looked_at(part: Field) -> Iterator[str]:
    """Yield the attributes by which a load finds out whether and how far a field goes."""
    if isinstance(part.when, Condition):
        yield from part.when.paths()
    for named in (getattr(part, "length", None), getattr(part, "maximum", None)):
        if isinstance(named, str):
            yield named


def _size(element: Element) -> int:
    return element.size if isinstance(element, ScalarType | TimerType) else 0
