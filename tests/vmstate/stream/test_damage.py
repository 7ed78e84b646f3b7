"""Damaged streams and images: the documented errors and no other, in bounded memory and time."""

from __future__ import annotations

import io
import struct
import tracemalloc
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mutate import run_mutations
from stressor.errors import StreamError, UsageError
from stressor.report.inspection import stream_text
from stressor.report.inspection_json import stream_json
from stressor.vmstate.stream import Stream, compare_streams, read_stream, write_stream
from tests.vmstate.stream.images import image
from tests.vmstate.stream.samples import (
    Pipe,
    description,
    device,
    field,
    full,
    header,
    memory,
    read,
    small,
    stored,
)

MICROVM = stored("qemu-7.2-microvm")
NESTED = small(
    b"\1\2\1\7\0\5\5dev/s\0\0\0\1\3",
    field("a", "struct", 1, array_len=2, struct={"fields": [field("x", "uint8", 1)]}),
    field("q", "qtailq", 3, fields=[field("y", "uint8", 1)]),
    subsections=[{"vmsd_name": "dev/s", "version": 1, "fields": [field("z", "bool", 1)]}],
)
PAGES = struct.pack(">Q", 2) + b"\1m\0" + struct.pack(">Q", 0x1028) + bytes(4096)
WITH_MEMORY = header() + memory(PAGES, ("m", 1 << 20)) + NESTED[len(header()) :]
IMAGE = image(("one", NESTED), ("two", small()), compressed={0}, zero={1})

Change = tuple[int, int, bytes]


def changes(data: bytes) -> st.SearchStrategy[list[Change]]:
    """Replace some bytes at some places by others, fewer or more."""
    place = st.integers(0, len(data) - 1)
    words = st.sampled_from([struct.pack(">Q", 1 << shift) for shift in (0, 31, 40, 62, 63)])
    new = st.binary(max_size=4) | words | words.map(lambda word: word[4:])
    return st.lists(st.tuples(place, st.integers(0, 8), new), min_size=1, max_size=4)


def changed(data: bytes, parts: list[Change]) -> bytes:
    for place, gone, new in parts:
        data = data[:place] + new + data[place + gone :]
    return data


def use(stream: Stream, data: bytes) -> None:
    """Do with a stream everything that can be done; what is written back must be what was read."""
    try:
        list(stream_text(stream))
        stream_json(stream)
        assert compare_streams(stream, stream).equal
    except StreamError:
        return
    out = io.BytesIO()
    write_stream(stream, out, io.BytesIO(data))
    assert out.getvalue() == data


@pytest.mark.parametrize(
    "whole", [NESTED, WITH_MEMORY, MICROVM], ids=["devices", "memory", "microvm"]
)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_stream_is_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    damaged = changed(whole, data.draw(changes(whole)))

    try:
        stream = read(damaged)
    except StreamError:
        return
    use(stream, damaged)


@settings(max_examples=100, deadline=None)
@given(changes(WITH_MEMORY))
def test_a_changed_stream_in_a_pipe_is_read_or_refused(parts: list[Change]) -> None:
    damaged = changed(WITH_MEMORY, parts)

    try:
        stream = read_stream(Pipe(damaged, most=61))
    except StreamError:
        return
    use(stream, damaged)


@settings(max_examples=200, deadline=None)
@given(changes(IMAGE))
def test_a_changed_image_is_read_or_refused(parts: list[Change]) -> None:
    damaged = changed(IMAGE, parts)

    try:
        read(damaged, snapshot="one")
    except (StreamError, UsageError):
        return


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    data = header() + body

    try:
        stream = read(data)
    except StreamError:
        return
    use(stream, data)


@pytest.mark.parametrize("whole", [WITH_MEMORY, IMAGE], ids=["stream", "image"])
def test_every_truncation_is_refused(whole: bytes) -> None:
    behind = whole.rindex(b"}") + 1 if whole is WITH_MEMORY else len(whole) - 1
    accepted = []

    for end in range(behind):
        try:
            stream = read(whole[:end], snapshot="one" if whole is IMAGE else None)
        except (StreamError, UsageError):
            continue
        accepted.append((end, stream.notes))

    # Before its description a stream may end, and says so; an image may lose what it does not use.
    if whole is WITH_MEMORY:
        end = whole.index(b"\6", whole.index(b"\x7e\0\0\0\x09"))
        assert accepted == [
            (end, ("the stream does not describe itself: devices are not taken apart",))
        ]
    else:
        assert all(end > len(whole) - 4096 for end, _ in accepted)


HUGE = 0x7FFF_FFFF
CLAIMS = {
    "a name of the machine": b"QEVM" + struct.pack(">IBI", 3, 7, HUGE),
    "a command": header() + struct.pack(">BHHI", 8, 5, 4, HUGE),
    "a description": header() + b"\0\6" + struct.pack(">I", HUGE) + b"{}",
    "a field": small(b"\1", field("a", "buffer", HUGE >> 4)),
    "an array": small(b"\1", field("a", "uint8", 1, array_len=HUGE)),
    "a page": header() + memory(b"", ("m", 1 << 60)) + description(page_size=65536),
    "a compressed page": header()
    + memory(PAGES + struct.pack(">QI", 0x120, HUGE), ("m", 1 << 20))[:-13],
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_claimed_is_not_allocated(claim: str) -> None:
    tracemalloc.start()
    try:
        read(CLAIMS[claim])
    except StreamError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert most < 4 << 20


def many_sections(count: int) -> bytes:
    return header() + full("dev", b"") * count + b"\0"


def many_devices(count: int) -> bytes:
    one = device("dev", field("a", "uint8", 1))
    return header() + full("dev", b"\1") * count + description(*[one] * count)


def many_tags(count: int) -> bytes:
    return header() + full("dev", b"\0\6\0\0\0\1{" * count) + b"\0"


def many_footers(count: int) -> bytes:
    return header() + full("dev", b"\x7e\0\0\0\x09" * count) + b"\0"


def many_names(count: int) -> bytes:
    fields = [field("a", "uint8", 1, index=number % 7) for number in range(count)]
    return small(bytes(count), *fields)


def many_pages(count: int) -> bytes:
    pages = struct.pack(">Q", 2) + b"\1m\0" + struct.pack(">QB", 0x22, 0) * count
    return header() + memory(pages, ("m", 1 << 20)) + description(page_size=4096)


def many_blocks(count: int) -> bytes:
    blocks = [(f"{number:05}", 4096) for number in range(count)]
    return header() + memory(b"", *blocks) + description(page_size=4096)


def many_bytes(count: int) -> bytes:
    return small(bytes(count), field("a", "buffer", count))


MANY = [many_sections, many_devices, many_tags, many_footers, many_names, many_pages, many_blocks]


@pytest.mark.slow
@pytest.mark.parametrize("make", [*MANY, many_bytes])
def test_the_time_grows_with_the_size_and_no_faster(make: object) -> None:
    assert callable(make)

    def spent(data: bytes) -> float:
        begin = perf_counter()
        stream = read(data)
        for section in stream.sections:
            section.fields()
        return perf_counter() - begin

    few, many = make(500), make(8000)

    ratio = min(spent(many) for _ in range(3)) / min(spent(few) for _ in range(3))

    assert ratio < 16 * 6  # 16 times as much; what is quadratic takes 256 times as long


def test_a_sample_of_the_long_run_of_mutations() -> None:
    outcome = run_mutations(500, seed=7)

    assert outcome.escaped == ()
    assert outcome.read + outcome.refused == 500
    assert outcome.read > 20


def test_what_escapes_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Stream:
        raise KeyError("planted")

    monkeypatch.setattr("benchmarks.mutate.read_stream", broken)

    assert len(run_mutations(3, seed=7).escaped) == 3
