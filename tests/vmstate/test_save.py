"""Values that their fields cannot hold are errors, and never wrap."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import StateError
from tests.vmstate.generated import Plain, Tick

POINT = vm.Description("point", fields=[vm.u8("x")])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (vm.u8("a"), 256, "a: holds 0x100, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.u8("a"), -1, "a: holds -0x1, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.i8("a"), 128, "a: holds 0x80, and i8 takes -0x80 to 0x7f; mask it where it is assigned, or declare a wider field"),
        (vm.u8("a"), 1.0, "a: holds 1.0 (float), and u8 takes an int; assign int(...)"),
        (vm.u8("a"), None, "a: holds None (NoneType), and u8 takes an int; assign int(...)"),
        (vm.boolean("a"), 1, "a: holds 1, and a boolean is True or False; assign bool(...)"),
        (vm.f64("a"), "1", "a: holds '1', and f64 takes a float; assign float(...)"),
        (vm.f64("a"), 2**53 + 1, "a: holds 9007199254740993, which f64 cannot hold exactly; use vm.i64 or vm.u64"),
        (vm.buffer("a", 4), bytearray(3), "a: holds 3 items, and must hold 4, as declared"),
        (vm.buffer("a", 4), [0] * 4, "a: holds list, and a buffer is a bytearray or bytes"),
        (vm.array("a", vm.u8, 2), [1, 2, 3], "a: holds 3 items, and must hold 2, as declared"),
        (vm.array("a", vm.u8, 2), [1, 256], "a[1]: holds 0x100, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.array("a", vm.boolean, 2), [True, 1], "a[1]: holds 1, and a boolean is True or False; assign bool(...)"),
        (vm.array("a", vm.u8, 2), 7, "a: holds int, and an array is a list"),
        (vm.struct("a", POINT), Plain(x=256), "a.x: holds 0x100, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.struct("a", POINT), None, "a: is None; say with when= when it travels"),
        (vm.struct_array("a", POINT, 2), [Plain(x=1), Plain(x=-1)], "a[1].x: holds -0x1, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.bitmap("a", 3), 8, "a: holds 0x8, and has 3 bits; mask it where it is assigned"),
        (vm.bitmap("a", 3), -1, "a: holds -0x1, and has 3 bits; mask it where it is assigned"),
        (vm.bitmap("a", 3), True, "a: holds True, and a bitmap is an int"),
        (vm.timer("a"), Tick(-1), "a: its deadline is -1, which means not armed on the wire; use None for that"),
        (vm.timer("a"), Tick(1 << 63), "a: its deadline is 9223372036854775808, and must be a time in ns, or None"),
        (vm.timer("a"), 7, "a: holds 7, and a timer is an object with a deadline"),
        (vm.queue("a", vm.u8, maximum=1), [1, 2], "a: holds 2 elements, and may hold 1; raise maximum=, or bound the queue"),
        (vm.queue("a", vm.u8, maximum=1), 5, "a: holds int, and a queue is a list or deque"),
        (vm.linked_queue("a", vm.u8, maximum=1), [300], "a[0]: holds 0x12c, and u8 takes 0x0 to 0xff; mask it where it is assigned, or declare a wider field"),
        (vm.u8("b"), 0, "b: Plain has no attribute 'b'; assign it in __init__"),
        (vm.variable_buffer("a", length="n", maximum=4), bytearray(3), "a: holds 3 items, and must hold 2, as n says"),
        (vm.variable_buffer("a", length="n", maximum=4, fixed=True), bytearray(1), "a: holds 1 items, and must hold at least 2, as n says"),
        (vm.variable_buffer("a", length="n", maximum=1), bytearray(2), "a: its length n is 2, and may be 0 to 1; correct it, or raise maximum="),
        (vm.variable_array("a", vm.u8, length="x", maximum=4), [1], "a: its length x is True; it must be an int"),
        (vm.variable_array("a", vm.u8, length="m", maximum=4), [1], "a: its length 'm' is no attribute; assign it in __init__"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error(field: vm.Field, value: Any, message: str) -> None:
    obj = Plain(a=value, n=2, x=True)
    description = vm.Description("dev", fields=[field])

    for save in (description.save, description.pack):
        with pytest.raises(StateError) as caught:
            save(obj)
        assert str(caught.value) == message


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (vm.u8("a"), True, "01"),
        (vm.u8("a"), Colour.RED, "03"),
        (vm.f64("a"), 2, "4000000000000000"),
        (vm.buffer("a", 2), memoryview(b"\1\2"), "0102"),
        (vm.bitmap("a", 8), Colour.RED, "0000000000000003"),
    ],
)
def test_what_fits_exactly_is_taken(field: vm.Field, value: Any, expected: str) -> None:
    description = vm.Description("dev", fields=[field])

    assert description.save(Plain(a=value)).hex() == expected
    assert description.pack(Plain(a=value))[0].hex() == expected


def test_pre_save_runs_before_the_fields_are_read() -> None:
    inner = vm.Description("in", fields=[vm.u8("y")], pre_save=lambda o: setattr(o, "y", 2))
    description = vm.Description(
        "dev",
        fields=[vm.u8("x"), vm.struct("part", inner)],
        pre_save=lambda o: setattr(o, "x", 1),
    )

    assert description.save(Plain(x=0, part=Plain(y=0))) == b"\1\2"


def test_what_a_hook_raises_passes_unchanged() -> None:
    def fail(obj: Plain) -> bool:
        raise KeyError("mine")

    for description in (
        vm.Description("dev", fields=[vm.u8("x")], pre_save=fail),
        vm.Description("dev", fields=[vm.u8("x", when=fail)]),
        vm.Description(
            "dev",
            fields=[vm.u8("x")],
            subsections=[vm.Description("dev/a", needed=fail)],
        ),
        vm.Description("dev", fields=[vm.u8("x", read=fail, write=lambda o, v: None)]),
    ):
        with pytest.raises(KeyError, match="mine"):
            description.save(Plain(x=0))


def test_a_length_behind_accessors_is_the_number_that_travels() -> None:
    description = vm.Description(
        "dev",
        fields=[
            vm.u8("n", read=lambda o: len(o.data), write=lambda o, v: None),
            vm.variable_buffer("data", length="n", maximum=4),
        ],
    )
    obj = Plain(data=bytearray(b"ab"))

    assert description.save(obj) == b"\2ab"
    description.load(obj, b"\1c")
    assert obj.data == b"c"
