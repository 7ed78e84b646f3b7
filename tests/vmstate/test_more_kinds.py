"""The kinds of field that depend on the object around them: their bytes, their way back, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError, StateError, StreamError
from tests.vmstate.generated import Halves, Plain, Tick, clone, plain, scribble

POINT = vm.Description("point", fields=[vm.u8("x")])
VERSIONED = vm.Description(
    "versioned", version=3, minimum_version=1, fields=[vm.u8("x"), vm.u8("y", since=3)]
)
SPAN = vm.Description("span", fields=[vm.u64("low"), vm.u64("high")])
HALVES = vm.Description(
    "halves",
    fields=[vm.u8("low"), vm.u8("high")],
    pre_save=Halves.split,
    post_load=Halves.join,
)


def point(x: int = 0) -> Plain:
    return Plain(x=x)


def halves(parent: Plain) -> Halves:
    return Halves(parent, "whole")


def tree(**rest: Any) -> vm.Field:
    return vm.tree("a", POINT, maximum=2, factory=point, **rest)


Case = tuple[list[vm.Field], Callable[[], Plain], str]
CASES: dict[str, Case] = {
    "part of a buffer": (
        [vm.buffer("a", 2, start=1)],
        lambda: Plain(a=bytearray(b"\1\2\3\4")),
        "0203",
    ),
    "part of bytes": ([vm.buffer("a", 2, start=0)], lambda: Plain(a=b"\1\2\3\4"), "0102"),
    "part of an array": (
        [vm.array("a", vm.u16, 2, start=2)],
        lambda: Plain(a=[1, 2, 3, 4, 5]),
        "00030004",
    ),
    "two parts of an array": (
        [vm.array("a", vm.u8, 1, start=3), vm.array("b", vm.u8, 2, start=0, attribute="a")],
        lambda: Plain(a=(1, 2, 3, 4)),
        "040102",
    ),
    "part of a struct_array": (
        [vm.struct_array("a", POINT, 1, start=1)],
        lambda: Plain(a=[point(1), point(2), point(3)]),
        "02",
    ),
    "buffer, length multiplied": (
        [vm.u8("n_kept"), vm.variable_buffer("a", length="n_kept", maximum=6, multiply=3)],
        lambda: Plain(n_kept=2, a=bytearray(b"\1\2\3\4\5\6")),
        "02010203040506",
    ),
    "array, length multiplied": (
        [vm.u32("n_kept"), vm.variable_array("a", vm.u16, length="n_kept", maximum=4, multiply=2)],
        lambda: Plain(n_kept=1, a=[1, 2]),
        "0000000100010002",
    ),
    "struct_array, length multiplied": (
        [
            vm.variable_struct_array(
                "a", POINT, length="n_kept", maximum=4, multiply=2, factory=point
            )
        ],
        lambda: Plain(n_kept=2, a=[point(number) for number in range(4)]),
        "00010203",
    ),
    "rows": ([vm.array("a", vm.u8, (2, 3))], lambda: Plain(a=[[1, 2, 3], [4, 5, 6]]), "010203040506"),
    "rows of bytearrays": (
        [vm.array("a", vm.u8, (2, 2))],
        lambda: Plain(a=(bytearray(b"\1\2"), bytearray(b"\3\4"))),
        "01020304",
    ),
    "rows of structs": (
        [vm.struct_array("a", POINT, (2, 1))],
        lambda: Plain(a=[[point(1)], [point(2)]]),
        "0102",
    ),
    "array of timers": (
        [vm.array("a", vm.timer, 2)],
        lambda: Plain(a=[Tick(1), Tick(None)]),
        "0000000000000001" + "ff" * 8,
    ),
    "variable array of timers": (
        [vm.variable_array("a", vm.timer, length="n_kept", maximum=2, fixed=True)],
        lambda: Plain(n_kept=1, a=[Tick(1), Tick(2)]),
        "0000000000000001",
    ),
    "pointers, one of them null": (
        [vm.array("a", vm.u16, 3, null=True)],
        lambda: Plain(a=[1, None, 3]),
        "0001" + "30" + "0003",
    ),
    "pointers to structs, one of them null": (
        [vm.struct_array("a", POINT, 3, null=True)],
        lambda: Plain(a=[None, point(0x30), point(3)]),
        "30" + "30" + "03",
    ),
    "pointers to timers, one of them null": (
        [vm.array("a", vm.timer, 2, null=True)],
        lambda: Plain(a=[None, Tick(5)]),
        "30" + "0000000000000005",
    ),
    "bitmap whose size is a field": (
        [vm.i32("n_kept"), vm.variable_bitmap("a", length="n_kept", maximum=128)],
        lambda: Plain(n_kept=65, a=1 << 64 | 2),
        "00000041" + "0000000000000002" + "0000000000000001",
    ),
    "bitmap of no bits": (
        [vm.variable_bitmap("a_kept", length="n_kept", maximum=128)],
        lambda: Plain(n_kept=0, a_kept=0),
        "",
    ),
    "tree": (
        [tree()],
        lambda: Plain(a={9: point(2), 3: point(1)}),
        "00000002" + "01" + "0000000000000003" + "01" + "01" + "0000000000000009" + "02" + "00",
    ),
    "empty tree": ([tree()], lambda: Plain(a={}), "0000000000"),
    "tree with a key of two numbers": (
        [tree(key=SPAN)],
        lambda: Plain(a={(1, 2): point(7)}),
        "00000001" + "01" + "0000000000000001" + "0000000000000002" + "07" + "00",
    ),
    "temporary": (
        [vm.u8("b"), vm.temporary("a", HALVES, factory=halves)],
        lambda: Plain(b=1, whole=0x1234),
        "01" + "34" + "12",
    ),
    "padding, size multiplied": (
        [vm.u8("n_kept"), vm.unused(2, length="n_kept", maximum=3)],
        lambda: Plain(n_kept=3),
        "03" + "00" * 6,
    ),
    "struct of its own version": (
        [vm.struct("a", VERSIONED, version=2)],
        lambda: Plain(a=Plain(x=1, y=0)),
        "01",
    ),
    "struct that is there": (
        [vm.struct("a", POINT, when="a is not None")],
        lambda: Plain(a=point(1)),
        "01",
    ),
    "struct that is not there": (
        [vm.struct("a", POINT, when="a is not None")],
        lambda: Plain(a=None),
        "",
    ),
    "bounded by a number": ([vm.bounded("a", vm.i32, maximum=5)], lambda: Plain(a=5), "00000005"),
    "bounded by an attribute": (
        [vm.bounded("a", vm.u8, maximum="n_kept")],
        lambda: Plain(a=3, n_kept=4),
        "03",
    ),
    "bounded by the live value": ([vm.bounded("a_kept", vm.i32)], lambda: Plain(a_kept=3), "00000003"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_kind_of_field_has_these_bytes(name: str) -> None:
    fields, make, expected = CASES[name]
    description, obj = vm.Description("dev", fields=fields), make()
    description.bind(obj)

    assert description.save(obj).hex() == expected
    assert description.pack(obj)[0].hex() == expected


@pytest.mark.parametrize("name", CASES)
def test_a_kind_of_field_comes_back(name: str) -> None:
    fields, make, expected = CASES[name]
    description = vm.Description("dev", fields=fields)
    target = scribble(make())

    description.load(target, bytes.fromhex(expected))

    assert description.save(target).hex() == expected


@pytest.mark.parametrize("name", CASES)
def test_a_refused_load_leaves_the_object_as_it_was(name: str) -> None:
    fields, make, expected = CASES[name]

    def refuse(obj: object, version: int) -> None:
        raise ValueError("no")

    strict = vm.Description("dev", fields=fields, post_load=refuse)
    target = scribble(make())
    before = plain(target)

    with pytest.raises(StreamError, match="was refused: no"):
        strict.load(target, bytes.fromhex(expected))

    assert plain(target) == before


@pytest.mark.parametrize("name", CASES)
def test_every_truncation_is_refused(name: str) -> None:
    fields, make, expected = CASES[name]
    description, obj = vm.Description("dev", fields=fields), make()
    before, data = plain(obj), bytes.fromhex(expected)

    for end in range(len(data)):
        with pytest.raises(StreamError, match="truncated"):
            description.load(obj, data[:end])
        assert plain(obj) == before


@pytest.mark.parametrize("type_", [vm.u8, vm.u16, vm.u32, vm.u64, vm.i8, vm.i16, vm.i32, vm.i64])
def test_a_length_is_an_integer_of_any_type(type_: vm.ScalarType) -> None:
    description = vm.Description(
        "dev", fields=[type_("n"), vm.variable_array("a", vm.u8, length="n", maximum=3)]
    )
    target = Plain(n=0, a=[])

    data = description.save(Plain(n=3, a=[1, 2, 3]))
    description.load(target, data)

    assert data == bytes(type_.size - 1) + b"\3\1\2\3"
    assert target.a == [1, 2, 3]


REFUSALS: dict[str, tuple[list[vm.Field], Callable[[], Plain], str, str]] = {
    "negative": ([vm.bounded("a", vm.i32)], lambda: Plain(a=5), "ffffffff", "a at byte 0: is -1, and may be 0 to 5 on this device"),
    "above the live value": ([vm.bounded("a", vm.i32)], lambda: Plain(a=5), "00000006", "a at byte 0: is 6, and may be 0 to 5 on this device"),
    "above the number": ([vm.bounded("a", vm.u8, maximum=2)], lambda: Plain(a=5), "03", "a at byte 0: is 3, and may be 0 to 2 on this device"),
    "above the attribute": ([vm.u8("n"), vm.bounded("a", vm.u8, maximum="n")], lambda: Plain(n=9, a=0), "0203", "a at byte 1: is 3, and may be 0 to 2 on this device"),
    "no null marker": ([vm.array("a", vm.u8, 2, null=True)], lambda: Plain(a=[None, 1]), "3100", "a[0] at byte 0: 0x31 is not 0x30, and this element is None on the device"),
    "length multiplied": ([vm.u8("n"), vm.variable_buffer("a", length="n", maximum=4, multiply=3)], lambda: Plain(n=1, a=bytearray(3)), "02", "a at byte 1: its length n is 2 times 3, and may be 0 to 4"),
    "more than counted": ([tree()], lambda: Plain(a={}), "0000000001", "a at byte 4: more than the 0 elements that were counted"),
    "fewer than counted": ([tree()], lambda: Plain(a={}), "0000000100", "a at byte 5: 0 elements, and 1 were counted"),
    "too many counted": ([tree()], lambda: Plain(a={}), "00000003", "a.key.count at byte 0: 3 elements, and there may be at most 2"),
    "a key twice": ([tree()], lambda: Plain(a={}), "00000002" + "01000000000000000505" * 2, "a[5] at byte 23: is there twice"),
    "a bit too many": ([vm.variable_bitmap("a", length="n", maximum=64)], lambda: Plain(n=2, a=0), "0000000000000004", "a at byte 0: has bit 2 set, and only 2 bits"),
    "a part that is not there": ([vm.boolean("b"), vm.struct("a", POINT, when="b")], lambda: Plain(a=None, b=False), "0105", "a at byte 1: is in the stream, and None on this device"),
    "an element that is not there": ([vm.struct_array("a", POINT, 1)], lambda: Plain(a=[None]), "05", "a[0] at byte 0: is in the stream, and None on this device"),
    "too short for the part": ([vm.array("a", vm.u8, 2, start=2)], lambda: Plain(a=[1, 2, 3]), "0102", "a at byte 2: 2 items, and there is room for 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused(name: str) -> None:
    fields, make, data, message = REFUSALS[name]
    description, obj = vm.Description("dev", fields=fields), make()
    before = plain(obj)

    with pytest.raises(StreamError) as caught:
        description.load(obj, bytes.fromhex(data))

    assert str(caught.value) == message
    assert plain(obj) == before


UNSAVABLE: dict[str, tuple[list[vm.Field], Callable[[], Plain], str]] = {
    "part": ([vm.array("a", vm.u8, 2, start=2)], lambda: Plain(a=[1, 2, 3]), "a: holds 3 items, and must hold at least 4, as declared"),
    "rows": ([vm.array("a", vm.u8, (2, 2))], lambda: Plain(a=[[1, 2]]), "a: holds 1 rows, and must hold 2, as declared"),
    "columns": ([vm.array("a", vm.u8, (1, 2))], lambda: Plain(a=[[1]]), "a: holds 1 columns, and must hold 2, as declared"),
    "null element": ([vm.array("a", vm.u8, 1)], lambda: Plain(a=[None]), "a[0]: holds None (NoneType), and u8 takes an int; assign int(...)"),
    "multiplied": ([vm.variable_buffer("a", length="n", maximum=4, multiply=3)], lambda: Plain(n=2, a=bytearray(6)), "a: its length n is 2 times 3, and may be 0 to 4; correct it, or raise maximum="),
    "list for a tree": ([tree()], lambda: Plain(a=[]), "a: holds list, and a tree is a dict"),
    "large tree": ([tree()], lambda: Plain(a={1: 1, 2: 1, 3: 1}), "a: holds 3 elements, and may hold 2; raise maximum="),
    "key": ([tree()], lambda: Plain(a={-1: point()}), "a.key: holds -0x1, and u64 takes 0x0 to 0xffffffffffffffff; mask it where it is assigned, or declare a wider field"),
    "key of one number": ([tree(key=SPAN)], lambda: Plain(a={1: point()}), "a: has the key 1, and a key is a tuple of 2 numbers"),
    "missing part": ([vm.struct("a", POINT)], lambda: Plain(a=None), "a: is None; say with when= when it travels"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_does_not_fit_cannot_be_saved(name: str) -> None:
    fields, make, message = UNSAVABLE[name]

    with pytest.raises(StateError) as caught:
        vm.Description("dev", fields=fields).save(make())

    assert str(caught.value) == message


def test_rows_that_nothing_can_be_put_into_are_named() -> None:
    description = vm.Description("dev", fields=[vm.array("a", vm.u8, (1, 1))])

    with pytest.raises(DescriptionError, match="holds tuple, which cannot be filled"):
        description.load(Plain(a=[(1,)]), b"\2")


def test_the_rest_of_a_part_stays() -> None:
    description = vm.Description("dev", fields=[vm.array("a", vm.u8, 2, start=1)])
    target = Plain(a=[9, 9, 9, 9])
    held = target.a

    description.load(target, b"\1\2")

    assert target.a is held
    assert held == [9, 1, 2, 9]


def test_what_is_none_stays_none() -> None:
    description = vm.Description("dev", fields=[vm.struct_array("a", POINT, 2, null=True)])
    target = Plain(a=[None, point(1)])

    description.load(target, b"\x30\5")

    assert target.a[0] is None
    assert target.a[1].x == 5


def test_a_list_of_objects_grows_and_keeps_the_objects_it_has() -> None:
    description = vm.Description(
        "dev",
        fields=[
            vm.u8("n"),
            vm.variable_struct_array("a", POINT, length="n", maximum=3, factory=point),
        ],
    )
    first = point(7)
    target = Plain(n=1, a=[first])

    description.load(target, b"\3\1\2\3")

    assert target.a[0] is first
    assert [item.x for item in target.a] == [1, 2, 3]


def test_a_length_of_many_objects_allocates_no_more_than_there_are_bytes() -> None:
    made: list[Plain] = []

    def make() -> Plain:
        made.append(point())
        return made[-1]

    description = vm.Description(
        "dev",
        fields=[
            vm.u32("n"),
            vm.variable_struct_array("a", POINT, length="n", maximum=1 << 20, factory=make),
        ],
    )

    with pytest.raises(StreamError, match="truncated"):
        description.load(Plain(n=0, a=[]), b"\0\x0f\0\0\1\2")

    assert len(made) <= 3


def test_every_byte_of_every_kind_has_a_name() -> None:
    named = {
        name: [
            (piece.path, piece.kind, piece.size)
            for piece in vm.Description("dev", fields=fields).fields_of(bytes.fromhex(expected))
        ]
        for name, (fields, _, expected) in CASES.items()
        if name in ("tree with a key of two numbers", "rows", "temporary", "part of an array")
    }

    assert named["rows"][4] == ("a[1][1]", "u8", 1)
    assert named["part of an array"] == [("a[2]", "u16", 2), ("a[3]", "u16", 2)]
    assert named["temporary"][1:] == [("a.low", "u8", 1), ("a.high", "u8", 1)]
    assert named["tree with a key of two numbers"] == [
        ("a.key.count", "count", 4),
        ("a.key.more[0]", "marker", 1),
        ("a.key[0].low", "u64", 8),
        ("a.key[0].high", "u64", 8),
        ("a[1,2].x", "u8", 1),
        ("a.key.more[1]", "marker", 1),
    ]


def test_which_elements_are_none_only_the_device_can_tell() -> None:
    description = vm.Description("dev", fields=[vm.array("a", vm.u8, 1, null=True)])

    with pytest.raises(StreamError, match="which of its elements are None cannot be told"):
        description.fields_of(b"\x30")


def test_names_of_the_kinds_are_known() -> None:
    description = vm.Description(
        "dev",
        fields=[
            tree(key=SPAN),
            vm.array("rows", vm.u16, (2, 2)),
            vm.array("ticks", vm.timer, 2),
            vm.temporary("halves", HALVES, factory=halves),
        ],
    )

    assert description.attributes == {
        "a[].x": "a[].x",
        "rows[][]": "rows[][]",
        "ticks[]": "ticks[]",
    }
    assert description.width("rows[1][0]") == 2
    assert description.width("ticks[1]") == 8
    assert description.width("a.key[0].low") == 8
    assert description.width("halves.low") == 1
    assert (description.declared("halves.low") or "").startswith("tests/vmstate/test_more_kinds.py:")


def test_rules_of_what_is_not_there_are_not_asked() -> None:
    strict = vm.Description(
        "strict", fields=[vm.u8("x")], validate=[vm.Validate("x is even", "x & 1 == 0")]
    )
    description = vm.Description(
        "dev",
        fields=[
            vm.struct("part", strict, when="part is not None"),
            vm.struct_array("some", strict, 2, null=True),
            vm.struct_array("rows", strict, (1, 1)),
            vm.tree("tree", strict, maximum=1, factory=point),
        ],
    )

    def broken(**parts: Any) -> str | None:
        even: dict[str, Any] = {"part": None, "some": [None, None], "rows": [[point()]], "tree": {}}
        return description.broken(Plain(**(even | parts)))

    assert broken() is None
    assert broken(part=point(1)) == "x is even"
    assert broken(some=[None, point(1)]) == "x is even"
    assert broken(rows=[[point(1)]]) == "x is even"
    assert broken(tree={1: point(1)}) == "x is even"


def test_a_copy_of_the_object_is_what_is_compared() -> None:
    """The cases above change what they load into, so each makes its own."""
    for _, make, _ in CASES.values():
        assert plain(clone(make())) == plain(make())
