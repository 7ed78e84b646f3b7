"""The constructors of fields with many elements: arrays, queues and trees.

See `stressor.vmstate.fields` for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stressor.vmstate.kinds import (
    Array,
    Element,
    Queue,
    Scalar,
    ScalarType,
    Test,
    TimerType,
    Tree,
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
    "array",
    "linked_queue",
    "queue",
    "struct_array",
    "tree",
    "variable_array",
    "variable_struct_array",
]


def array(
    name: str,
    element: ScalarType | TimerType,
    count: int | tuple[int, int],
    *,
    start: int | None = None,
    null: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare exactly `count` numbers or timers, in a list (or tuple, bytearray, array).

    A `count` of (rows, columns) is a list of lists. With `start` they are the part of a longer list
    that begins there. With `null` an element may be None, before and after a load alike.
    """
    shared = common(name, attribute, since, when)
    _check_simple(name, element, "vm.struct_array")
    return _exactly(shared, element, count, start, null)


def variable_array(
    name: str,
    element: ScalarType | TimerType,
    *,
    length: str,
    maximum: int,
    multiply: int = 1,
    fixed: bool = False,
    null: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare `multiply` times as many numbers as the attribute `length` says, at most `maximum`.

    With `fixed` the list keeps its own length, and only its first elements travel; for timers, and
    with `null`, it is so.
    """
    shared = common(name, attribute, since, when)
    _check_simple(name, element, "vm.variable_struct_array")
    check_length(name, length, maximum, multiply)
    if not fixed and (null or isinstance(element, TimerType)):
        what = "timers" if isinstance(element, TimerType) else "null elements"
        raise wrong(name, f"has {what}, which no load can make", "give fixed=True")
    return Array(
        **shared,
        element=element,
        count=0,
        length=length,
        maximum=maximum,
        fixed=fixed,
        factory=None,
        multiply=multiply,
        null=_flag(name, "null", null),
    )


def struct_array(
    name: str,
    description: Description,
    count: int | tuple[int, int],
    *,
    start: int | None = None,
    null: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare exactly `count` objects with one description; loading updates each in place.

    `count`, `start` and `null` are as for `array`.
    """
    shared = common(name, attribute, since, when)
    check_embedded(name, description)
    return _exactly(shared, description, count, start, null)


def variable_struct_array(
    name: str,
    description: Description,
    *,
    length: str,
    maximum: int,
    multiply: int = 1,
    factory: Callable[[], Any] | None = None,
    fixed: bool = False,
    null: bool = False,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Array:
    """Declare `multiply` times as many objects as the attribute `length` says, at most `maximum`.

    `factory()` makes those that lack at load. With `fixed` all of them are always there, and no
    factory is needed.
    """
    shared = common(name, attribute, since, when)
    check_embedded(name, description)
    check_length(name, length, maximum, multiply)
    check_callable(name, factory=factory)
    if not fixed and null:
        raise wrong(name, "has null elements, which no load can make", "give fixed=True")
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
        multiply=multiply,
        null=_flag(name, "null", null),
    )


def queue(
    name: str,
    element: ScalarType | Description,
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
    element: ScalarType | Description,
    *,
    maximum: int,
    factory: Callable[[], Any] | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Queue:
    """Declare a list or deque as QEMU's QTAILQ and QLIST: 1 before each element, 0 at the end."""
    shared = common(name, attribute, since, when)
    _check_queue(name, element, maximum, factory)
    return Queue(**shared, element=element, maximum=maximum, factory=factory, linked=True)


def tree(
    name: str,
    description: Description,
    *,
    maximum: int,
    factory: Callable[[], Any],
    key: Description | None = None,
    attribute: str | None = None,
    since: int = 0,
    when: Test | None = None,
) -> Tree:
    """Declare a dict of at most `maximum` objects as QEMU's GTree, in the order of its keys.

    A key is an int of 64 bits, or with `key` a tuple with a number for each field of that
    description, which then has nothing but numbers. `factory()` makes an empty object at load.
    """
    shared = common(name, attribute, since, when)
    check_embedded(name, description)
    check_positive(name, "maximum", maximum)
    if factory is None:
        raise wrong(name, "is a tree of objects and has no factory=", "give one, such as the class")
    check_callable(name, factory=factory)
    if key is not None:
        check_embedded(name, key)
        for field in key.fields:
            if not _is_plain_number(field):
                raise wrong(
                    name,
                    f"has the key {key.name!r}, in which {field.name!r} is no plain number",
                    "describe a key with numbers such as vm.u64(name) only",
                )
        if key.subsections or key.pre_save or key.post_load or key.validate or not key.fields:
            raise wrong(
                name,
                f"has the key {key.name!r}, which has more or less than fields",
                "describe a key with numbers such as vm.u64(name) only",
            )
    return Tree(**shared, element=description, key=key, maximum=maximum, factory=factory)


def _is_plain_number(field: object) -> bool:
    return (
        isinstance(field, Scalar)
        and field.when is None
        and field.read is None
        and not field.equal
        and field.maximum is None
    )


def _exactly(
    shared: dict[str, Any],
    element: Element,
    count: int | tuple[int, int],
    start: int | None,
    null: bool,
) -> Array:
    """Return the array of a number of elements that never changes."""
    name = shared["name"]
    rows, columns = _shape(name, count, start)
    return Array(
        **shared,
        element=element,
        count=rows * (columns or 1),
        length=None,
        maximum=rows * (columns or 1),
        fixed=False,
        factory=None,
        start=start,
        columns=columns,
        null=_flag(name, "null", null),
    )


def _shape(name: str, count: object, start: int | None) -> tuple[int, int | None]:
    """Return rows and columns; the columns are None for a list that has no rows."""
    check_start(name, start)
    if not isinstance(count, tuple):
        check_positive(name, "count", count)
        assert isinstance(count, int)
        return count, None
    if len(count) != 2:
        raise wrong(name, f"has count {count!r}", "give a number, or (rows, columns)")
    for number in count:
        check_positive(name, "count", number)
    if start is not None:
        raise wrong(name, "has rows and start=", "declare the rows that travel as one array each")
    return count


def _flag(name: str, what: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, f"has {what}={value!r}", "give True or False")
    return value


def _check_simple(name: str, element: object, instead: str) -> None:
    if not isinstance(element, ScalarType | TimerType):
        raise wrong(
            name,
            f"has elements {element!r}",
            f"use a scalar such as vm.u8, or {instead} for objects",
        )


def _check_queue(name: str, element: Element, maximum: object, factory: object) -> None:
    check_positive(name, "maximum", maximum)
    check_callable(name, factory=factory)
    if isinstance(element, ScalarType):
        if factory is not None:
            raise wrong(name, "is a queue of numbers and has factory=", "leave it out")
        return
    if isinstance(element, TimerType):
        raise wrong(name, "is a queue of timers, which no load can make", "use vm.array")
    check_embedded(name, element)
    if factory is None:
        raise wrong(
            name, "is a queue of objects and has no factory=", "give one, such as the class"
        )
