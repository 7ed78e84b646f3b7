"""Sections: one instance, framed as QEMU does."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.errors import StateError, StreamError
from tests.vmstate.generated import Plain

STATE = vm.Description(
    "dev", version=3, minimum_version=2, fields=[vm.u8("a"), vm.u8("b", since=3)]
)
SECTION = vm.Section(STATE, instance=1, section_id=5)
HEADER = b"\4\0\0\0\5\3dev\0\0\0\1\0\0\0\3"
FOOTER = b"\x7e\0\0\0\5"


def test_a_section_is_header_body_footer() -> None:
    obj = Plain(a=7, b=8)

    assert SECTION.save(obj) == HEADER + b"\7\x08" + FOOTER
    assert SECTION.pack(obj) == (HEADER + b"\7\x08" + FOOTER, ())
    assert SECTION.prefix == "dev/1."


def test_a_section_comes_back() -> None:
    obj = Plain(a=0, b=0)

    SECTION.load(obj, HEADER + b"\7\x08" + FOOTER)

    assert vars(obj) == {"a": 7, "b": 8}


def test_an_older_section_comes_back() -> None:
    obj = Plain(a=0, b=0)

    SECTION.load(obj, HEADER[:-1] + b"\2" + b"\7" + FOOTER)

    assert vars(obj) == {"a": 7, "b": 0}


@pytest.mark.parametrize(
    ("data", "offset", "problem"),
    [
        (b"", 0, "a section begins with 0x04, and this with nothing"),
        (b"\1" + HEADER[1:] + b"\7\x08" + FOOTER, 0, "a section begins with 0x04, and this with 0x01"),
        (HEADER[:8], 8, "its header needs 17 bytes: truncated"),
        (HEADER[:4] + b"\6" + HEADER[5:] + b"\7\x08" + FOOTER, 1, "has section id 6, and 5 was expected"),
        (HEADER.replace(b"dev", b"dew") + b"\7\x08" + FOOTER, 5, "is the section 'dew', and 'dev' was expected"),
        (HEADER[:12] + b"\2" + HEADER[13:] + b"\7\x08" + FOOTER, 9, "is instance 2, and 1 was expected"),
        (HEADER[:-1] + b"\4" + b"\7\x08" + FOOTER, 13, "has version 4, newer than 3, the newest known"),
        (HEADER[:-1] + b"\1" + b"\7" + FOOTER, 13, "has version 1, older than 2, the oldest known"),
        (HEADER + b"\7\x08", 17, "does not end in the footer 7e 00 00 00 05"),
        (HEADER + b"\7\x08" + FOOTER + b"\0", 20, "does not end in the footer 7e 00 00 00 05"),
        (HEADER + b"\7\x08\x09" + FOOTER, 19, "1 bytes too many"),
    ],
)  # fmt: skip
def test_a_frame_that_is_not_this_ones_is_refused(data: bytes, offset: int, problem: str) -> None:
    obj = Plain(a=1, b=2)

    with pytest.raises(StreamError) as caught:
        SECTION.load(obj, data)

    assert (caught.value.path, caught.value.offset) == ("dev/1", offset)
    assert caught.value.problem == problem
    assert vars(obj) == {"a": 1, "b": 2}
    with pytest.raises(StreamError):
        SECTION.fields_of(data)


@pytest.mark.parametrize("version", [2, 3])
def test_paths_and_offsets_are_those_of_the_whole_section(version: int) -> None:
    data = HEADER[:-1] + bytes([version]) + FOOTER

    with pytest.raises(StreamError) as caught:
        SECTION.load(Plain(a=1, b=2), data)

    assert (caught.value.path, caught.value.offset) == ("dev/1.a", 17)


def test_every_byte_of_a_section_has_a_name() -> None:
    pieces = SECTION.fields_of(HEADER + b"\7\x08" + FOOTER)

    assert [(piece.path, piece.offset, piece.size) for piece in pieces] == [
        ("dev/1(header)", 0, 17),
        ("dev/1.a", 17, 1),
        ("dev/1.b", 18, 1),
        ("dev/1(footer)", 19, 5),
    ]


def test_a_value_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(StateError, match="a: holds 0x100"):
        SECTION.save(Plain(a=256, b=0))


def test_a_loader_without_undo_loads_the_same_and_leaves_what_it_did_when_refused() -> None:
    rule = vm.Validate("a is small", "a < 9")
    section = vm.Section(vm.Description("dev", fields=[vm.u8("a")], validate=[rule]))
    device = Plain(a=3)
    load = section.loader(device, undo=False)

    load(device, section.save(Plain(a=5)))
    assert device.a == 5

    with pytest.raises(StreamError, match="does not hold after load: a is small"):
        load(device, section.save(Plain(a=200)))
    assert device.a == 200
    with pytest.raises(StreamError, match="does not hold after load: a is small"):
        section.load(device, section.save(Plain(a=100)))
    assert device.a == 200


def test_loads_are_the_same_before_and_after_they_have_code_of_their_own() -> None:
    rule = vm.Validate("a is small", "a < 9")
    section = vm.Section(vm.Description("dev", fields=[vm.u8("a")], validate=[rule]))
    good, refused = section.save(Plain(a=5)), section.save(Plain(a=200))
    code: list[bool] = []

    for _ in range(20):
        device = Plain(a=3)
        with pytest.raises(StreamError, match="does not hold after load: a is small"):
            section.load(device, refused)
        assert device.a == 3
        section.load(device, good)
        assert device.a == 5
        code.append((Plain, True) in section._loaders)

    assert code[0] is False
    assert code[-1] is True


def test_a_description_that_loads_by_itself_is_asked_from_the_first_load_on() -> None:
    class Doubling(vm.Description):
        def load(self, obj: object, data: bytes, version: int | None = None) -> None:
            super().load(obj, bytes([2 * data[0]]), version)

    section = vm.Section(Doubling("dev", fields=[vm.u8("a")]))
    device = Plain(a=0)

    for _ in range(20):
        section.load(device, section.save(Plain(a=5)))
        assert device.a == 10
