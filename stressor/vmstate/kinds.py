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
    "Temporary",
    "Test",
    "Timer",
    "TimerType",
    "Tree",
    "Unused",
    "check_callable",
    "check_embedded",
    "check_length",
    "check_name",
    "check_positive",
    "check_start",
    "common",
    "wrong",
]

Predicate: TypeAlias = Callable[[Any], object]
Test: TypeAlias = "Predicate | str"
Element: TypeAlias = "ScalarType | TimerType | Description"

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


@dataclass(frozen=True, slots=True)
class TimerType:
    """The type of a timer, and the constructor of a field that holds one."""

    name: str = "timer"
    size: int = 8

    def __call__(
        self,
        name: str,
        *,
        attribute: str | None = None,
        since: int = 0,
        when: Test | None = None,
    ) -> Timer:
        """Declare an object whose `deadline` is a virtual time in ns, or None while not armed."""
        return Timer(**common(name, attribute, since, when))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scalar(Field):
    """A number. With `equal` it is saved, and must at load be what the live object already has.

    With `maximum` it must at load lie between 0 and that: a number, or the value of an attribute,
    which may be its own (the live value).
    """

    type: ScalarType
    read: Callable[[Any], Any] | None
    write: Callable[[Any, Any], object] | None
    equal: bool
    maximum: int | str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Buffer(Field):
    """Bytes: exactly `size` of them, or with `length` as many as `multiply` times that attribute.

    With `start` they are the part of a longer buffer that begins there.
    """

    size: int
    length: str | None
    maximum: int
    fixed: bool
    start: int | None = None
    multiply: int = 1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Array(Field):
    """Elements: exactly `count` of them, or with `length` as many as `multiply` times that attribute.

    With `fixed` the container keeps its own length, and only the first elements travel; with `start`
    they are the part of a longer container that begins there. With `columns` the container holds
    rows of so many elements each. With `null` an element may be None: a byte says so on the wire.
    """

    element: Element
    count: int
    length: str | None
    maximum: int
    fixed: bool
    factory: Callable[[], Any] | None
    start: int | None = None
    multiply: int = 1
    columns: int | None = None
    null: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Struct(Field):
    """Another object with its own description; nothing but its body is on the wire.

    `version` is the description's version that is written and read, None for its newest.
    """

    description: Description
    version: int | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Temporary(Field):
    """The body of an object that `factory(object)` makes for each save and each load."""

    description: Description
    factory: Callable[[Any], Any]
    version: int | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bitmap(Field):
    """An int used as a set of bits: 64-bit words, the lowest first.

    There are `bits` of them, or with `length` as many as that attribute says, at most `bits`.
    """

    bits: int
    length: str | None = None


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
class Tree(Field):
    """A dict in the order of its keys: a count, then for each a marker, the key and the object.

    The key is a 64-bit number, or with `key` the tuple of the numbers that this description names.
    """

    element: Description
    key: Description | None
    maximum: int
    factory: Callable[[], Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Unused(Field):
    """Padding: zeros when saved, ignored when loaded; with `length` so many times `size` bytes."""

    size: int
    length: str | None = None
    maximum: int = 1


def check_name(name: object) -> str:
    """Return a name that can stand in a field path. Raises DescriptionError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong(str(name), "is not a name", "use a to z, digits and _, a letter first; attribute= takes any")
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


def check_positive(name: str, what: str, value: object) -> None:
    """Raise DescriptionError for what is not a number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise wrong(name, f"has {what} {value!r}", f"give a {what} of at least 1")


def check_length(name: str, length: object, maximum: object, multiply: object = 1) -> None:
    """Raise DescriptionError for a length that cannot be one."""
    if not isinstance(length, str) or not length.isidentifier():
        raise wrong(name, f"has length={length!r}", "name the attribute that holds the length")
    if length == name:
        raise wrong(name, "is its own length", "name the attribute that holds the length")
    check_positive(name, "maximum", maximum)
    check_positive(name, "multiply", multiply)


def check_start(name: str, start: object) -> None:
    """Raise DescriptionError for a start that is neither None nor an index."""
    if start is not None and (not isinstance(start, int) or isinstance(start, bool) or start < 0):
        raise wrong(name, f"has start={start!r}", "give the first index that travels")


def check_embedded(name: str, description: object) -> None:
    """Raise DescriptionError for what cannot be the description of a part."""
    # Imported late: a description is made of fields, so fields cannot import it first.
    from stressor.vmstate.description import Description

    if not isinstance(description, Description):
        raise wrong(name, f"has {description!r} for a description", "give a vm.Description")
    if description.needed is not None:
        raise wrong(
            name,
            f"embeds {description.name!r}, which has needed=",
            "only subsections have it; use when= on the field",
        )
