"""The constructors of fields: what an author writes in a description.

Those with many elements are in `stressor.vmstate.containers`. What can be checked without the rest
of the description is checked here, where it is written. The wire format is QEMU's
(docs/devel/migration): every number big-endian, nothing aligned. docs/field-kinds.md has the
counterpart of each of its macros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from stressor.vmstate.kinds import (
    Bitmap,
    Buffer,
    Scalar,
    ScalarType,
    Struct,
    Temporary,
    Test,
    TimerType,
    Unused,
    check_callable,
    check_embedded,
    check_length,
    check_positive,
    check_start,
    common,
    wrong,
)

if TYPE_CHECKING:
    from stressor.vmstate.description import Description

__all__ = [
    "bitmap",
    "boolean",
    "bounded",
    "buffer",
    "equal",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "struct",
    "temporary",
    "timer",
    "u8",
    "u16",
    "u32",
    "u64",
    "unused",
    "variable_bitmap",
    "variable_buffer",
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
timer: Final = TimerType()


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


def bounded(
    name: str,
    type: ScalarType,
    *,
    maximum: int | str | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Scalar:
    """Declare an integer that is refused at load when it is negative, or above `maximum`.

    That is a number, or the attribute that has it; without it the live value, as in QEMU's
    INT32_POSITIVE_LE. A length that was read before it is seen as it was read.
    """
    shared = common(name, attribute, since, when)
    if not isinstance(type, ScalarType) or not type.integer:
        raise wrong(name, f"has {type!r} for a type", "use an integer such as vm.i32")
    if maximum is None:
        maximum = shared["attribute"]
    elif isinstance(maximum, str):
        if not maximum.isidentifier():
            raise wrong(name, f"has maximum={maximum!r}", "name the attribute that has the bound")
    elif not isinstance(maximum, int) or isinstance(maximum, bool) or maximum < 0:
        raise wrong(name, f"has maximum={maximum!r}", "give a number from 0 up, or an attribute")
    return Scalar(**shared, type=type, read=None, write=None, equal=False, maximum=maximum)


def buffer(
    name: str,
    size: int,
    *,
    start: int | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Buffer:
    """Declare exactly `size` bytes, in a bytearray (or bytes, which are replaced at load).

    With `start` they are the part of a longer buffer that begins there; the rest stays at home.
    """
    shared = common(name, attribute, since, when)
    check_positive(name, "size", size)
    check_start(name, start)
    return Buffer(**shared, size=size, length=None, maximum=size, fixed=False, start=start)


def variable_buffer(
    name: str,
    *,
    length: str,
    maximum: int,
    multiply: int = 1,
    fixed: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Buffer:
    """Declare `multiply` times as many bytes as the attribute `length` says, at most `maximum`.

    With `fixed` the buffer keeps its own length, and only its first bytes travel.
    """
    shared = common(name, attribute, since, when)
    check_length(name, length, maximum, multiply)
    return Buffer(
        **shared, size=0, length=length, maximum=maximum, fixed=fixed, multiply=multiply
    )


def struct(
    name: str,
    description: Description,
    *,
    version: int | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Struct:
    """Declare another object, with a description of its own.

    It travels as `version` of that, the newest by default. With `when` it may be None while that
    does not hold, which stays so: whether it is there does not travel.
    """
    shared = common(name, attribute, since, when)
    check_embedded(name, description)
    _check_version(name, description, version)
    return Struct(**shared, description=description, version=version)


def temporary(
    name: str,
    description: Description,
    *,
    factory: Callable[[Any], Any],
    version: int | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Temporary:
    """Declare an object that is there only while its fields are saved or loaded.

    `factory(object)` makes it. Its description's `pre_save` then fills it from the object, and its
    `post_load` brings what was loaded to the object.
    """
    shared = common(name, None, since, when)
    check_embedded(name, description)
    check_callable(name, factory=factory)
    if factory is None:
        raise wrong(name, "has no factory=", "give a function of the object that makes it")
    _check_version(name, description, version)
    return Temporary(**shared, description=description, factory=factory, version=version)


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
    check_positive(name, "bits", bits)
    return Bitmap(**shared, bits=bits)


def variable_bitmap(
    name: str,
    *,
    length: str,
    maximum: int,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Bitmap:
    """Declare an int used as a set of as many bits as the attribute `length` says."""
    shared = common(name, attribute, since, when)
    check_length(name, length, maximum)
    return Bitmap(**shared, bits=maximum, length=length)


def unused(
    size: int,
    *,
    length: str | None = None,
    maximum: int | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Unused:
    """Declare `size` bytes of padding, where QEMU once had a field.

    With `length` there are as many times `size` bytes as that attribute says, at most `maximum`.
    """
    shared = common("unused", "unused", since, when)
    check_positive("unused", "size", size)
    if length is None:
        if maximum is not None:
            raise wrong("unused", "has maximum= and no length=", "leave it out")
        return Unused(**shared, size=size)
    check_length("unused", length, maximum)
    assert maximum is not None
    return Unused(**shared, size=size, length=length, maximum=maximum)


def _check_version(name: str, description: Description, version: object) -> None:
    if version is None:
        return
    if not isinstance(version, int) or isinstance(version, bool):
        raise wrong(name, f"has version {version!r}", "give a version of the description")
    if not description.minimum_version <= version <= description.version:
        raise wrong(
            name,
            f"has version {version} of {description.name!r}, which has "
            f"{description.minimum_version} to {description.version}",
            "give one of those",
        )
