"""What a description's author can get wrong, found when the description is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from stressor.errors import DescriptionError
from stressor.vmstate.description import Description, Validate
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Temporary,
    Timer,
    Tree,
    Unused,
)

__all__ = ["check_description", "embedded"]


def check_description(description: Description) -> None:
    """Raise DescriptionError, with the description, the field and the cure, for the first mistake."""
    _check_name(description)
    _check_versions(description)
    for field in description.fields:
        _check_field(description, field)
    _check_lengths(description)
    _check_temporaries(description)
    for subsection in description.subsections:
        _check_subsection(description, subsection)
    _check_order_of_names(description)
    _check_unique(description)
    _check_rules(description)


def embedded(description: Description) -> Iterator[Description]:
    """Yield every description that is embedded in this one or in its subsections, at any depth."""
    for field in description.fields:
        inner = None
        if isinstance(field, Struct | Temporary):
            inner = field.description
        elif isinstance(field, Array | Queue | Tree) and isinstance(field.element, Description):
            inner = field.element
        if inner is not None:
            yield inner
            yield from embedded(inner)
    for subsection in description.subsections:
        yield from embedded(subsection)


def _wrong(description: Description, field: str, problem: str, cure: str) -> NoReturn:
    raise DescriptionError(str(description.name), field, problem, cure)


def _check_name(description: Description) -> None:
    name = description.name
    if not isinstance(name, str) or not name:
        _wrong(
            description, "", f"{name!r} is not a name", "give the section's name, such as 'serial'"
        )
    if len(name.encode()) > 255:
        _wrong(description, "", "has a name of more than 255 bytes", "shorten it")


def _check_versions(description: Description) -> None:
    version, minimum = description.version, description.minimum_version
    for what, value in (("version", version), ("minimum_version", minimum)):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
            _wrong(description, "", f"has {what}={value!r}", "give a number from 0 up")
    if minimum > version:
        _wrong(
            description,
            "",
            f"has minimum_version={minimum} above version={version}",
            "the minimum is the oldest version that still loads",
        )


def _check_field(description: Description, field: object) -> None:
    if isinstance(field, ScalarType):
        _wrong(
            description,
            "",
            f"has the bare type vm.{field.name} for a field",
            f"call it: vm.{field.name}(name)",
        )
    if isinstance(field, Description):
        _wrong(
            description,
            field.name,
            "is a description among the fields",
            "wrap it in vm.struct, or move it to subsections",
        )
    if not isinstance(field, Field):
        _wrong(
            description,
            "",
            f"has {field!r} for a field",
            "use the constructors, such as vm.u8(name)",
        )
    if field.since > description.version:
        _wrong(
            description,
            field.name,
            f"is there since version {field.since}, and the description has version {description.version}",
            "raise the description's version, or lower since=",
        )


def _check_lengths(description: Description) -> None:
    before: list[Field] = []
    for field in description.fields:
        length = getattr(field, "length", None)
        if length is not None:
            if length in (field.attribute, field.name):
                _wrong(
                    description, field.name, "is its own length", "name the attribute that holds it"
                )
            _check_number(description, field, "length", length, before)
        if isinstance(field, Scalar) and isinstance(field.maximum, str):
            _check_number(description, field, "maximum", field.maximum, [])
        before.append(field)


def _check_number(
    description: Description, field: Field, what: str, named: str, before: list[Field]
) -> None:
    """Check what names a length or a bound; a length that travels does so before its field."""
    for other in _own_fields(description):
        if named not in (other.attribute, other.name) or isinstance(other, Unused | Temporary):
            continue
        if not isinstance(other, Scalar) or not other.type.integer:
            _wrong(
                description,
                field.name,
                f"has the {what} {named!r}, which is not an integer",
                "name an integer field or attribute",
            )
        if what == "length" and other not in before:
            _wrong(
                description,
                field.name,
                f"stands before its length {named!r}",
                f"move {other.name!r} in front of it",
            )


def _check_temporaries(description: Description) -> None:
    for field in description.fields:
        if isinstance(field, Temporary):
            for part in (field.description, *embedded(field.description)):
                if part.validate:
                    _wrong(
                        description,
                        field.name,
                        f"has the rules of {part.name!r}, and is gone when rules are checked",
                        "let its post_load raise ValueError instead",
                    )


def _check_subsection(description: Description, subsection: object) -> None:
    if not isinstance(subsection, Description):
        _wrong(description, "", f"has {subsection!r} for a subsection", "give a vm.Description")
    if subsection.needed is None:
        _wrong(
            description,
            subsection.name,
            "is a subsection without needed=",
            "say when it travels: needed=lambda device: ...",
        )
    # QEMU asks for no more than that the name goes on; most have a slash there, `pckbd_outport` has none
    if subsection.name == description.name or not subsection.name.startswith(description.name):
        _wrong(
            description,
            subsection.name,
            "is a subsection with a name of its own",
            f"begin it with {description.name + '/'!r}",
        )


def _check_order_of_names(description: Description) -> None:
    """A loader takes a subsection by its name's beginning, so no name may be taken by another."""
    names = [subsection.name for subsection in description.subsections]
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            if other == name:
                _wrong(description, name, "is there twice", "give each subsection its own name")
            if other.startswith(name):
                _wrong(
                    description,
                    other,
                    f"would be taken for a subsection of {name!r}, which stands before it",
                    "rename one, or put the longer name first",
                )
    for inner in embedded(description):
        if inner.subsections and not _has_bytes(inner):
            _wrong(
                description,
                inner.name,
                "has subsections and no field that is always there, so two in a row run together",
                "give it such a field in front",
            )
        for name in names:
            if inner.subsections and name.startswith(inner.name):
                _wrong(
                    description,
                    name,
                    f"would be taken for a subsection of the embedded {inner.name!r}",
                    f"rename {inner.name!r}",
                )


def _has_bytes(description: Description) -> bool:
    """Return whether the fields always take at least one byte."""
    return any(
        field.when is None
        and (
            isinstance(field, Scalar | Timer | Queue | Tree)
            or (isinstance(field, Buffer | Array | Bitmap | Unused) and field.length is None)
            or (isinstance(field, Struct | Temporary) and _has_bytes(field.description))
        )
        for field in description.fields
    )


def _own_fields(description: Description) -> Iterator[Field]:
    """Yield the fields of one object: the description's and those of its subsections."""
    yield from description.fields
    for subsection in description.subsections:
        yield from _own_fields(subsection)


def _check_unique(description: Description) -> None:
    names: dict[str, Field] = {}
    attributes: dict[str, Field] = {}
    parts: list[Buffer | Array] = []
    for field in _own_fields(description):
        if isinstance(field, Unused):
            continue
        if field.name in names:
            _wrong(
                description,
                field.name,
                f"is declared twice ({names[field.name].declared} and {field.declared})",
                "remove one, or rename it and give attribute=",
            )
        names[field.name] = field
        if isinstance(field, Scalar) and (field.equal or field.read is not None):
            continue  # several accessors may share one attribute: its halves, say
        if isinstance(field, Temporary):
            continue
        if isinstance(field, Buffer | Array) and field.start is not None:
            _check_parts(description, field, parts)
        first = attributes.setdefault(field.attribute, field)
        if first is not field and not {first, field} <= {*parts}:
            _wrong(
                description,
                field.name,
                f"carries the attribute {field.attribute!r}, as {first.name!r} does",
                "remove one, or give read= and write=",
            )


def _check_parts(
    description: Description, field: Buffer | Array, parts: list[Buffer | Array]
) -> None:
    """Let several fields carry parts of one attribute that do not overlap; `parts` grows."""
    for other in parts:
        if other.attribute == field.attribute and not (
            _end(other) <= _start(field) or _end(field) <= _start(other)
        ):
            _wrong(
                description,
                field.name,
                f"carries a part of {field.attribute!r} that {other.name!r} carries as well",
                "correct start= of one of them",
            )
    parts.append(field)


def _start(field: Buffer | Array) -> int:
    return field.start or 0


def _end(field: Buffer | Array) -> int:
    return _start(field) + (field.size if isinstance(field, Buffer) else field.count)


def _check_rules(description: Description) -> None:
    for rule in description.validate:
        if not isinstance(rule, Validate) or not rule.text or not callable(rule.predicate):
            _wrong(
                description,
                "",
                f"has {rule!r} for a validation",
                "use vm.Validate('what holds', lambda device: ...)",
            )
    for what in ("needed", "pre_save", "post_load"):
        hook = getattr(description, what)
        if hook is not None and not callable(hook):
            _wrong(description, "", f"has {what}={hook!r}", "give a function")
    for attribute, reason in description._unsaved.items():
        if not isinstance(attribute, str) or not attribute:
            _wrong(description, "", f"has {attribute!r} in unsaved", "name an attribute")
        if not isinstance(reason, str) or not reason.strip():
            _wrong(description, attribute, "is unsaved without a reason", "say in a few words why")
