"""A description against an instance: what is missing or cannot carry its field."""

from __future__ import annotations

from array import array
from collections import deque
from signal import Signals
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError
from tests.vmstate.generated import Plain, Tick

POINT = vm.Description("point", fields=[vm.u8("x")], unsaved={"seen": "a cache"})


def point(**rest: Any) -> Plain:
    return Plain(x=1, seen=0, **rest)


def bound(field: vm.Field, **attributes: Any) -> None:
    vm.Description("dev", fields=[field]).bind(Plain(**attributes))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (vm.u8("lsr"), 0, "Plain.lsr: Plain has no attribute 'lsr'; assign it in __init__, or correct attribute="),
        (vm.u8("devider"), 0, "Plain.devider: Plain has no attribute 'devider'; did you mean 'divider'?"),
        (vm.u8("a"), None, "Plain.a: holds None, which cannot carry u8; assign an int, in __init__ already"),
        (vm.u8("a"), 1.5, "Plain.a: holds a float, which cannot carry u8; assign an int, in __init__ already"),
        (vm.u8("a"), False, "Plain.a: holds a bool, and u8 loads an int; use vm.boolean, or assign 0 or 1"),
        (vm.boolean("a"), 0, "Plain.a: holds an int, which cannot carry a boolean; assign True or False, or use vm.u8"),
        (vm.f64("a"), "x", "Plain.a: holds a str, which cannot carry an f64; assign a float"),
        (vm.buffer("a", 4), bytearray(3), "Plain.a: holds 3 bytes, and 4 are declared; make the two agree"),
        (vm.buffer("a", 4), [0] * 4, "Plain.a: holds a list, which cannot carry a buffer; assign a bytearray"),
        (vm.array("a", vm.u8, 2), [1], "Plain.a: holds 1 elements, and 2 are declared; make the two agree"),
        (vm.array("a", vm.u8, 2), {1, 2}, "Plain.a: holds a set, which cannot carry an array; assign a list"),
        (vm.array("a", vm.u8, 2), [1, None], "Plain.a[1]: holds None, which cannot carry u8; assign an int, in __init__ already"),
        (vm.struct("a", POINT), None, "Plain.a: holds None, and a struct is an object with attributes; assign an object"),
        (vm.struct("a", POINT), Plain(y=1), "Plain.a.x: the Plain in a has no attribute 'x'; assign it in __init__, or correct attribute="),
        (vm.struct("a", POINT), Plain(x=1), "Plain.a.seen: the Plain in a has no attribute 'seen'; remove it from unsaved, or correct the name"),
        (vm.struct_array("a", POINT, 1), [3], "Plain.a[0]: holds an int, and a struct is an object with attributes; assign an object"),
        (vm.bitmap("a", 4), [], "Plain.a: holds a list, which cannot carry a bitmap; assign an int"),
        (vm.timer("a"), 7, "Plain.a: holds an int, and a timer has a deadline; assign self.clock.timer(...), or anything with a deadline"),
        (vm.queue("a", vm.u8, maximum=2), (), "Plain.a: holds a tuple, which cannot carry a queue; assign a list or deque"),
        (vm.queue("a", vm.u8, maximum=2), deque(maxlen=1), "Plain.a: is a deque of at most 1, and maximum is 2; make the two agree"),
        (vm.queue("a", POINT, maximum=2, factory=Plain), [], "Plain.a[].x: the Plain in a[] has no attribute 'x'; assign it in __init__, or correct attribute="),
        (vm.variable_buffer("a", length="size", maximum=2), bytearray(), "Plain.a: Plain has no attribute 'size'; name the attribute that holds the length"),
        (vm.variable_buffer("a", length="divider", maximum=2), bytearray(), "Plain.a: has the length 'divider', which holds a str; a length is an int"),
        (vm.buffer("a", 2, start=3), bytearray(4), "Plain.a: holds 4 bytes, and 3 to 4 are declared; make the two agree"),
        (vm.array("a", vm.u8, (2, 2)), [[1, 2]], "Plain.a: holds 1 rows, and 2 are declared; make the two agree"),
        (vm.array("a", vm.u8, (1, 2)), [[1]], "Plain.a[0]: holds 1 elements, and 2 are declared; make the two agree"),
        (vm.array("a", vm.u8, (1, 2)), [3], "Plain.a[0]: holds an int, which cannot carry a row; assign a list of lists"),
        (vm.array("a", vm.timer, 1), [7], "Plain.a[0]: holds an int, and a timer has a deadline; assign self.clock.timer(...), or anything with a deadline"),
        (vm.struct_array("a", POINT, 1), [None], "Plain.a[0]: holds None, and a struct is an object with attributes; assign an object"),
        (vm.struct("a", POINT, when="a is None"), None, "Plain.a: holds None, and a struct is an object with attributes; assign an object"),
        (vm.bounded("a", vm.u8, maximum="divider"), 1, "Plain.a: has the maximum 'divider', which holds a str; a maximum is an int"),
        (vm.f64("a"), 1, "Plain.a: holds an int, and f64 loads a float; assign a float, such as 0.0"),
        (vm.u8("a"), Signals.SIGINT, "Plain.a: holds a Signals, and u8 loads a plain int; put it behind read= and write=, or assign an int"),
        (vm.bounded("a", vm.u8, maximum="most"), 1, "Plain.a: Plain has no attribute 'most'; name the attribute that holds the maximum"),
        (vm.variable_bitmap("a", length="divider", maximum=2), 1, "Plain.a: has the length 'divider', which holds a str; a length is an int"),
        (vm.unused(2, length="gone", maximum=2), 1, "Plain.(unused): Plain has no attribute 'gone'; name the attribute that holds the length"),
        (vm.tree("a", POINT, maximum=2, factory=Plain), [], "Plain.a: holds a list, which cannot carry a tree; assign a dict"),
        (vm.tree("a", POINT, maximum=2, factory=point), {"x": point()}, "Plain.a: has the key 'x', and a key is an int; correct the key"),
        (vm.tree("a", POINT, maximum=2, factory=point, key=vm.Description("k", fields=[vm.u8("b")])), {1: point()}, "Plain.a: has the key 1, and a key is a tuple of 1 numbers; correct the key"),
        (vm.tree("a", POINT, maximum=2, factory=Plain), {}, "Plain.a[].x: the Plain in a[] has no attribute 'x'; assign it in __init__, or correct attribute="),
        (vm.temporary("a", POINT, factory=lambda o: None), 1, "Plain.a: holds None, and a struct is an object with attributes; assign an object"),
        (vm.temporary("a", POINT, factory=lambda o: Plain()), 1, "Plain.a.x: the Plain in a has no attribute 'x'; assign it in __init__, or correct attribute="),
        (vm.u8("w", attribute="gone", read=lambda o: 1, write=lambda o, v: None), 0, "Plain.w: Plain has no attribute 'gone'; assign it in __init__, or correct attribute="),
    ],
)  # fmt: skip
def test_what_cannot_carry_its_field_is_named_with_its_cure(
    field: vm.Field, value: Any, message: str
) -> None:
    with pytest.raises(DescriptionError) as caught:
        bound(field, a=value, divider="x")

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (vm.u8("a"), 3),
        (vm.boolean("a"), True),
        (vm.f64("a"), 1.0),
        (vm.buffer("a", 2), b"ab"),
        (vm.array("a", vm.u16, 2), array("H", [1, 2])),
        (vm.struct("a", POINT), point()),
        (vm.timer("a"), Tick(None)),
        (vm.queue("a", POINT, maximum=2, factory=point), deque()),
        (vm.variable_array("a", vm.u8, length="n", maximum=4), [1]),
        (vm.unused(3), None),
        (vm.buffer("a", 2, start=2), bytearray(9)),
        (vm.array("a", vm.u8, (1, 2)), [(1, 2)]),
        (vm.array("a", vm.timer, 2, null=True), [Tick(None), None]),
        (vm.struct("a", POINT, when="a is not None"), None),
        (vm.tree("a", POINT, maximum=2, factory=point), {3: point()}),
        (vm.unused(3, length="n", maximum=2), None),
    ],
)
def test_what_fits_is_taken(field: vm.Field, value: Any) -> None:
    bound(field, a=value, n=1)


def test_unsaved_names_are_checked_too() -> None:
    description = vm.Description("dev", unsaved={"cache": "derived"})

    with pytest.raises(
        DescriptionError,
        match=r"Plain\.cache: Plain has no attribute 'cache'; did you mean 'caches'",
    ):
        description.bind(Plain(caches=1))


def test_the_whole_state_has_no_needed() -> None:
    with pytest.raises(DescriptionError, match="is the whole state and has needed="):
        vm.Description("dev", needed=lambda o: True).bind(Plain())


def test_a_class_is_checked_once() -> None:
    description = vm.Description("dev", fields=[vm.u8("a")])
    description.bind(Plain(a=1))

    description.bind(Plain(a=None))  # of the same class, so taken to be alike


def test_slots_are_attributes() -> None:
    class Slotted:
        __slots__ = ("a", "b")

        def __init__(self) -> None:
            self.a = 1
            self.b = 2

    description = vm.Description("dev", fields=[vm.u8("a"), vm.u8("bb")])

    with pytest.raises(DescriptionError, match="did you mean 'b'"):
        description.bind(Slotted())
