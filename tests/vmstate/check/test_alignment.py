from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stressor.vmstate.check.alignment import align, alike, common
from stressor.vmstate.check.item import Item, items_of
from stressor.vmstate.dump import DumpedField
from tests.vmstate.check.dumps import described, field, unused

SERIAL = described(field("ier"), field("lcr", 1), name="serial")


def items(*fields: DumpedField) -> list[Item]:
    return items_of(described(*fields), "", (), False)


def aligned(old: tuple[DumpedField, ...], new: tuple[DumpedField, ...]) -> list[tuple[str, str]]:
    """Blocks as two texts of paths: `("a b", "c")`."""
    return [
        (" ".join(item.path for item in block.old), " ".join(item.path for item in block.new))
        for block in align(items(*old), items(*new))
    ]


def longest(old: str, new: str) -> int:
    """The length of a longest common subsequence, by the textbook's table."""
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, a in enumerate(old):
        for j, b in enumerate(new):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


@given(st.text("abc", max_size=20), st.text("abc", max_size=20))
def test_a_longest_common_subsequence_is_found(old: str, new: str) -> None:
    pairs = common(list(old), list(new))

    assert all(old[i] == new[j] for i, j in pairs)
    assert pairs == sorted(pairs)
    assert (
        len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == longest(old, new)
    )


def test_very_many_equal_names_are_aligned_in_their_order() -> None:
    pairs = common(["x"] * 2_000, ["y", *["x"] * 2_000])

    assert pairs == [(index, index + 1) for index in range(2_000)]


@given(
    st.lists(st.builds(field, st.sampled_from("abcde"), st.integers(0, 3)), max_size=8),
    st.lists(st.builds(field, st.sampled_from("abcde"), st.integers(0, 3)), max_size=8),
)
def test_every_field_is_in_exactly_one_block(
    old: list[DumpedField], new: list[DumpedField]
) -> None:
    old_items, new_items = items(*old), items(*new)

    blocks = align(old_items, new_items)

    assert [item for block in blocks for item in block.old] == old_items
    assert [item for block in blocks for item in block.new] == new_items


def test_fields_are_aligned_past_one_that_came_and_one_that_went() -> None:
    old = (field("a"), field("b"), field("c"), field("d"))
    new = (field("a"), field("x", 1), field("b"), field("d"))

    assert aligned(old, new) == [("a", "a"), ("", "x"), ("b", "b"), ("c", ""), ("d", "d")]


def test_a_struct_around_the_same_fields_changes_nothing() -> None:
    old = (field("ier"), field("lcr", 1))
    new = (field("state", 99, inner=SERIAL),)

    assert aligned(old, new) == [("ier", "state.ier"), ("lcr", "state.lcr")]


def test_structs_within_structs_are_opened() -> None:
    outer = described(field("inner", 99, inner=SERIAL), field("mcr"))

    assert aligned(
        (field("ier"), field("lcr", 1), field("mcr")), (field("s", 99, inner=outer),)
    ) == [
        ("ier", "s.inner.ier"),
        ("lcr", "s.inner.lcr"),
        ("mcr", "s.mcr"),
    ]


def test_an_array_of_structs_is_not_opened() -> None:
    array = field("state", 99, count=2, inner=SERIAL)

    assert aligned((field("ier"), field("lcr", 1)), (array,)) == [
        ("ier", ""),
        ("lcr", ""),
        ("", "state"),
    ]


def test_a_renamed_struct_is_known_by_its_description() -> None:
    old = (field("dev", 99, inner=SERIAL), field("a"))
    new = (field("b"), field("parent_obj", 98, inner=SERIAL), field("a"))

    assert aligned(old, new) == [("", "b"), ("dev", "parent_obj"), ("a", "a")]


def test_fields_of_the_same_bytes_are_paired_whatever_their_names() -> None:
    assert aligned((field("p"), field("q", 2)), (field("x"), field("y", 2))) == [
        ("p", "x"),
        ("q", "y"),
    ]


def test_where_bytes_do_not_fit_likeness_decides() -> None:
    old = (field("receive_count"), field("q", 2))
    new = (field("z", 8), field("rx_receive_count"), field("y", 1))

    assert aligned(old, new) == [
        ("", "z"),
        ("receive_count", "rx_receive_count"),
        ("q", ""),
        ("", "y"),
    ]


def test_padding_stands_for_as_many_bytes() -> None:
    old = (field("a"), field("b", 2), field("c", 2), field("d"))

    assert aligned(old, (field("a"), unused(4), field("d"))) == [
        ("a", "a"),
        ("b c", "unused"),
        ("d", "d"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("core.mac", "mac", True),
        ("s->mac", "mac", True),
        ("data_in_ready", "data_ready", True),
        ("phy_status", "eeprom", False),
        ("x" * 300, "x" * 299, False),
    ],
)
def test_names_are_alike(old: str, new: str, expected: bool) -> None:
    assert alike(old, new) is expected
