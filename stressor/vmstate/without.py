"""Descriptions that forget something, for whoever wants to see whether that is noticed.

A description is immutable, so each function returns another one that shares its fields; None when there is
nothing of the kind at that place. Paths are those of `Description.attributes`: indexes are `[]`, and the
fields of a subsection stand beside those of the object that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, Buffer, Field, Queue, Struct, Tree

__all__ = ["hooks_of", "subsections_of", "without_field", "without_hook", "without_subsection"]

_Change = Callable[[Description, str], "Description | None"]


def without_field(description: Description, path: str) -> Description | None:
    """Return the description without the field at `path`, which then neither is saved nor loaded.

    Another field that takes its length from it takes that from the live attribute then. Raises DescriptionError
    where what is left is no description.
    """

    def forget(inner: Description, prefix: str) -> Description | None:
        left = [field for field in inner.fields if _path(field, prefix) != path]
        return _but(inner, fields=left) if len(left) < len(inner.fields) else None

    return _changed(description, "", forget)


def without_subsection(description: Description, name: str) -> Description | None:
    """Return the description without the subsection of that name."""

    def forget(inner: Description, prefix: str) -> Description | None:
        left = [subsection for subsection in inner.subsections if subsection.name != name]
        return _but(inner, subsections=left) if len(left) < len(inner.subsections) else None

    return _changed(description, "", forget)


def without_hook(description: Description, name: str) -> Description | None:
    """Return the description with no `post_load` in the description of that name."""

    def forget(inner: Description, prefix: str) -> Description | None:
        return _but(inner, hook=False) if inner.name == name and inner.post_load is not None else None

    return _changed(description, "", forget)


def subsections_of(description: Description) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of each subsection, at any depth, and the paths of its fields."""
    for inner, prefix, optional in _walk(description, "", False):
        if optional:
            yield inner.name, tuple(_value_paths(inner, prefix))


def hooks_of(description: Description) -> list[str]:
    """Return the name of each description, at any depth, that has a `post_load`."""
    return [inner.name for inner, _, _ in _walk(description, "", False) if inner.post_load is not None]


def _walk(description: Description, prefix: str, optional: bool) -> Iterator[tuple[Description, str, bool]]:
    yield description, prefix, optional
    for field in description.fields:
        inner = _inner(field)
        if inner is not None:
            yield from _walk(inner, _inner_prefix(field, prefix), False)
    for subsection in description.subsections:
        yield from _walk(subsection, prefix, True)


def _value_paths(description: Description, prefix: str) -> Iterator[str]:
    yield from (prefix + path for path in description.attributes.values())


def _changed(description: Description, prefix: str, change: _Change) -> Description | None:
    """Return the description with `change` made at the first place, from the top, that has it."""
    made = change(description, prefix)
    if made is not None:
        return made
    for index, field in enumerate(description.fields):
        inner = _inner(field)
        made = inner and _changed(inner, _inner_prefix(field, prefix), change)
        if made:
            fields = [*description.fields]
            fields[index] = _around(field, made)
            return _but(description, fields=fields)
    for index, subsection in enumerate(description.subsections):
        made = _changed(subsection, prefix, change)
        if made:
            subsections = [*description.subsections]
            subsections[index] = made
            return _but(description, subsections=subsections)
    return None


def _inner(field: Field) -> Description | None:
    if isinstance(field, Struct):
        return field.description
    if isinstance(field, Array | Queue | Tree) and isinstance(field.element, Description):
        return field.element
    return None


def _inner_prefix(field: Field, prefix: str) -> str:
    if isinstance(field, Struct):
        return f"{prefix}{field.name}."
    rows = isinstance(field, Array) and field.columns
    return f"{prefix}{field.name}{'[][]' if rows else '[]'}."


def _path(field: Field, prefix: str) -> str:
    """Return the path of the values that a field has by itself."""
    index = "[]" if isinstance(field, Array | Buffer | Queue) else ""
    return f"{prefix}{field.name}{index}{index if isinstance(field, Array) and field.columns else ''}"


def _around(field: Field, inner: Description) -> Field:
    if isinstance(field, Struct):
        return replace(field, description=inner)
    assert isinstance(field, Array | Queue | Tree)
    return replace(field, element=inner)


def _but(
    description: Description,
    *,
    fields: Sequence[Field] | None = None,
    subsections: Sequence[Description] | None = None,
    hook: bool = True,
) -> Description:
    return Description(
        description.name,
        version=description.version,
        minimum_version=description.minimum_version,
        fields=description.fields if fields is None else fields,
        subsections=description.subsections if subsections is None else subsections,
        needed=description.needed,
        validate=description.validate,
        pre_save=description.pre_save,
        post_load=description.post_load if hook else None,
        unsaved=description._unsaved,
    )
