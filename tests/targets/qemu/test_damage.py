"""Damage to a machine's saved state: one thing is changed, it is named, and nothing else is touched."""

from __future__ import annotations

import pytest

from stressor.errors import StreamError
from stressor.targets.qemu.damage import Damaged, damage, damages_of
from stressor.vmstate.stream import Stream
from tests.vmstate.stream.samples import (
    description,
    device,
    field,
    full,
    header,
    parsed,
    read,
    small,
    stored,
)

BODY = b"\1\2\3"


def done(name: str, number: int, whole: bytes | None = None) -> Damaged:
    whole = whole or small(BODY)
    damaged = damage(whole, read(whole), name, number)
    assert damaged is not None
    return damaged


def values(stream: Stream) -> dict[str, object]:
    return {each.path: each.value for section in stream.sections for each in section.fields()}


def test_a_field_is_set_to_what_it_is_not_and_named_with_both_values() -> None:
    damaged = done("set dev/0.b", 0)

    assert (damaged.change.path, damaged.change.before, damaged.change.after) == ("dev/0.b", 0x0203, 0xFFFF)
    assert values(read(damaged.stream)) == {"dev/0.a": 1, "dev/0.b": 0xFFFF}


@pytest.mark.parametrize("number", range(80))
def test_a_field_never_gets_the_value_that_it_has(number: int) -> None:
    assert done("set dev/0.a", number).change.after != 1


def test_the_number_chooses_the_element_of_an_array() -> None:
    text = description(device("dev", field("ring", "uint8", 1, array_len=3)))
    whole = header() + full("dev", BODY) + text

    assert [done("set dev/0.ring[]", number, whole).change.path for number in range(3)] == [
        "dev/0.ring[0]", "dev/0.ring[1]", "dev/0.ring[2]",
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "width"), [(3 * 9, 1), (3 * 9 + 2, 4)])
def test_of_a_buffer_a_number_in_it_is_set(number: int, width: int) -> None:
    whole = header() + full("dev", bytes(16)) + description(device("dev", field("data", "buffer", 16)))

    damaged = done("set dev/0.data", number, whole)

    assert (damaged.change.path, damaged.change.before, damaged.change.width) == ("dev/0.data[9]", 0, width)
    assert sum(a != b for a, b in zip(whole, damaged.stream, strict=True)) == width


def test_a_truncated_stream_ends_between_two_fields() -> None:
    damaged = done("truncate dev/0", 1)

    assert damaged.change.path == "dev/0.b (truncated)"
    assert damaged.stream.endswith(BODY[:1])
    with pytest.raises(StreamError):
        read(damaged.stream)


@pytest.mark.parametrize(("number", "grown"), [(0, 1), (3, -1)])
def test_a_byte_more_or_less_shifts_what_is_behind_it(number: int, grown: int) -> None:
    damaged = done("shift dev/0", number)

    assert damaged.change.path == "dev/0.a (shifted)"
    assert len(damaged.stream) - len(small(BODY)) == grown


def test_a_version_is_another_one() -> None:
    damaged = done("version dev/0", 0)

    assert damaged.change.path == "dev/0.(version)"
    assert [section.version for section in read(damaged.stream).sections] == [2]


def test_a_subsection_that_nobody_declared_stands_before_the_footer() -> None:
    added = b"\5\x0edev/undeclared\0\0\0\0"

    assert BODY + added + b"\x7e" in done("unknown dev/0", 0).stream


@pytest.mark.parametrize(("kind", "labels"), [("repeat", ["dev/0", "dev/0#2"]), ("without", [])])
def test_a_section_comes_twice_or_not_at_all(kind: str, labels: list[str]) -> None:
    assert [section.label for section in read(done(f"{kind} dev/0", 0).stream).sections] == labels


def test_what_is_not_there_now_cannot_be_damaged() -> None:
    whole = small(BODY)

    assert damage(whole, read(whole), "set dev/0.sub.gone", 1) is None
    assert damage(whole, read(whole), "version other/0", 1) is None


def test_another_kind_of_damage_is_refused() -> None:
    whole = small(BODY)
    with pytest.raises(ValueError, match="no such damage: melt dev/0"):
        damage(whole, read(whole), "melt dev/0", 1)


def test_lengths_and_states_are_damaged_more_often_than_other_fields() -> None:
    names = damages_of(["dev/0.fifo_len[3]", "dev/0.colour"], ["dev/0"])

    assert names.count("set dev/0.fifo_len[]") > names.count("set dev/0.colour") == 1


def test_everything_that_a_real_machine_saves_can_be_damaged() -> None:
    whole, stream = stored("qemu-7.2-pc-virtio"), parsed("qemu-7.2-pc-virtio")
    paths = [each.path for section in stream.sections for each in section.fields()]
    names = sorted(set(damages_of(paths, [section.label for section in stream.sections])))

    untouched = [name for name in names if (done := damage(whole, stream, name, 7)) is None or done.stream == whole]

    assert len(names) > 500
    assert [name for name in untouched if not name.startswith("any ")] == []
