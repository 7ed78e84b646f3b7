"""Walks keep long buffers in one piece, and are read as if every byte stood there by its name."""

from __future__ import annotations

from stressor.vmstate.live import LiveState
from stressor.vmstate.values import Values, differing, names_of, under


class Card:
    def __init__(self) -> None:
        self.level = 1
        self.memory = bytearray(1000)
        self.rows = [bytearray(2), bytearray(2)]


def walk(card: Card) -> Values:
    return LiveState().attributes(card)


def test_a_byte_is_found_by_its_index() -> None:
    card = Card()
    card.memory[7] = 9
    values = walk(card)

    assert (values["memory[7]"], values["rows[1][0]"], values["level"]) == (9, 0, 1)
    assert len(values) == len([*values]) == len(values.items()) == 1005
    assert dict(values.items()) == {path: values[path] for path in values}
    assert [name for name in ("memory", "memory[1000]", "memory[-1]", "level[0]", "more") if name in values] == []


def test_a_walk_is_a_copy() -> None:
    card = Card()
    values = walk(card)
    card.memory[0] = 1

    assert values["memory[0]"] == 0


def test_only_what_differs_is_named() -> None:
    one, other = Card(), Card()
    other.memory[0] = other.memory[999] = other.rows[1][1] = 5
    other.level = True  # equal, and of another type

    assert [*differing(walk(one), walk(other))] == ["level", "memory[0]", "memory[999]", "rows[1][1]"]
    assert [*differing(walk(one), walk(one))] == []


def test_what_is_longer_or_only_on_one_side_differs() -> None:
    one, other = Card(), Card()
    other.memory.append(0)
    del other.level
    other.rows.append(bytearray(1))

    assert [*differing(walk(one), walk(other))] == ["level", "memory[1000]", "rows[2][0]"]
    assert [*differing(walk(other), walk(one))] == ["memory[1000]", "rows[2][0]", "level"]


def test_plain_dictionaries_are_compared_too() -> None:
    assert [*differing({"a": 1, "b": 2, "c": 0.0}, {"b": 3, "c": 0.0, "d": 4})] == ["a", "b", "d"]


def test_values_are_chosen_by_names_without_indexes_and_put_back() -> None:
    card = Card()
    former = under(walk(card), {"memory[]", "rows[][]"})
    card.memory[:] = b"\1" * 10
    card.rows[0][0] = 7
    card.level = 2

    LiveState().assign(card, former, names_of(former))

    assert names_of(former) == {"memory[]", "rows[][]"}
    assert (card.memory, card.rows, card.level) == (bytearray(1000), [bytearray(2), bytearray(2)], 2)
