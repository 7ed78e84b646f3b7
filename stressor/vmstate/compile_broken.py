"""The validations of a description and of everything in it, as one generated function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, Queue, Struct
from stressor.vmstate.source import Module, Source

__all__ = ["compile_broken", "has_rules", "write_rules"]


def has_rules(description: Description) -> bool:
    """Return whether a `Validate` stands in a description, or in anything below it."""
    inner = list(description.subsections)
    for field in description.fields:
        if isinstance(field, Struct):
            inner.append(field.description)
        elif isinstance(field, Array | Queue) and isinstance(field.element, Description):
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
            write_rules(field.description, inner, module, source, otherwise)
        elif (
            isinstance(field, Array | Queue)
            and isinstance(field.element, Description)
            and has_rules(field.element)
        ):
            inner = module.local()
            with source.block(f"for {inner} in {value}:"):
                write_rules(field.element, inner, module, source, otherwise)
    for subsection in description.subsections:
        if has_rules(subsection):
            assert subsection.needed is not None
            with source.block(f"if {module.test(subsection.needed, obj)}:"):
                write_rules(subsection, obj, module, source, otherwise)
