"""States in other forms: each comes back, and what is damaged is refused with the path."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stressor.vmstate as vm
from devices.uart16550 import UART16550
from stressor.errors import StreamError
from stressor.vmstate.formats import Binary, Format, Json, NamedHex
from tests.vmstate.csv_format import Csv
from tests.vmstate.generated import Plain, Tick, described, plain, scribble

POINT = vm.Description("point", fields=[vm.u8("x"), vm.f64("y")])
SPAN = vm.Description("span", fields=[vm.u64("low"), vm.i8("high")])
EXTRA = vm.Description("dev/extra", version=2, fields=[vm.i64("extra")], needed="extra != 0")
STATE = vm.Description(
    "dev",
    version=2,
    minimum_version=1,
    fields=[
        vm.boolean("on"),
        vm.u64("wide", since=2),
        vm.buffer("data", 3),
        vm.unused(2),
        vm.array("part", vm.u16, 2, start=1),
        vm.array("rows", vm.u8, (2, 2)),
        vm.bitmap("mask", 70),
        vm.timer("tick"),
        vm.struct("point", POINT),
        vm.queue("sent", vm.u8, maximum=2),
        vm.linked_queue("points", POINT, maximum=2, factory=lambda: Plain(x=0, y=0.0)),
        vm.tree("tree", POINT, key=SPAN, maximum=2, factory=lambda: Plain(x=0, y=0.0)),
        vm.array("some", vm.u8, 2, null=True),
    ],
    subsections=[EXTRA],
)


def device() -> Plain:
    return Plain(
        on=True,
        wide=(1 << 64) - 1,
        data=bytearray(b"\1\2\xff"),
        part=[0, 1, 2, 3],
        rows=[[1, 2], [3, 4]],
        mask=1 << 69 | 1,
        tick=Tick(None),
        point=Plain(x=1, y=-0.0),
        sent=[],
        points=[Plain(x=2, y=math.inf)],
        tree={(1, -2): Plain(x=3, y=0.1)},
        some=[None, 7],
        extra=-5,
    )


def test_json_has_names_for_keys_and_hex_for_bytes() -> None:
    data = msgspec.json.decode(Json(STATE).save(device()))

    assert data == {
        "(name)": "dev",
        "(version)": 2,
        "on": True,
        "wide": (1 << 64) - 1,
        "data": "0102ff",
        "part": {"1": 1, "2": 2},
        "rows": [[1, 2], [3, 4]],
        "mask": "0x200000000000000001",
        "tick": None,
        "point": {"x": 1, "y": -0.0},
        "sent": [],
        "points": [{"x": 2, "y": "7ff0000000000000"}],
        "tree": {"key": [{"low": 1, "high": -2}], "1,-2": {"x": 3, "y": 0.1}},
        "some": [None, 7],
        "(subsections)": {"dev/extra": {"(version)": 2, "extra": -5}},
    }


@pytest.mark.parametrize("form", [Binary, Json, Csv])
def test_a_state_comes_back(form: type[Format[Any]]) -> None:
    target = scribble(device())
    target.tree = {}

    form(STATE).load(target, form(STATE).save(device()))

    assert STATE.save(target) == STATE.save(device())


@pytest.mark.parametrize("form", [Binary, Json, Csv])
def test_the_uart_comes_back(form: type[Format[Any]]) -> None:
    uart = UART16550()
    uart.receive_fifo.push(0x41)
    uart.timeout_timer.deadline = 5_000
    other = UART16550()

    form(UART16550.state).load(other, form(UART16550.state).save(uart))

    assert UART16550.state.save(other) == UART16550.state.save(uart)


@given(described())
def test_json_and_bytes_say_the_same(drawn: tuple[vm.Description, Plain]) -> None:
    description, obj = drawn
    target = scribble(obj)

    Json(description).load(target, Json(description).save(obj))

    assert description.save(target) == description.save(obj)


@given(described(), st.data())
def test_damaged_json_is_refused_or_gives_something_that_saves(
    drawn: tuple[vm.Description, Plain], data: st.DataObject
) -> None:
    description, obj = drawn
    text = bytearray(Json(description).save(obj).encode())
    for _ in range(data.draw(st.integers(1, 3), label="damages")):
        index = data.draw(st.integers(0, len(text) - 1), label="index")
        text[index : index + data.draw(st.integers(0, 5))] = data.draw(
            st.sampled_from([b"", b"9", b"-", b'"', b"null", b"[]", b"{}", b"1e400", b"]", b"\xff"])
        )
    target = scribble(obj)
    before = plain(target)

    refused = None
    try:
        Json(description).load(target, bytes(text))
    except StreamError as error:
        refused = error

    if refused is None:
        description.save(target)
    else:
        assert refused.path
        assert plain(target) == before


def changed(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(Json(STATE).save(device()))
    return {key: value for key, value in (data | changes).items() if value is not ...}


REFUSALS: dict[str, tuple[Any, str]] = {
    "cut": ("{", "dev: is no JSON: Input data was truncated"),
    "deep": ("[" * 100_000, "dev: is no JSON: maximum recursion depth exceeded while deserializing an object"),
    "not text": (b"\xff", "dev: is no JSON: JSON is malformed: invalid character (byte 0)"),
    "a list": ("[]", "dev: is no JSON object"),
    "another name": (changed(**{"(name)": "cpu"}), "dev: is the state of 'cpu', and not of 'dev'"),
    "no version": (changed(**{"(version)": "2"}), "dev: has (version) '2', and must have a number"),
    "newer": (changed(**{"(version)": 3}), "dev: has version 3, newer than 2, the newest known"),
    "missing": (changed(on=...), "on: is missing"),
    "unknown": (changed(off=1), "off: is not known, or is here again"),
    "unknown in a part": (changed(point={"x": 1, "y": 0.0, "z": [{"w": 1}]}), "point.z[0].w: is not known, or is here again"),
    "boolean": (changed(on=1), "on: is 1, and must be true or false"),
    "integer": (changed(wide=True), "wide: is True, and must be an integer"),
    "range": (changed(wide=-1), "wide: is -0x1, and may be 0x0 to 0xffffffffffffffff"),
    "large": (changed(wide=1 << 9999), "wide: is 0x80000000000000000000000000000000000000, and may be 0x0 to 0xffffffffffffffff"),
    "number": (changed(point={"x": 1, "y": None}), "point.y: is None, and must be a number"),
    "large float": (changed(point={"x": 1, "y": 1 << 60}), "point.y: is 1152921504606846976, and must be a number"),
    "hex": (changed(data="012"), "data: is '012', and must be hex digits"),
    "size": (changed(data="0102"), "data: is 2 bytes, and must be 3 bytes"),
    "bits": (changed(mask="0x400000000000000000"), "mask: is 0x400000000000000000, and may be 0x0 to 0x3fffffffffffffffff"),
    "deadline": (changed(tick=1 << 63), "tick: is 0x8000000000000000, and may be -0x8000000000000000 to 0x7fffffffffffffff"),
    "short": (changed(rows=[[1, 2], [3]]), "rows[1][1]: is missing"),
    "long": (changed(rows=[[1, 2], [3, 4, 5]]), "rows[1][2]: is not known, or is here again"),
    "no list": (changed(sent=3), "sent: is no JSON list"),
    "no list at all": (changed(sent=...), "sent: is missing"),
    "too many": (changed(sent=[1, 2, 3]), "sent: 3 elements, and there may be at most 2"),
    "too many linked": (changed(points=[{"x": 0, "y": 0}] * 3), "points: more than 2 elements"),
    "null": (changed(some=[3, 7]), "some[0]: is 3, and is None on this device"),
    "subsections": (changed(**{"(subsections)": [1]}), "(subsections): is no JSON object"),
    "subsection": (changed(**{"(subsections)": {"dev/extra": 1}}), "(dev/extra): is no JSON object"),
    "unknown subsection": (changed(**{"(subsections)": {"dev/other": {"(version)": 1}}}), "(dev/other): no subsection 'dev/other' is known, or it is here again"),
    "subsection's version": (changed(**{"(subsections)": {"dev/extra": {"(version)": 3}}}), "(dev/extra): has version 3, newer than 2, the newest known"),
    "subsection's rest": (changed(**{"(subsections)": {"dev/extra": {"(version)": 2, "extra": 1, "more": 2}}}), "more: is not known, or is here again"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_damaged_json_is_refused_with_the_path(name: str) -> None:
    document, message = REFUSALS[name]
    target = device()
    before = plain(target)

    with pytest.raises(StreamError) as caught:
        Json(STATE).load(target, document)

    assert str(caught.value) == message
    assert plain(target) == before


def test_data_that_is_loaded_is_left_alone() -> None:
    document = changed()

    Json(STATE).load(device(), document)

    assert document == changed()


def test_an_older_document_loads_by_its_own_version() -> None:
    target = device()
    target.wide = 3

    Json(STATE).load(target, changed(wide=..., **{"(version)": 1}))

    assert target.wide == 3


def test_a_document_without_a_version_is_of_the_newest() -> None:
    target = device()

    Json(STATE).load(target, changed(wide=4, **{"(version)": ..., "(name)": ...}))

    assert target.wide == 4


def test_a_fourth_format_refuses_what_is_damaged() -> None:
    text = Csv(STATE).save(device())
    target = device()

    with pytest.raises(StreamError, match=r"wide: is 0x10000000000000000, and may be"):
        Csv(STATE).load(target, text.replace(str((1 << 64) - 1), str(1 << 64)))
    with pytest.raises(StreamError, match="dev: 1 rows too many"):
        Csv(STATE).load(target, text + "a,b,c\r\n")


def test_named_hex_has_a_line_for_each_field() -> None:
    description = vm.Description(
        "dev",
        version=2,
        minimum_version=1,
        fields=[
            vm.i16("level"),
            vm.buffer("data", 10),
            vm.unused(1),
            vm.timer("tick"),
            vm.queue("sent", vm.u8, maximum=2),
            vm.u8("flag", since=2),
        ],
        subsections=[EXTRA],
    )
    obj = Plain(
        level=-2, data=bytearray(b"AB\0def\xff ij"), tick=Tick(None), sent=[9], flag=1, extra=0
    )
    text = """\
00000000  fffe              level       i16     -2
00000002  414200646566ff20  data[0]     buffer  AB.def.
0000000a  696a              data[8]     buffer  ij
0000000c  00                (unused)    unused
0000000d  ffffffffffffffff  tick        timer   not armed
00000015  00000001          sent.count  count   1
00000019  09                sent[0]     u8      0x9
0000001a  01                flag        u8      0x1
"""

    assert NamedHex(description).save(obj) == text
    assert NamedHex(description).show(description.save(obj)) == text
    assert "flag" not in NamedHex(description).show(description.save(obj)[:-1], 1)
    with pytest.raises(NotImplementedError):
        NamedHex(description).load(obj, text)


def test_named_hex_of_nothing_is_empty() -> None:
    assert NamedHex(vm.Description("dev")).save(Plain()) == ""
