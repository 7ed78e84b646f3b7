"""The bytes of each kind of field, as QEMU writes them."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import StreamError
from tests.vmstate.generated import Plain, Tick, plain, scribble

POINT = vm.Description("point", fields=[vm.u8("x"), vm.u16("y")])


def point(x: int = 0, y: int = 0) -> Plain:
    return Plain(x=x, y=y)


CASES: dict[str, tuple[list[vm.Field], Any, str]] = {
    "u8": ([vm.u8("a")], 0xFE, "fe"),
    "u16": ([vm.u16("a")], 0x1234, "1234"),
    "u32": ([vm.u32("a")], 0x12345678, "12345678"),
    "u64": ([vm.u64("a")], 0x123456789ABCDEF0, "123456789abcdef0"),
    "i8": ([vm.i8("a")], -2, "fe"),
    "i16": ([vm.i16("a")], -2, "fffe"),
    "i32": ([vm.i32("a")], -2, "fffffffe"),
    "i64": ([vm.i64("a")], -2, "fffffffffffffffe"),
    "boolean": ([vm.boolean("a")], True, "01"),
    "f64": ([vm.f64("a")], 1.5, "3ff8000000000000"),
    "buffer": ([vm.buffer("a", 3)], bytearray(b"\1\2\3"), "010203"),
    "buffer of bytes": ([vm.buffer("a", 3)], b"\1\2\3", "010203"),
    "array": ([vm.array("a", vm.u16, 2)], [1, 2], "00010002"),
    "array of booleans": ([vm.array("a", vm.boolean, 2)], [True, False], "0100"),
    "array in a bytearray": ([vm.array("a", vm.u8, 2)], bytearray(b"\1\2"), "0102"),
    "struct": ([vm.struct("a", POINT)], point(1, 2), "010002"),
    "struct_array": ([vm.struct_array("a", POINT, 2)], [point(1, 2), point(3, 4)], "010002030004"),
    "bitmap, low word first": (
        [vm.bitmap("a", 65)],
        1 << 64 | 2,
        "00000000000000020000000000000001",
    ),
    "timer": ([vm.timer("a")], Tick(0x1234), "0000000000001234"),
    "timer, not armed": ([vm.timer("a")], Tick(None), "ff" * 8),
    "queue": ([vm.queue("a", vm.u16, maximum=4)], deque([1, 2]), "0000000200010002"),
    "empty queue": ([vm.queue("a", vm.u16, maximum=4)], [], "00000000"),
    "queue of objects": (
        [vm.queue("a", POINT, maximum=4, factory=point)],
        deque([point(1, 2)]),
        "00000001010002",
    ),
    "linked_queue": ([vm.linked_queue("a", vm.u16, maximum=4)], [1, 2], "01000101000200"),
    "linked_queue of objects": (
        [vm.linked_queue("a", POINT, maximum=4, factory=point)],
        [point(1, 2)],
        "0101000200",
    ),
    "equal": ([vm.equal("a", vm.u16)], 7, "0007"),
    "unused": ([vm.u8("a"), vm.unused(2), vm.unused(1)], 7, "07000000"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_kind_of_field_has_these_bytes(name: str) -> None:
    fields, value, expected = CASES[name]

    assert vm.Description("dev", fields=fields).save(Plain(a=value)).hex() == expected


@pytest.mark.parametrize("name", [name for name in CASES if name != "equal"])
def test_a_kind_of_field_comes_back(name: str) -> None:
    fields, value, expected = CASES[name]
    description, obj = vm.Description("dev", fields=fields), Plain(a=value)
    target = scribble(obj)

    description.load(target, bytes.fromhex(expected))

    assert plain(target) == plain(obj)


@pytest.mark.parametrize("name", CASES)
def test_every_truncation_is_refused_with_path_and_offset(name: str) -> None:
    fields, value, expected = CASES[name]
    description, obj = vm.Description("dev", fields=fields), Plain(a=value)
    data, before = bytes.fromhex(expected), plain(obj)

    for end in range(len(data)):
        with pytest.raises(StreamError, match="truncated") as caught:
            description.load(obj, data[:end])
        assert caught.value.path.startswith(("a", "(unused)"))
        assert caught.value.offset <= end
        assert plain(obj) == before


@pytest.mark.parametrize("name", CASES)
def test_bytes_too_many_are_refused(name: str) -> None:
    fields, value, expected = CASES[name]

    with pytest.raises(StreamError, match="1 bytes too many"):
        vm.Description("dev", fields=fields).load(Plain(a=value), bytes.fromhex(expected) + b"\0")


def test_a_subsection_has_a_header_and_stands_behind_the_fields() -> None:
    description = vm.Description(
        "dev",
        fields=[vm.u8("a")],
        subsections=[
            vm.Description("dev/b", version=2, fields=[vm.u8("b")], needed=lambda o: o.b > 0)
        ],
    )

    assert description.save(Plain(a=1, b=0)) == b"\1"
    assert description.save(Plain(a=1, b=9)) == b"\1" + b"\5\5dev/b\0\0\0\2" + b"\t"


def test_subsections_nest() -> None:
    inner = vm.Description("dev/b/c", fields=[vm.u8("c")], needed=lambda o: True)
    outer = vm.Description("dev/b", fields=[vm.u8("b")], subsections=[inner], needed=lambda o: True)
    description = vm.Description("dev", fields=[vm.u8("a")], subsections=[outer])

    data = description.save(Plain(a=1, b=2, c=3))

    assert data == b"\1\5\5dev/b\0\0\0\1\2\5\7dev/b/c\0\0\0\1\3"
    target = Plain(a=0, b=0, c=0)
    description.load(target, data)
    assert vars(target) == {"a": 1, "b": 2, "c": 3}


def test_an_embedded_description_writes_its_own_subsections() -> None:
    part = vm.Description(
        "part",
        fields=[vm.u8("x")],
        subsections=[vm.Description("part/y", fields=[vm.u8("y")], needed=lambda o: o.y > 0)],
    )
    description = vm.Description("dev", fields=[vm.struct("part", part), vm.u8("z")])
    obj = Plain(part=Plain(x=1, y=2), z=3)

    data = description.save(obj)

    assert data == b"\1\5\6part/y\0\0\0\1\2\3"
    target = scribble(obj)
    description.load(target, data)
    assert plain(target) == plain(obj)


def test_accessors_stand_between_the_attribute_and_the_wire() -> None:
    field = vm.u8(
        "wire",
        attribute="a",
        read=lambda o: o.a + 1,
        write=lambda o, value: setattr(o, "a", value - 1),
    )
    description, obj = vm.Description("dev", fields=[field]), Plain(a=4)

    assert description.save(obj) == b"\5"
    description.load(obj, b"\x09")
    assert obj.a == 8
    assert description.attributes == {"a": "wire"}


def test_variable_fields_travel_as_far_as_their_length_says() -> None:
    description = vm.Description(
        "dev",
        fields=[
            vm.u8("n"),
            vm.variable_buffer("data", length="n", maximum=8),
            vm.variable_array("words", vm.u16, length="n", maximum=8),
            vm.variable_struct_array("points", POINT, length="n", maximum=8, factory=point),
        ],
    )
    obj = Plain(n=1, data=bytearray(b"\1"), words=[2], points=[point(3, 4)])
    target = Plain(n=0, data=bytearray(), words=[], points=[])
    data, words, points = target.data, target.words, target.points

    saved = description.save(obj)
    description.load(target, saved)

    assert saved.hex() == "01010002030004"
    assert plain(target) == plain(obj)
    assert target.data is data
    assert target.words is words
    assert target.points is points


def test_with_fixed_the_rest_of_the_container_stays() -> None:
    description = vm.Description(
        "dev",
        fields=[
            vm.u8("n"),
            vm.variable_buffer("data", length="n", maximum=4, fixed=True),
            vm.variable_array("words", vm.u16, length="n", maximum=4, fixed=True),
        ],
    )
    target = Plain(n=0, data=bytearray(b"abcd"), words=[5, 6, 7, 8])

    description.load(target, bytes.fromhex("02010200090008"))

    assert target.data == b"\1\2cd"
    assert target.words == [9, 8, 7, 8]
    assert description.save(target) == bytes.fromhex("02010200090008")


@pytest.mark.parametrize(
    ("fields", "value", "data", "path", "problem"),
    [
        ([vm.boolean("a")], False, "02", "a", "0x2 is neither false (0) nor true (1)"),
        ([vm.array("a", vm.boolean, 2)], [False] * 2, "0102", "a[1]", "0x2 is neither false (0) nor true (1)"),
        ([vm.equal("a", vm.u16)], 7, "0008", "a", "is 8, and must be 7 as on this device"),
        ([vm.equal("a", vm.boolean)], False, "02", "a", "0x2 is neither false (0) nor true (1)"),
        ([vm.bitmap("a", 3)], 0, "0000000000000008", "a", "has bit 3 set, and only 3 bits"),
        ([vm.queue("a", vm.u8, maximum=1)], [], "000000020102", "a.count", "2 elements, and there may be at most 1"),
        ([vm.linked_queue("a", vm.u8, maximum=1)], [], "0101010200", "a", "more than 1 elements"),
        ([vm.linked_queue("a", vm.u8, maximum=1)], [], "02", "a.more[0]", "0x2 is neither an element (1) nor the end (0)"),
        ([vm.queue("a", vm.u8, maximum=3)], deque(maxlen=1), "000000020102", "a", "2 items, and there is room for 1"),
        ([vm.u8("n"), vm.variable_buffer("a", length="n", maximum=2)], bytearray(), "03010203", "a", "its length n is 3, and may be 0 to 2"),
        ([vm.i8("n"), vm.variable_buffer("a", length="n", maximum=2)], bytearray(), "ff", "a", "its length n is -1, and may be 0 to 2"),
        ([vm.u8("n"), vm.variable_buffer("a", length="n", maximum=2, fixed=True)], bytearray(1), "020102", "a", "2 items, and there is room for 1"),
    ],
)  # fmt: skip
def test_bytes_that_cannot_be_are_refused(
    fields: list[vm.Field], value: Any, data: str, path: str, problem: str
) -> None:
    obj = Plain(a=value, n=0)
    before = plain(obj)

    with pytest.raises(StreamError) as caught:
        vm.Description("dev", fields=fields).load(obj, bytes.fromhex(data))

    assert (caught.value.path, caught.value.problem) == (path, problem)
    assert plain(obj) == before


def test_a_length_is_refused_before_anything_is_allocated_for_it() -> None:
    made: list[Plain] = []

    def make() -> Plain:
        made.append(point())
        return made[-1]

    description = vm.Description(
        "dev", fields=[vm.queue("a", POINT, maximum=1 << 31, factory=make)]
    )

    with pytest.raises(StreamError, match=r"a\[0\].x at byte 4: .*truncated"):
        description.load(Plain(a=[]), b"\x7f\xff\xff\xff")
    assert len(made) <= 1
