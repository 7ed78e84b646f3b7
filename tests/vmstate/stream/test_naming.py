"""Every byte of a device section has a name and a type, as the stream's own description says."""

from __future__ import annotations

from typing import Any

import pytest

from stressor.errors import StreamError
from stressor.vmstate.stream.layout import pack_fields
from stressor.vmstate.wire import NamedField
from tests.vmstate.stream.samples import STORED, field, parsed, read, small


def named(body: bytes, *fields: dict[str, Any], **more: Any) -> list[tuple[str, str, int, Any]]:
    """Return (path, kind, size, value) of the fields of one device."""
    found = read(small(body, *fields, **more)).sections[0].fields()
    assert pack_fields(found) == body
    return [(one.path, one.kind, one.size, one.value) for one in found]


def nested(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    """Describe a structure of one byte."""
    return field(name, "struct", 1, struct={"fields": fields})


BYTE = field("x", "uint8", 1)


def values(body: bytes, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        path.removeprefix("dev/0."): value for path, _, _, value in named(body, *fields, **more)
    }


@pytest.mark.parametrize("name", STORED)
def test_the_fields_of_a_real_section_tile_it(name: str) -> None:
    for section in parsed(name).sections:
        place = section.body
        for one in section.fields():
            assert one.offset == place
            assert one.size > 0
            place += one.size
        assert place == section.body + len(section.data)


@pytest.mark.parametrize("name", STORED)
def test_every_path_of_a_real_section_is_its_own(name: str) -> None:
    for section in parsed(name).sections:
        paths = [one.path for one in section.fields()]
        assert len(set(paths)) == len(paths)
        assert all(path.startswith(f"{section.label}.") for path in paths)


@pytest.mark.parametrize("name", STORED)
def test_the_values_of_a_real_section_make_its_bytes_again(name: str) -> None:
    for section in parsed(name).sections:
        assert pack_fields(section.fields()) == section.data


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        ("uint8", b"\xfe", 0xFE),
        ("uint16", b"\x12\x34", 0x1234),
        ("uint32", b"\xff\0\0\1", 0xFF000001),
        ("uint64", b"\xff" + bytes(7), 0xFF << 56),
        ("int8", b"\xfe", -2),
        ("int16", b"\xff\xfe", -2),
        ("int32", b"\xff\xff\xff\xfe", -2),
        ("int64", b"\xff" * 8, -1),
        ("int32 equal", b"\0\0\0\7", 7),
        ("uint8 equal", b"\7", 7),
        ("int32 le", b"\0\0\0\7", 7),
        ("bool", b"\1", True),
        ("bool", b"\0", False),
        ("bool", b"\2", 2),
        ("timer", b"\0" * 7 + b"\5", 5),
        ("timer", b"\xff" * 8, None),
        ("buffer", b"abc", b"abc"),
        ("unused_buffer", b"\0\0", b"\0\0"),
        ("bitmap", bytes(8), bytes(8)),
        ("nullptr", b"0", b"0"),
        ("virtio", b"whatever", b"whatever"),
        ("uint32", b"odd", b"odd"),
    ],
)
def test_a_value_has_the_type_that_is_described(kind: str, data: bytes, value: object) -> None:
    assert named(data, field("a", kind, len(data))) == [("dev/0.a", kind, len(data), value)]


def test_arrays_and_structures_nest() -> None:
    point = {"fields": [field("x", "uint8", 1), field("y", "uint8", 1, array_len=2)]}
    fields = [
        field("one", "struct", 3, struct=point),
        field("many", "struct", 3, array_len=2, struct=point),
        field("words", "uint16", 2, array_len=2),
        field("odd", "strange", 2, array_len=2),
    ]

    assert values(bytes(range(9)) + b"\0\1\0\2abcd", *fields) == {
        "one.x": 0,
        "one.y[0]": 1,
        "one.y[1]": 2,
        "many[0].x": 3,
        "many[0].y[0]": 4,
        "many[0].y[1]": 5,
        "many[1].x": 6,
        "many[1].y[0]": 7,
        "many[1].y[1]": 8,
        "words[0]": 1,
        "words[1]": 2,
        "odd[0]": b"ab",
        "odd[1]": b"cd",
    }


def test_subsections_have_a_header_that_has_a_name_too() -> None:
    body = b"\1\5\5dev/s\0\0\0\7\2\5\7dev/s/t\0\0\0\1\3"
    inner = {"vmsd_name": "dev/s/t", "version": 1, "fields": [field("c", "uint8", 1)]}
    outer = {"vmsd_name": "dev/s", "fields": [field("b", "uint8", 1)], "subsections": [inner]}

    assert values(body, field("a", "uint8", 1), subsections=[outer]) == {
        "a": 1,
        "(dev/s)": 7,
        "b": 2,
        "(dev/s/t)": 1,
        "c": 3,
    }


def test_elements_in_an_array_may_have_subsections() -> None:
    part = b"\5\3d/s\0\0\0"
    inner = {"vmsd_name": "d", "subsections": [{"vmsd_name": "d/s", "fields": []}]}
    body = part + b"\1" + part + b"\2"

    assert values(body, field("a", "struct", 9, array_len=2, struct=inner)) == {
        "a[0].(d/s)": 1,
        "a[1].(d/s)": 2,
    }


def test_elements_by_index_are_elements() -> None:
    fields = [field("a", "uint8", 1, index=0), field("a", "uint8", 1, index=1)]

    assert values(b"\1\2", *fields) == {"a[0]": 1, "a[1]": 2}


def test_an_array_in_pieces_is_numbered_throughout() -> None:
    fields = [
        field("a", "uint8", 1, array_len=2),
        field("a", "nullptr", 1),
        field("a", "uint8", 1, index=3),
        field("a", "uint8", 1),
    ]

    assert list(values(b"\1\2" + b"0" + b"\4\5", *fields)) == [
        "a[0]",
        "a[1]",
        "a[2]",
        "a[3]",
        "a[4]",
    ]


def test_the_elements_of_a_linked_list_are_taken_apart() -> None:
    queue = field("q", "qtailq", 5, vmsd_name="e", version=1, fields=[field("x", "uint8", 1)])

    assert values(b"\1\x07\1\x08\0", queue) == {
        "q.more[0]": 1,
        "q[0].x": 7,
        "q.more[1]": 1,
        "q[1].x": 8,
        "q.more[2]": 0,
    }
    assert values(b"\1\x07\2\x08\0", queue) == {"q": b"\1\x07\2\x08\0"}


def test_a_value_that_is_written_by_way_of_another_has_the_other_ones_fields() -> None:
    way = field("tmp", "tmp", 3, fields=[field("x", "uint8", 1), field("y", "uint16", 2)])

    assert values(b"\1\0\2", way) == {"tmp.x": 1, "tmp.y": 2}


def test_a_structure_of_another_size_than_its_fields_is_one_field() -> None:
    odd = field("a", "struct", 3, struct={"fields": [field("x", "uint8", 1)]})

    assert values(b"abc", odd) == {"a": b"abc"}


def test_neighbours_of_one_shape_are_looked_at_one_by_one() -> None:
    inner = {"fields": [field("x", "uint8", 1)]}
    fields = [
        field(name, "struct", size, struct=inner) for name, size in (("a", 1), ("b", 1), ("c", 2))
    ]

    assert values(b"\1\2\3\4", *fields) == {"a.x": 1, "b.x": 2, "c": b"\3\4"}


def test_another_body_of_the_same_description_is_named_by_its_own_bytes() -> None:
    part = {"vmsd_name": "dev/s", "version": 1, "fields": [field("x", "bool", 1)]}

    def body(version: int, value: int) -> bytes:
        return b"\5\5dev/s" + version.to_bytes(4) + bytes((value,))

    for version, value in ((1, 0), (2, 1)):
        found = values(body(version, value), field("n", "uint8", 0), subsections=[part])
        assert found == {"(dev/s)": version, "x": bool(value)}


def test_a_device_without_a_state_description_is_one_buffer() -> None:
    body = b"old style"

    assert named(body, field("data", "buffer", 9), vmsd_name="", size=9) == [
        ("dev/0.data", "buffer", 9, body)
    ]


def test_a_long_array_of_bytes_is_one_field() -> None:
    assert values(bytes(5000), field("a", "uint8", 1, array_len=5000)) == {"a": bytes(5000)}
    assert len(values(bytes(4096), field("a", "uint8", 1, array_len=4096))) == 4096


def test_fields_of_no_size_have_no_bytes_to_name() -> None:
    fields = [field("a", "buffer", 0), field("b", "uint8", 1), field("c", "uint8", 1, array_len=0)]

    assert values(b"\1", *fields) == {"b": 1}


@pytest.mark.parametrize(
    ("body", "fields", "problem"),
    [
        (b"\1", [nested("a" * 255, nested("b" * 255, BYTE))], "too long a name"),
        (b"\0", [nested("a", BYTE, *[field("z", "uint8", 0)] * 100_001)], "has no size, like many"),
    ],
    ids=["a long name", "a hundred thousand fields of no size"],
)  # fmt: skip
def test_what_would_take_for_ever_is_refused(
    body: bytes, fields: list[dict[str, Any]], problem: str
) -> None:
    (section,) = read(small(body, *fields)).sections

    with pytest.raises(StreamError, match=problem):
        section.fields()


def test_a_subsection_that_is_not_there_is_refused() -> None:
    part = {"vmsd_name": "dev/s", "version": 1, "fields": []}
    (section,) = read(
        small(b"\5\5dev/t\0\0\0\1", field("n", "uint8", 0), subsections=[part])
    ).sections

    with pytest.raises(StreamError, match=r"dev/0\.\(dev/s\) at byte \d+: .* is not here"):
        section.fields()


def test_a_real_field_has_its_place_and_value() -> None:
    (section,) = [part for part in parsed("qemu-7.2-pc").sections if part.label == "i8254/0"]
    found = {one.path: one for one in section.fields()}

    twice = "i8254/0.channels[0].next_transition_time"  # saved in its channel, and behind it
    assert section.body < found[twice].offset < found[f"{twice}#2"].offset
    assert found["i8254/0.channels[0].count"] == NamedField(
        "i8254/0.channels[0].count", "int32", section.body + 4, 4, 0x10000
    )


def test_a_section_saved_by_code_in_a_real_stream_is_named() -> None:
    (section,) = [part for part in parsed("qemu-7.2-pc-virtio").sections if part.name == "slirp"]

    assert [(one.path, one.kind) for one in section.fields()] == [("slirp/0.data", "buffer")]
