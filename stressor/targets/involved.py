"""Which of an author's code saves, loads and resets a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

from stressor.targets.model import Model
from stressor.vmstate import Description

__all__ = ["Involved", "involved"]

_OWN: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Involved:
    """A function: its file, its name with the class in front, and the lines of its body."""

    file: str
    name: str
    lines: frozenset[int]


def involved(model: object) -> list[Involved]:
    """Return the functions of a model's author that save, load or reset: `reset`, the hooks and
    conditions of the description, what an adapter was given, and methods and functions of the same
    module that these name, and so on. Empty for a target outside this process.
    """
    if not isinstance(model, Model):
        return []
    cls = getattr(model.binding, "cls", None)
    found: dict[CodeType, Involved] = {}
    if model.description is not None:
        roots = [(cls, getattr(cls, "reset", None)), *_hooks(model.description, cls)]
    else:
        roots = [(cls, call) for call in getattr(model.binding, "calls", ())]
    for owner, root in roots:
        _add(owner, root, found)
    return sorted(found.values(), key=lambda each: (each.file, min(each.lines, default=0), each.name))


def _hooks(description: Description, cls: object) -> Iterator[tuple[object, object]]:
    """Yield each function that a description was given, with the class that it is about."""
    owner = description.owner or cls
    yield owner, description.pre_save
    yield owner, description.post_load
    yield owner, description.needed
    for validate in description.validate:
        yield owner, validate.predicate
    for subsection in description.subsections:
        yield from _hooks(subsection, owner)
    for field in description.fields:
        for part in dataclasses.fields(field):
            value = getattr(field, part.name)
            if isinstance(value, Description):
                yield value.owner, getattr(value.owner, "reset", None)
                yield from _hooks(value, None)
            else:
                yield owner, value


def _add(owner: object, function: Any, found: dict[CodeType, Involved]) -> None:
    """Put in a function, and those that it names: of its class, or of its module."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        return
    code = function.__code__
    file = Path(code.co_filename)
    if code in found or not file.is_file() or file.resolve().is_relative_to(_OWN):
        return
    # its first line was run when the class was made
    found[code] = Involved(str(file), code.co_qualname, frozenset(_lines(code)) - {code.co_firstlineno})
    for name in _names(code):
        _add(owner, getattr(owner, name, None), found)
        other = function.__globals__.get(name)
        if getattr(other, "__module__", None) == function.__module__:
            _add(owner, other, found)


def _lines(code: CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _lines(inner)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
