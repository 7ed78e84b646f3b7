"""What generated code leaves to the walk: kinds of field that are rare, and so not worth code."""

from __future__ import annotations

from typing import Any

from stressor.vmstate.checks import embedded
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Field,
    Struct,
    Temporary,
    TimerType,
    Tree,
    Unused,
)
from stressor.vmstate.source import CannotCompile

__all__ = ["demand_common_kinds", "demand_whole_sample", "is_rare"]


def is_rare(field: Field) -> bool:
    """Return whether only the walk takes a field."""
    match field:
        case Tree() | Temporary():
            return True
        case Array():
            return field.null or field.columns is not None or isinstance(field.element, TimerType)
        case Bitmap() | Unused():
            return field.length is not None
        case Struct():
            return field.version not in (None, field.description.version)
    return False


def demand_common_kinds(description: Description) -> None:
    """Raise CannotCompile when a field of a description, or of what is in it, is rare."""
    for part in (description, *embedded(description)):
        if any(map(is_rare, _fields(part))):
            raise CannotCompile


def demand_whole_sample(description: Description, sample: Any) -> None:
    """Raise CannotCompile when an optional part is missing in `sample`: its class is not known."""
    for field in _fields(description):
        if isinstance(field, Struct):
            part = getattr(sample, field.attribute, None)
            if part is None and field.when is not None:
                raise CannotCompile
            demand_whole_sample(field.description, part)


def _fields(description: Description) -> list[Field]:
    fields = list(description.fields)
    for subsection in description.subsections:
        fields += _fields(subsection)
    return fields
