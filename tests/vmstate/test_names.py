"""Names: of every byte, of attributes, of the place where a field is declared."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.errors import StreamError
from tests.vmstate.generated import Plain, Tick

FIFO = vm.Description(
    "fifo",
    fields=[
        vm.buffer("data", 2),
        vm.u32("num"),
    ],
    unsaved={"cache": "derived from data"},
)
STATE = vm.Description(
    "serial",
    version=2,
    minimum_version=1,
    fields=[
        vm.u16("divider"),
        vm.u8("fcr_wire", attribute="fcr", since=2),
        vm.unused(1),
        vm.timer("tick"),
        vm.bitmap("mask", 65),
        vm.queue("sent", vm.u16, maximum=4),
        vm.linked_queue("fifos", FIFO, maximum=2, factory=Plain),
    ],
    subsections=[
        vm.Description(
            "serial/recv",
            fields=[vm.struct("recv", FIFO)],
            needed=lambda o: o.recv.num > 0,
            unsaved={"note": "for people"},
        )
    ],
    unsaved={"baud": "derived from divider"},
)


def serial() -> Plain:
    def fifo() -> Plain:
        return Plain(data=bytearray(b"\x41\x42"), num=2, cache=None)

    return Plain(
        divider=12,
        fcr=1,
        tick=Tick(9),
        mask=1,
        sent=[5],
        fifos=[fifo()],
        recv=fifo(),
        baud=0,
        note="",
    )


def test_every_byte_has_a_name() -> None:
    pieces = STATE.fields_of(STATE.save(serial()), path="serial/0.")

    assert [tuple(piece) for piece in pieces] == [
        ("serial/0.divider", "u16", 0, 2, 12),
        ("serial/0.fcr_wire", "u8", 2, 1, 1),
        ("serial/0.(unused)", "unused", 3, 1, b"\0"),
        ("serial/0.tick", "timer", 4, 8, 9),
        ("serial/0.mask", "bitmap", 12, 16, 1),
        ("serial/0.sent.count", "count", 28, 4, 1),
        ("serial/0.sent[0]", "u16", 32, 2, 5),
        ("serial/0.fifos.more[0]", "marker", 34, 1, 1),
        ("serial/0.fifos[0].data[0]", "buffer", 35, 1, 0x41),
        ("serial/0.fifos[0].data[1]", "buffer", 36, 1, 0x42),
        ("serial/0.fifos[0].num", "u32", 37, 4, 2),
        ("serial/0.fifos.more[1]", "marker", 41, 1, 0),
        ("serial/0.(serial/recv)", "subsection", 42, 17, 1),
        ("serial/0.recv.data[0]", "buffer", 59, 1, 0x41),
        ("serial/0.recv.data[1]", "buffer", 60, 1, 0x42),
        ("serial/0.recv.num", "u32", 61, 4, 2),
    ]


def test_an_older_version_is_named_by_its_own_fields() -> None:
    state = vm.Description(
        "d", version=2, minimum_version=1, fields=[vm.u8("a"), vm.u8("b", since=2)]
    )

    assert [piece.path for piece in state.fields_of(b"\1", 1)] == ["a"]


def test_damage_is_said_with_path_and_offset() -> None:
    with pytest.raises(StreamError) as caught:
        STATE.fields_of(b"\0\1\2", path="serial/0.")

    assert (caught.value.path, caught.value.offset) == ("serial/0.(unused)", 3)


def test_what_only_the_device_can_tell_is_said() -> None:
    gated = vm.Description("d", fields=[vm.u8("a", when=lambda o: o.wide)])
    sized = vm.Description("d", fields=[vm.variable_buffer("a", length="n", maximum=4)])

    with pytest.raises(
        StreamError, match="whether it is there cannot be told without the device: 'wide' is not"
    ):
        gated.fields_of(b"\1")
    with pytest.raises(StreamError, match="its length 'n' is not in the stream"):
        sized.fields_of(b"\1")


def test_a_predicate_is_told_from_what_was_decoded() -> None:
    state = vm.Description(
        "d",
        fields=[
            vm.struct("part", vm.Description("p", fields=[vm.u8("size")])),
            vm.u8("a", when=lambda o: o.part.size > 1),
        ],
    )

    assert [piece.path for piece in state.fields_of(b"\2\5")] == ["part.size", "a"]
    assert [piece.path for piece in state.fields_of(b"\1")] == ["part.size"]


def test_attributes_are_mapped_to_fields() -> None:
    assert STATE.attributes == {
        "divider": "divider",
        "fcr": "fcr_wire",
        "tick": "tick",
        "mask": "mask",
        "sent[]": "sent[]",
        "fifos[].data[]": "fifos[].data[]",
        "fifos[].data": "fifos[].data[]",
        "fifos[].num": "fifos[].num",
        "recv.data[]": "recv.data[]",
        "recv.data": "recv.data[]",
        "recv.num": "recv.num",
    }


def test_reasons_are_collected_from_all_parts() -> None:
    assert STATE.unsaved == {
        "baud": "derived from divider",
        "fifos[].cache": "derived from data",
        "note": "for people",
        "recv.cache": "derived from data",
    }


def test_a_field_knows_where_it_is_declared() -> None:
    here = "tests/vmstate/test_names.py"

    assert STATE.declared("divider") == f"{here}:24"
    assert STATE.declared("recv.data[1]") == f"{here}:14"
    assert STATE.declared("fifos[0].num") == f"{here}:15"
    assert STATE.declared("sent.count") == f"{here}:29"
    assert STATE.declared("nothing") is None


@pytest.mark.parametrize(
    ("path", "width"),
    [
        ("divider", 2),
        ("tick", 8),
        ("mask", 16),
        ("sent[3]", 2),
        ("recv.data[]", 1),
        ("recv", 0),
        ("?", 0),
    ],
)
def test_a_number_has_a_width(path: str, width: int) -> None:
    assert STATE.width(path) == width
