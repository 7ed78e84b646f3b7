"""The generated code and the walk over the description are one codec."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressor.errors import StreamError
from stressor.vmstate import Description, compile_load, compile_save
from stressor.vmstate.load import load_body, name_body
from stressor.vmstate.save import walk
from tests.vmstate.generated import Plain, clone, described, plain, scribble


def outcome(load: Any, obj: Plain) -> tuple[object, object]:
    """Return what a load raised, and what the object is after it."""
    try:
        load(obj)
    except StreamError as error:
        return (error.path, error.offset, error.problem), plain(obj)
    return None, plain(obj)


@given(described(rare=False))
def test_compiled_save_gives_the_bytes_of_the_walk(drawn: tuple[Description, Plain]) -> None:
    description, obj = drawn
    expected = walk(description, obj).finish()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_save, "walk", None)  # the compiled code has to do it alone
        assert description.save(obj) == expected
        assert description.pack(obj)[0] == expected


@given(described(gated=False, rare=False))
def test_compiled_load_takes_what_was_saved(drawn: tuple[Description, Plain]) -> None:
    description, obj = drawn
    data = description.save(obj)
    target = scribble(obj)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_load, "load_body", None)  # the compiled code has to do it alone
        description.load(target, data)

    assert description.save(target) == data


@given(described())
def test_a_loaded_object_saves_the_bytes_it_was_loaded_from(
    drawn: tuple[Description, Plain],
) -> None:
    description, obj = drawn
    data = description.save(obj)
    target = scribble(obj)

    description.load(target, data)

    assert description.save(target) == data


@given(described(), st.data())
def test_compiled_load_and_the_walk_agree(
    drawn: tuple[Description, Plain], data: st.DataObject
) -> None:
    description, obj = drawn
    saved = bytearray(description.save(obj))
    if saved and data.draw(st.booleans(), label="damage"):
        index = data.draw(st.integers(0, len(saved) - 1), label="index")
        saved[index] = data.draw(st.integers(0, 255), label="byte")
    compiled, walked = scribble(obj), scribble(obj)

    first = outcome(lambda target: description.load(target, bytes(saved)), compiled)
    second = outcome(lambda target: load_body(description, target, bytes(saved), 3), walked)

    assert first == second
    if first[0] is not None:
        assert first[1] == plain(scribble(obj)), "a refused load changed the object"


@given(described())
def test_a_truncation_is_refused_or_is_a_whole_body_itself(
    drawn: tuple[Description, Plain],
) -> None:
    description, obj = drawn
    data = description.save(obj)
    target = clone(obj)

    for end in range(len(data)):
        error, after = outcome(lambda target, end=end: description.load(target, data[:end]), target)
        if error is None:
            assert name_body(description, data[:end], 3, obj=target) is not None
            target = clone(obj)
        else:
            assert after == plain(obj)


@given(described(), st.data())
def test_damaged_bytes_are_refused_or_give_something_that_saves(
    drawn: tuple[Description, Plain], data: st.DataObject
) -> None:
    description, obj = drawn
    saved = bytearray(description.save(obj))
    for _ in range(data.draw(st.integers(1, 4), label="damages")):
        index = data.draw(st.integers(0, len(saved)), label="index")
        end = index + data.draw(st.integers(0, 9), label="size")
        saved[index:end] = data.draw(st.binary(max_size=9), label="bytes")
    target = scribble(obj)

    error, after = outcome(lambda target: description.load(target, bytes(saved)), target)

    if error is None:
        description.save(target)
    else:
        assert after == plain(scribble(obj)), "a refused load changed the object"


@given(described(gated=False), st.data())
def test_loaders_for_one_choice_of_subsections_agree_with_the_walk(
    drawn: tuple[Description, Plain], data: st.DataObject
) -> None:
    description, obj = drawn
    saved = bytearray(description.save(obj))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_load, "_WORTH", 1)
        description.load(clone(obj), bytes(saved))  # the next one has code of its own
        if saved and data.draw(st.booleans(), label="damage"):
            index = data.draw(st.integers(0, len(saved) - 1), label="index")
            saved[index] = data.draw(st.integers(0, 255), label="byte")
        compiled, walked = scribble(obj), scribble(obj)

        first = outcome(lambda target: description.load(target, bytes(saved)), compiled)
        second = outcome(lambda target: load_body(description, target, bytes(saved), 3), walked)

    assert first == second


@given(described())
def test_named_pieces_cover_every_byte_once(drawn: tuple[Description, Plain]) -> None:
    description, obj = drawn
    data = description.save(obj)

    pieces = name_body(description, data, 3, "dev/0.", obj=obj)

    position = 0
    for piece in pieces:
        assert piece.offset == position
        position += piece.size
    assert position == len(data)
    assert len({piece.path for piece in pieces if piece.kind != "unused"}) == len(
        [piece for piece in pieces if piece.kind != "unused"]
    )


@given(described())
def test_equal_layouts_mean_equal_offsets(drawn: tuple[Description, Plain]) -> None:
    description, obj = drawn
    second = scribble(obj)

    packed, layout = description.pack(obj)
    again, same = description.pack(second)

    if layout == same:
        names = [piece[:4] for piece in name_body(description, packed, 3, obj=obj)]
        assert [piece[:4] for piece in name_body(description, again, 3, obj=second)] == names
