"""The kinds of field that a state description is made of, as immutable data.

What walks a description matches on these classes; `stressor.vmstate.fields` constructs them.
"""

from __future__ import annotations

import keyword
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from stressor.errors import DescriptionError
from stressor.vmstate.condition import as_predicate

if TYPE_CHECKING:
    from stressor.vmstate.description import Description

__all__ = [
    "Array",
    "Bitmap",
    "Buffer",
    "Declaration",
    "Element",
    "Field",
    "Predicate",
    "Queue",
    "Scalar",
    "ScalarType",
    "Struct",
    "Test",
    "Timer",
    "Unused",
    "check_callable",
    "check_name",
    "common",
    "wrong",
]

Predicate: TypeAlias = Callable[[Any], object]
Test: TypeAlias = "Predicate | str"
Element: TypeAlias = "ScalarType | Description"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HERE: Final = os.path.dirname(__file__)


class Declaration(NamedTuple):
    """Where in its author's code something was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        path = os.path.abspath(self.file)
        here = os.path.join(os.getcwd(), "")
        return f"{path.removeprefix(here)}:{self.line}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Field:
    """One field: `name` in paths, the `attribute` that carries it on the object.

    It is on the wire in versions from `since` on, and only while `when(object)` holds.
    """

    name: str
    attribute: str
    since: int
    when: Predicate | None
    declared: Declaration


@dataclass(frozen=True, slots=True)
class ScalarType:
    """The type of a number, and the constructor of a field of that type.

    `code` is its letter in the `struct` module, `size` in bytes; `low` and `high` bound an integer.
    """

    name: str
    code: str
    size: int
    low: int = 0
    high: int = 0

    def __call__(
        self,
        name: str,
        *,
        attribute: str | None = None,
        since: int = 0,
        when: Test | None = None,
        read: Callable[[Any], Any] | None = None,
        write: Callable[[Any, Any], object] | None = None,
    ) -> Scalar:
        """Declare a field of this type; with `read` and `write` it is behind accessors.

        `read(object)` gives the value to save, `write(object, value)` takes the loaded one.
        Raises DescriptionError.
        """
        if (read is None) != (write is None):
            given, missing = ("write", "read") if read is None else ("read", "write")
            raise wrong(name, f"has {given}= but no {missing}=", f"give {missing}= as well")
        check_callable(name, read=read, write=write)
        return Scalar(
            **common(name, attribute, since, when), type=self, read=read, write=write, equal=False
        )

    @property
    def integer(self) -> bool:
        return self.code not in "?d"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scalar(Field):
    """A number. With `equal` it is saved, and must at load be what the live object already has."""

    type: ScalarType
    read: Callable[[Any], Any] | None
    write: Callable[[Any, Any], object] | None
    equal: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Buffer(Field):
    """Bytes: exactly `size` of them, or with `length` as many as that attribute says."""

    size: int
    length: str | None
    maximum: int
    fixed: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Array(Field):
    """Elements: exactly `count` of them, or with `length` as many as that attribute says.

    With `fixed` the container keeps its own length, and only the first `length` elements travel.
    """

    element: Element
    count: int
    length: str | None
    maximum: int
    fixed: bool
    factory: Callable[[], Any] | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Struct(Field):
    """Another object with its own description; nothing but its body is on the wire."""

    description: Description


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bitmap(Field):
    """An int used as a set of `bits` bits: 64-bit words, the lowest first."""

    bits: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Timer(Field):
    """An object with a `deadline` in ns: 64 bits, all ones while it is not armed (None)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Queue(Field):
    """A list or deque that carries its own length: a count in front, or links between."""

    element: Element
    maximum: int
    factory: Callable[[], Any] | None
    linked: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Unused(Field):
    """Padding: zeros when saved, ignored when loaded."""

    size: int


def check_name(name: object) -> str:
    """Return a name that can stand in a field path. Raises DescriptionError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong(str(name), "is not a name", "use letters, digits and _, a letter first")
    return name


def wrong(field: str, problem: str, cure: str) -> DescriptionError:
    """Return the error for a field that is not yet part of any description."""
    return DescriptionError("vm", field, problem, cure)


def common(name: str, attribute: str | None, since: int, when: Test | None) -> dict[str, Any]:
    """Return, checked, what every field has, and the author's line that declares it."""
    check_name(name)
    carrier = name if attribute is None else attribute
    if not isinstance(carrier, str) or not carrier.isidentifier() or keyword.iskeyword(carrier):
        raise wrong(
            name,
            f"{carrier!r} is not an attribute",
            "give attribute= one name; use vm.struct for an attribute of an attribute",
        )
    if not isinstance(since, int) or isinstance(since, bool) or since < 0:
        raise wrong(name, f"has since={since!r}", "give the first version that has the field")
    when = as_predicate(name, when)
    check_callable(name, when=when)
    frame = sys._getframe(1)
    while os.path.dirname(frame.f_code.co_filename) == _HERE and frame.f_back is not None:
        frame = frame.f_back
    declared = Declaration(frame.f_code.co_filename, frame.f_lineno)
    return {"name": name, "attribute": carrier, "since": since, "when": when, "declared": declared}


def check_callable(name: str, **given: object) -> None:
    """Raise DescriptionError for what is given and cannot be called."""
    for keyword_name, value in given.items():
        if value is not None and not callable(value):
            raise wrong(name, f"has {keyword_name}={value!r}", "give a function")
