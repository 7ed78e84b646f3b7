"""Two streams compared: the first divergent field first, and what only one side has."""

from __future__ import annotations

from typing import Any

from stressor.vmstate.stream import Comparison, compare_streams
from tests.vmstate.stream.samples import (
    description,
    device,
    field,
    full,
    header,
    memory,
    parsed,
    read,
    small,
    stored,
)

BYTE = field("a", "uint8", 1)


def compared(before: bytes, after: bytes, **options: Any) -> Comparison:
    return compare_streams(read(before), read(after), **options)


def found(comparison: Comparison) -> list[tuple[str, object, object]]:
    return [
        (one.path, one.before and one.before.value, one.after and one.after.value)
        for one in comparison.differences
    ]


def test_a_stream_equals_itself() -> None:
    comparison = compared(stored("qemu-7.2-pc"), stored("qemu-7.2-pc"))

    assert comparison.equal
    assert comparison.compared == comparison.alike == 30


def test_fields_that_differ_come_in_the_order_of_the_stream() -> None:
    fields = [field("z", "uint8", 1), field("same", "uint8", 1), field("a", "uint16", 2)]

    comparison = compared(small(b"\1\0\0\2", *fields), small(b"\3\0\0\4", *fields))

    assert found(comparison) == [("dev/0.z", 1, 3), ("dev/0.a", 2, 4)]
    assert (comparison.equal, comparison.compared, comparison.alike) == (False, 1, 0)


def test_of_a_buffer_the_bytes_that_differ_are_told() -> None:
    buffer = field("data", "buffer", 8)

    comparison = compared(small(b"abcdefgh", buffer), small(b"aXcdYYgZ", buffer))

    assert found(comparison) == [
        ("dev/0.data[1]", b"b", b"X"),
        ("dev/0.data[4:6]", b"ef", b"YY"),
        ("dev/0.data[7]", b"h", b"Z"),
    ]


def test_a_field_that_one_side_has_is_told() -> None:
    other = field("b", "uint8", 1)

    assert found(compared(small(b"\1\2", BYTE, other), small(b"\1", BYTE))) == [
        ("dev/0.b", 2, None)
    ]
    assert found(compared(small(b"\1", BYTE), small(b"\1\2", BYTE, other))) == [
        ("dev/0.b", None, 2)
    ]


def test_a_field_of_another_type_differs() -> None:
    comparison = compared(small(b"\1", BYTE), small(b"\1", field("a", "int8", 1)))

    assert found(comparison) == [("dev/0.a", 1, 1)]


def test_fields_of_one_path_are_paired_in_order() -> None:
    twice = [field("a[0]", "uint8", 1), field("a", "uint8", 1, array_len=1)]
    again = [*twice, field("b", "uint8", 1)]

    comparison = compared(small(b"\1\2", *twice), small(b"\1\3\4", *again))

    assert found(comparison) == [("dev/0.a[0]#2", 2, 3), ("dev/0.b", None, 4)]


def test_another_version_differs() -> None:
    one, two = (
        header() + full("dev", b"\1", version=version) + description(device("dev", BYTE))
        for version in (1, 2)
    )

    assert found(compared(one, two)) == [("dev/0(version)", 1, 2)]


def test_sections_that_one_side_has_are_told() -> None:
    one = device("dev", BYTE)
    both = header() + full("dev", b"\1") + full("dev", b"\2") + description(one, one)

    comparison = compared(both, small(b"\1", BYTE))

    assert (comparison.only_before, comparison.only_after) == (("dev/0#2",), ())
    assert compared(small(b"\1", BYTE), both).only_after == ("dev/0#2",)


def test_the_machine_and_its_memory_are_compared() -> None:
    def stream(machine: str, length: int) -> bytes:
        return header(machine) + memory(b"", ("m", length)) + description(page_size=4096)

    assert found(compared(stream("pc", 4096), stream("q35", 8192))) == [
        ("configuration.machine", "pc", "q35"),
        ("ram/0(m)", 4096, 8192),
    ]


def test_only_what_is_selected_is_compared() -> None:
    one, two = device("one", BYTE), device("two", BYTE)

    def stream(machine: str, value: bytes) -> bytes:
        sections = full("one", value) + full("two", value, section_id=3)
        return header(machine) + sections + description(one, two)

    comparison = compared(
        stream("pc", b"\1"), stream("q35", b"\2"), selected=lambda part: part.name == "two"
    )

    assert found(comparison) == [("two/0.a", 1, 2)]


def test_what_two_versions_of_qemu_save_is_told_apart() -> None:
    comparison = compare_streams(parsed("qemu-7.2-pc"), parsed("qemu-10.0-pc"))
    paths = [one.path for one in comparison.differences]

    assert paths[0] == "configuration.machine"
    assert {"hpet/0.num_timers", "hpet/0.num_timers_save", "globalstate/0.vm_was_suspended"} <= set(
        paths
    )
    assert not [path for path in paths if path.startswith("fdc/0")]
