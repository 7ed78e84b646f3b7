"""The parts of a stream, in order, from a file and from a pipe."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from stressor.errors import StreamError, UsageError
from stressor.vmstate.stream import (
    Command,
    Configuration,
    DescriptionPart,
    DeviceSection,
    EndMark,
    Header,
    RamSection,
    Tag,
    Trailing,
    read_stream,
)
from tests.vmstate.stream.samples import (
    STORED,
    Pipe,
    description,
    device,
    field,
    footer,
    full,
    header,
    memory,
    named,
    parsed,
    read,
    small,
    stored,
)


@pytest.mark.parametrize("name", STORED)
def test_the_parts_lie_side_by_side(name: str) -> None:
    end = 0
    for part in parsed(name).parts:
        assert part.offset == end
        end += part.size

    assert end == len(stored(name))
    assert parsed(name).notes == ()


@pytest.mark.parametrize("name", STORED)
def test_a_pipe_gives_what_a_file_gives(name: str) -> None:
    assert read_stream(Pipe(stored(name))).parts == parsed(name).parts


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "guest.mig").write_bytes(small())

    stream = read_stream(tmp_path / "guest.mig")

    assert (stream.name, stream.size) == (str(tmp_path / "guest.mig"), len(small()))


def test_a_stream_has_these_parts() -> None:
    command = struct.pack(">BHH2s", 8, 11, 2, b"hi")
    data = header() + command + memory(b"", ("m", 4096)) + small()[len(header()) :] + b"rest"

    parts = read(data).parts

    assert [type(part) for part in parts] == [
        Header,
        Configuration,
        Command,
        RamSection,
        DeviceSection,
        EndMark,
        DescriptionPart,
        Trailing,
    ]
    assert isinstance(parts[2], Command)
    assert (parts[2].number, parts[2].data) == (11, b"hi")


def test_the_configuration_says_what_both_sides_must_have_alike() -> None:
    def subsection(name: str, body: bytes) -> bytes:
        return b"\5" + named(f"configuration/{name}") + struct.pack(">I", 1) + body

    data = header("virt") + subsection("target-page-bits", struct.pack(">I", 12))
    data += subsection("capabilities", struct.pack(">I", 2) + named("xbzrle") + named("events"))
    data += subsection("uuid", bytes(range(16)))

    configuration = read(data + description()).configuration

    assert configuration is not None
    assert configuration.machine == "virt"
    assert configuration.value("target_page_bits") == 12
    assert configuration.capabilities == ("xbzrle", "events")
    assert configuration.value("uuid") == bytes(range(16)).hex()
    assert configuration.value("other") is None


def test_an_unknown_subsection_of_the_configuration_has_the_length_that_is_described() -> None:
    data = header() + b"\5" + named("configuration/new") + struct.pack(">I", 1) + b"abc"
    told = {
        "vmsd_name": "configuration",
        "subsections": [{"vmsd_name": "configuration/new", "fields": [field("x", "buffer", 3)]}],
    }

    configuration = read(data + description(configuration=told)).configuration

    assert configuration is not None
    assert configuration.subsections[0].data == b"abc"
    with pytest.raises(StreamError, match="nothing says how long it is"):
        read(data + description())


def test_the_second_section_of_a_name_is_counted_and_said() -> None:
    once = device("dev", field("a", "uint8", 1))
    data = header() + full("dev", b"\1") + full("dev", b"\2") + description(once, once)

    stream = read(data)

    assert [(part.label, part.data) for part in stream.sections] == [
        ("dev/0", b"\1"),
        ("dev/0#2", b"\2"),
    ]
    assert stream.notes == (f"section dev/0 is there again, at byte {stream.sections[1].offset}",)


def test_other_instances_are_not_the_same_section() -> None:
    one, two = (device("dev", field("a", "uint8", 1), instance=number) for number in (0, 1))
    data = header() + full("dev", b"\1") + full("dev", b"\2", instance=1) + description(one, two)

    assert [part.label for part in read(data).sections] == ["dev/0", "dev/1"]


def test_without_a_description_the_footers_tell_the_lengths() -> None:
    body = b"x" + footer(9) + b"y"  # what looks like a footer and is none
    data = header() + full("one", body) + full("two", b"", section_id=3) + b"\0"

    stream = read(data)

    assert [(part.label, part.data) for part in stream.sections] == [
        ("one/0", body),
        ("two/0", b""),
    ]
    assert stream.notes == ("the stream does not describe itself: devices are not taken apart",)
    assert stream.sections[0].fields()[0].kind == "undescribed"
    assert stream.sections[1].fields() == ()


@pytest.mark.parametrize("name", [name for name in STORED if name != "qemu-7.2-pc-2.3"])
def test_a_real_stream_without_its_description_is_cut_at_the_same_places(name: str) -> None:
    described = parsed(name)
    end = next(part.offset for part in described.parts if isinstance(part, DescriptionPart))

    bare = read(stored(name)[:end])

    assert [(part.label, part.data) for part in bare.sections] == [
        (part.label, part.data) for part in described.sections
    ]
    assert bare.page_size in (described.page_size, 0)
    assert len(bare.notes) == 1


def test_a_section_that_is_left_out_of_the_description_is_said() -> None:
    data = header() + full("one", b"ab") + full("two", b"\1", section_id=3)
    data += description(
        device("two", field("a", "uint8", 1)), device("gone", field("a", "int8", 1))
    )

    stream = read(data)

    assert [part.data for part in stream.sections] == [b"ab", b"\1"]
    assert stream.notes == (
        "section one/0 is not described; its footer ends it",
        "section gone/0 is described, and is not here",
    )


def test_an_old_machine_writes_neither_configuration_nor_footers() -> None:
    stream = parsed("qemu-7.2-pc-2.3")

    assert stream.configuration is None
    assert not any(part.footer for part in stream.sections)


def test_progress_is_told_bytes_and_the_size() -> None:
    told: list[tuple[int, int | None]] = []
    data = stored("qemu-7.2-pc")

    read(data, progress=lambda done, size: told.append((done, size)))
    read_stream(Pipe(data), progress=lambda done, size: told.append((done, size)))

    assert told[0] == (len(data), len(data))
    assert told[-1] == (len(data), None)


GOOD = small()
TWO = description(device("one"), device("dev", field("a", "uint8", 1)))
SECTION = header() + full("dev", b"\1\2\3")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "begins with nothing"),
        (b"QEVX" + GOOD[4:], "begins with 51 45 56 58, and a stream with QEVM"),
        (b"QEVM\0\0\0\2", "format version 2; only 3 is known"),
        (header(), "ends without an end mark"),
        (header() + b"\x55", "0x55 begins no part"),
        (header() + header()[8:], "is not at the beginning"),
        (header() + b"\2\0\0\0\1", "id 1 goes on, and has not begun"),
        (GOOD.replace(footer(9), footer(8)), "its footer is that of section 8"),
        (SECTION + SECTION[len(header()) :].replace(footer(9), b"") + b"\0", "nothing says"),
        (header() + full("one", b"") + full("dev", b"\1")[:-5] + TWO, "no footer where it ends"),
        (GOOD[:-1], "needs"),
        (SECTION + b"\0\6\0\0\0\2[]", "is no description of QEMU's"),
        (SECTION + b"\0\6\0\0\0\1{", "is no description of QEMU's"),
        (header() + full("dev", b"\1"), "nothing says how long it is"),
        (header() + struct.pack(">BHH", 8, 1, 9), "needs 9 bytes, and 0 are left"),
        (b"QEVM" + struct.pack(">IBI", 3, 7, 1 << 31), "name has 2147483648 bytes"),
        (small(b"\1", field("a", "buffer", 1 << 40)), "more than can be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        read(data)


def test_a_description_that_is_nested_without_end_is_refused() -> None:
    for depth in (40, 100_000):
        part = b'{"name":"f","type":"struct","size":1,"struct":{"fields":['
        text = b'{"devices":[{"name":"d","instance_id":0,"fields":[' + part * depth
        text += b"]}}" * depth + b"]}]}"

        with pytest.raises(StreamError, match="nested"):
            read(header() + b"\0\6" + struct.pack(">I", len(text)) + text)


def test_a_file_that_is_not_there_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_stream(tmp_path / "gone.mig")
    with pytest.raises(UsageError, match="is no qcow2 image; leave out"):
        read(small(), snapshot="one")
    with pytest.raises(UsageError, match="cannot be read from a pipe"):
        read_stream(Pipe(small()), snapshot="one")


def test_a_device_section_in_a_live_section_is_read_by_its_footer() -> None:
    part = struct.pack(">BI", 1, 7) + named("dirty-bitmap") + struct.pack(">II", 0, 1) + b"abc"

    stream = read(header() + part + footer(7) + description())

    assert (stream.sections[0].tag, stream.sections[0].data) == (Tag.START, b"abc")


def test_a_pipe_with_more_than_is_kept_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stressor.vmstate.stream.reader.MOST_DEVICE_BYTES", 1000)
    data = small(bytes(2000), field("a", "buffer", 2000))

    with pytest.raises(StreamError, match="devices in a pipe; save it to a file"):
        read_stream(Pipe(data))


def test_a_file_that_fails_while_it_is_read_is_an_error_with_its_place() -> None:
    class Failing(Pipe):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            raise OSError(5, "Input/output error")

    with pytest.raises(StreamError, match="stream at byte 0: cannot be read: Input/output error"):
        read_stream(Failing(b""))
