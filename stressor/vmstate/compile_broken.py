"""The validations of a description and of everything in it, as one generated function."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, Queue, Struct, Tree
from stressor.vmstate.source import Module, Source

__all__ = ["compile_broken", "has_rules", "write_rules"]


def has_rules(description: Description) -> bool:
    """Return whether a `Validate` stands in a description, or in anything below it."""
    inner = list(description.subsections)
    for field in description.fields:
        if isinstance(field, Struct):
            inner.append(field.description)
        elif isinstance(field, Array | Queue | Tree) and isinstance(field.element, Description):
            inner.append(field.element)
    return bool(description.validate) or any(map(has_rules, inner))


def compile_broken(description: Description) -> Callable[[Any], str | None]:
    """Return `Description.broken`: own rules first, then those of parts in the order of fields."""
    module, source = Module(), Source()
    with source.block("def broken(o):"):
        write_rules(description, "o", module, source, "return {}")
        source.line("return None")
    module.add(source)
    return module.compile(f"rules of {description.name}", "broken")


def write_rules(
    description: Description, obj: str, module: Module, source: Source, otherwise: str
) -> None:
    """Write code that does `otherwise`, with the rule's text in it, for a rule that does not hold."""
    for rule in description.validate:
        broken = otherwise.format(repr(rule.text))
        source.line(f"if not {module.test(rule.predicate, obj)}: {broken}")
    for field in description.fields:
        value = f"{obj}.{field.attribute}"
        if isinstance(field, Struct) and has_rules(field.description):
            inner = module.local()
            source.line(f"{inner} = {value}")
            optional = field.when is not None
            with source.block(f"if {inner} is not None:") if optional else nullcontext():
                write_rules(field.description, inner, module, source, otherwise)
        elif (
            isinstance(field, Array | Queue | Tree)
            and isinstance(field.element, Description)
            and has_rules(field.element)
        ):
            _write_elements(field, field.element, value, module, source, otherwise)
    for subsection in description.subsections:
        if has_rules(subsection):
            assert subsection.needed is not None
            with source.block(f"if {module.test(subsection.needed, obj)}:"):
                write_rules(subsection, obj, module, source, otherwise)


def _write_elements(
    field: Array | Queue | Tree,
    element: Description,
    value: str,
    module: Module,
    source: Source,
    otherwise: str,
) -> None:
    """Write code that checks the rules of each element that is there."""
    inner = module.local()
    if isinstance(field, Tree):
        value += ".values()"
    elif isinstance(field, Array) and field.columns is not None:
        value = f"(item for row in {value} for item in row)"
    with source.block(f"for {inner} in {value}:"):
        if isinstance(field, Array) and field.null:
            source.line(f"if {inner} is None: continue")
        write_rules(element, inner, module, source, otherwise)
