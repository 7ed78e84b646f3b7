"""A stream that was read is written back byte for byte; one of our own describes itself."""

from __future__ import annotations

import io
from collections import deque

import pytest

import stressor.vmstate as vm
from stressor.errors import StreamError
from stressor.vmstate.stream import StreamWriter, write_stream
from tests.vmstate.generated import Plain
from tests.vmstate.stream.samples import STORED, header, parsed, read, small, stored


def written(data: bytes) -> bytes:
    out = io.BytesIO()
    write_stream(read(data), out, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("name", STORED)
def test_a_real_stream_is_written_back_byte_for_byte(name: str) -> None:
    data, out = stored(name), io.BytesIO()

    write_stream(parsed(name), out, io.BytesIO(data))

    assert out.getvalue() == data


@pytest.mark.parametrize(
    "data",
    [
        small() + b"trailing",
        header() + b"\x08\0\5\0\4\0\0\0\3abc" + small()[len(header()) :],
        header().replace(b"test", b"\xff\xfe\xfd\xfc") + small()[len(header()) :],
        small()[: small().index(b"\6")],
    ],
    ids=["bytes behind the end", "a packaged command", "a name that is no text", "no description"],
)
def test_what_is_odd_is_written_back_too(data: bytes) -> None:
    assert written(data) == data


def test_what_was_passed_over_is_taken_from_the_original() -> None:
    stream = parsed("qemu-7.2-pc")

    with pytest.raises(StreamError, match="give what it was read from"):
        write_stream(stream, io.BytesIO())
    with pytest.raises(StreamError, match="the original ends before"):
        write_stream(stream, io.BytesIO(), io.BytesIO(stored("qemu-7.2-pc")[:200]))


POINT = vm.Description("point", fields=[vm.u8("x"), vm.i16("y")])
DEVICE = vm.Description(
    "gadget",
    version=3,
    fields=[
        vm.u32("control"),
        vm.boolean("enabled"),
        vm.buffer("data", 4),
        vm.array("words", vm.u16, 2),
        vm.struct("point", POINT),
        vm.unused(2),
        vm.timer("tick"),
        vm.queue("queue", vm.u8, maximum=4),
    ],
    subsections=[vm.Description("gadget/more", fields=[vm.u8("more")], needed=lambda o: o.more)],
)


def gadget() -> Plain:
    return Plain(
        control=0x1234,
        enabled=True,
        data=bytearray(b"abcd"),
        words=[1, 2],
        point=Plain(x=1, y=-2),
        tick=Plain(deadline=None),
        queue=deque([7, 8]),
        more=9,
    )


def own_stream(*, optional: bool = False) -> bytes:
    out = io.BytesIO()
    writer = StreamWriter(out, machine="board")
    writer.add(vm.Section(DEVICE, instance=2), gadget(), optional=optional)
    writer.finish()
    return out.getvalue()


def test_a_stream_of_our_own_describes_every_byte() -> None:
    stream = read(own_stream())

    assert stream.configuration is not None
    assert stream.configuration.machine == "board"
    (section,) = stream.sections
    assert (section.label, section.version, section.optional) == ("gadget/2", 3, False)
    assert {
        one.path.removeprefix("gadget/2."): (one.kind, one.value) for one in section.fields()
    } == {
        "control": ("uint32", 0x1234),
        "enabled": ("bool", True),
        "data": ("buffer", b"abcd"),
        "words[0]": ("uint16", 1),
        "words[1]": ("uint16", 2),
        "point.x": ("uint8", 1),
        "point.y": ("int16", -2),
        "(unused)": ("unused_buffer", b"\0\0"),
        "tick": ("timer", None),
        "queue.count": ("uint32", 2),
        "queue[0]": ("uint8", 7),
        "queue[1]": ("uint8", 8),
        "(gadget/more)": ("subsection", b"\5\x0bgadget/more\0\0\0\1"),
        "more": ("uint8", 9),
    }


def test_a_stream_of_our_own_is_written_back_byte_for_byte() -> None:
    assert written(own_stream()) == own_stream()


def test_the_paths_are_those_of_the_description() -> None:
    body = DEVICE.save(gadget())
    ours = [one.path for one in DEVICE.fields_of(body, path="gadget/2.") if one.kind != "buffer"]

    (section,) = read(own_stream()).sections

    assert [one.path for one in section.fields() if one.kind != "buffer"] == ours


def test_a_writer_says_which_section_is_optional() -> None:
    assert read(own_stream(optional=True)).sections[0].optional
