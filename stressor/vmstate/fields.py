"""The constructors of fields: what an author writes in a description.

What can be checked without the rest of the description is checked here, where it is written. The
wire format is QEMU's (docs/devel/migration): every number big-endian, nothing aligned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Element,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Test,
    Timer,
    Unused,
    check_callable,
    common,
    wrong,
)

if TYPE_CHECKING:
    from stressor.vmstate.description import Description

__all__ = [
    "array",
    "bitmap",
    "boolean",
    "buffer",
    "equal",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "linked_queue",
    "queue",
    "struct",
    "struct_array",
    "timer",
    "u8",
    "u16",
    "u32",
    "u64",
    "unused",
    "variable_array",
    "variable_buffer",
    "variable_struct_array",
]

u8: Final = ScalarType("u8", "B", 1, 0, 0xFF)
u16: Final = ScalarType("u16", "H", 2, 0, 0xFFFF)
u32: Final = ScalarType("u32", "I", 4, 0, 0xFFFF_FFFF)
u64: Final = ScalarType("u64", "Q", 8, 0, 0xFFFF_FFFF_FFFF_FFFF)
i8: Final = ScalarType("i8", "b", 1, -(1 << 7), (1 << 7) - 1)
i16: Final = ScalarType("i16", "h", 2, -(1 << 15), (1 << 15) - 1)
i32: Final = ScalarType("i32", "i", 4, -(1 << 31), (1 << 31) - 1)
i64: Final = ScalarType("i64", "q", 8, -(1 << 63), (1 << 63) - 1)
boolean: Final = ScalarType("boolean", "?", 1, 0, 1)
f64: Final = ScalarType("f64", "d", 8)


def equal(
    name: str,
    type: ScalarType,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Scalar:
    """Declare a field that is saved, and refuses at load any value but the live one."""
    shared = common(name, attribute, since, when)
    if not isinstance(type, ScalarType):
        raise wrong(name, f"has {type!r} for a type", "use a scalar such as vm.u32")
    return Scalar(**shared, type=type, read=None, write=None, equal=True)


def buffer(
    name: str,
    size: int,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Buffer:
    """Declare exactly `size` bytes, in a bytearray (or bytes, which are replaced at load)."""
    shared = common(name, attribute, since, when)
    _check_positive(name, "size", size)
    return Buffer(**shared, size=size, length=None, maximum=size, fixed=False)


def variable_buffer(
    name: str,
    *,
    length: str,
    maximum: int,
    fixed: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Buffer:
    """Declare as many bytes as the attribute `length` says, at most `maximum`."""
    shared = common(name, attribute, since, when)
    _check_length(name, length, maximum)
    return Buffer(**shared, size=0, length=length, maximum=maximum, fixed=fixed)


def array(
    name: str,
    element: ScalarType,
    count: int,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare exactly `count` numbers, in a list (or tuple, bytearray, array)."""
    shared = common(name, attribute, since, when)
    _check_scalar(name, element, "vm.struct_array")
    _check_positive(name, "count", count)
    return Array(
        **shared,
        element=element,
        count=count,
        length=None,
        maximum=count,
        fixed=False,
        factory=None,
    )


def variable_array(
    name: str,
    element: ScalarType,
    *,
    length: str,
    maximum: int,
    fixed: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare as many numbers as the attribute `length` says, at most `maximum`."""
    shared = common(name, attribute, since, when)
    _check_scalar(name, element, "vm.variable_struct_array")
    _check_length(name, length, maximum)
    return Array(
        **shared,
        element=element,
        count=0,
        length=length,
        maximum=maximum,
        fixed=fixed,
        factory=None,
    )


def struct(
    name: str,
    description: Description,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Struct:
    """Declare another object, with a description of its own."""
    shared = common(name, attribute, since, when)
    _check_description(name, description)
    return Struct(**shared, description=description)


def struct_array(
    name: str,
    description: Description,
    count: int,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare exactly `count` objects with one description; loading updates each in place."""
    shared = common(name, attribute, since, when)
    _check_description(name, description)
    _check_positive(name, "count", count)
    return Array(
        **shared,
        element=description,
        count=count,
        length=None,
        maximum=count,
        fixed=False,
        factory=None,
    )


def variable_struct_array(
    name: str,
    description: Description,
    *,
    length: str,
    maximum: int,
    factory: Callable[[], Any] | None = None,
    fixed: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare as many objects as the attribute `length` says; `factory()` makes those that lack.

    With `fixed` all of them are always there, and no factory is needed.
    """
    shared = common(name, attribute, since, when)
    _check_description(name, description)
    _check_length(name, length, maximum)
    check_callable(name, factory=factory)
    if not fixed and factory is None:
        raise wrong(name, "can grow at load and has no factory=", "give one, or fixed=True")
    return Array(
        **shared,
        element=description,
        count=0,
        length=length,
        maximum=maximum,
        fixed=fixed,
        factory=factory,
    )


def bitmap(
    name: str,
    bits: int,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Bitmap:
    """Declare an int used as a set of `bits` bits."""
    shared = common(name, attribute, since, when)
    _check_positive(name, "bits", bits)
    return Bitmap(**shared, bits=bits)


def timer(
    name: str,
    *,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Timer:
    """Declare an object whose `deadline` is a virtual time in ns, or None while it is not armed."""
    return Timer(**common(name, attribute, since, when))


def queue(
    name: str,
    element: Element,
    *,
    maximum: int,
    factory: Callable[[], Any] | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Queue:
    """Declare a list or deque of at most `maximum` elements: a 32-bit count, then the elements.

    The element is a scalar, or a description; then `factory()` makes an empty one at load.
    """
    shared = common(name, attribute, since, when)
    _check_queue(name, element, maximum, factory)
    return Queue(**shared, element=element, maximum=maximum, factory=factory, linked=False)


def linked_queue(
    name: str,
    element: Element,
    *,
    maximum: int,
    factory: Callable[[], Any] | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Queue:
    """Declare a list or deque as QEMU's QTAILQ: byte 1 before each element, byte 0 at the end."""
    shared = common(name, attribute, since, when)
    _check_queue(name, element, maximum, factory)
    return Queue(**shared, element=element, maximum=maximum, factory=factory, linked=True)


def unused(size: int, *, since: int = 0, when: Test | None = None) -> Unused:
    """Declare `size` bytes of padding, where QEMU once had a field."""
    shared = common("unused", "unused", since, when)
    _check_positive("unused", "size", size)
    return Unused(**shared, size=size)


def _check_positive(name: str, what: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise wrong(name, f"has {what} {value!r}", f"give a {what} of at least 1")


def _check_length(name: str, length: object, maximum: object) -> None:
    if not isinstance(length, str) or not length.isidentifier():
        raise wrong(name, f"has length={length!r}", "name the attribute that holds the length")
    if length == name:
        raise wrong(name, "is its own length", "name the attribute that holds the length")
    _check_positive(name, "maximum", maximum)


def _check_scalar(name: str, element: object, instead: str) -> None:
    if not isinstance(element, ScalarType):
        raise wrong(
            name,
            f"has elements {element!r}",
            f"use a scalar such as vm.u8, or {instead} for objects",
        )


def _check_description(name: str, description: object) -> None:
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


def _check_queue(name: str, element: object, maximum: object, factory: object) -> None:
    _check_positive(name, "maximum", maximum)
    check_callable(name, factory=factory)
    if isinstance(element, ScalarType):
        if factory is not None:
            raise wrong(name, "is a queue of numbers and has factory=", "leave it out")
        return
    _check_description(name, element)
    if factory is None:
        raise wrong(
            name, "is a queue of objects and has no factory=", "give one, such as the class"
        )
