"""Guest memory: each kind of record is passed over, and none is taken on trust."""

from __future__ import annotations

import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressor.errors import StreamError
from stressor.vmstate.stream import read_stream
from tests.vmstate.stream.samples import (
    Pipe,
    description,
    full,
    header,
    memory,
    named,
    parsed,
    read,
)

PAGE = 4096
BLOCK = ("m", 1 << 30)


def first(flags: int, address: int = 0, block: str = "m") -> bytes:
    return struct.pack(">Q", address | flags) + named(block)


def zero(page: int) -> bytes:
    return struct.pack(">QB", page * PAGE | 0x22, 0)


def whole(page: int) -> bytes:
    return struct.pack(">Q", page * PAGE | 0x28) + b"\xaa" * PAGE


def stream(records: bytes) -> bytes:
    return header() + memory(records, BLOCK) + description(page_size=PAGE)


BEGIN = first(0x02) + b"\0"


def test_the_blocks_are_listed() -> None:
    data = header() + memory(b"", ("one", 8192), ("two", 4096)) + description(page_size=PAGE)

    assert [(block.name, block.length) for block in read(data).blocks] == [
        ("one", 8192),
        ("two", 4096),
    ]


@pytest.mark.parametrize(
    ("records", "counts"),
    [
        (BEGIN, (0, 1, 0)),
        (first(0x08) + bytes(PAGE), (1, 0, 0)),
        (BEGIN + zero(1) + whole(2) + zero(9), (1, 3, 0)),
        (BEGIN + b"".join(map(zero, range(1, 5000))), (0, 5000, 0)),
        (BEGIN + b"".join(map(whole, range(1, 600))), (599, 1, 0)),
        (BEGIN + b"".join(map(zero, range(1, 4000, 2))), (0, 2001, 0)),
        (BEGIN + b"".join(map(zero, reversed(range(500)))), (0, 501, 0)),
        (BEGIN + b"".join(zero(5) for _ in range(500)), (0, 501, 0)),
        (BEGIN + b"".join(map(zero, [*range(1, 100), *range(200, 300), 7])), (0, 201, 0)),
        (BEGIN + struct.pack(">QBH", 0x1060, 1, 3) + b"abc" + zero(2), (0, 2, 1)),
        (first(0x40) + struct.pack(">BH", 1, 2) + b"ab", (0, 0, 1)),
        (BEGIN + struct.pack(">QI", 0x1120, 4) + b"abcd", (0, 1, 1)),
        (BEGIN + struct.pack(">Q", 0x200) + zero(1), (0, 2, 0)),
    ],
)  # fmt: skip
def test_pages_are_counted(records: bytes, counts: tuple[int, int, int]) -> None:
    (section,) = read(stream(records)).ram

    assert (section.full, section.zero, section.packed) == counts


def test_pages_go_on_in_the_next_section() -> None:
    data = header() + memory(BEGIN, BLOCK) + memory(zero(1), tag=2) + memory(whole(2), tag=3)

    ram = read(data + description(page_size=PAGE)).ram

    assert [(part.label, part.full, part.zero) for part in ram] == [
        ("ram/0", 0, 1),
        ("ram/0", 0, 1),
        ("ram/0", 1, 0),
    ]


@pytest.mark.parametrize("size", [1024, 2048, 4096, 8192, 16384, 65536])
@pytest.mark.parametrize("filling", [b"\0", b"\xff", bytes(range(256))])
def test_a_pipe_tells_the_size_of_a_page_by_what_follows_it(size: int, filling: bytes) -> None:
    pages = (filling * size)[:size]
    records = first(0x08) + pages
    records += b"".join(struct.pack(">Q", number * size | 0x28) + pages for number in (1, 2, 3))
    data = header() + memory(records, ("m", 64 * size)) + description(page_size=size)

    stream = read_stream(Pipe(data))

    assert (stream.page_size, stream.ram[0].full) == (size, 4)


def test_a_pipe_whose_pages_are_not_as_described_is_refused() -> None:
    pages = first(0x08) + bytes(PAGE) + whole(1) + whole(2)
    data = header() + memory(pages, BLOCK) + full("dev", b"") + description(page_size=8192)

    with pytest.raises(StreamError, match="4096 bytes were read, and 8192 are described"):
        read_stream(Pipe(data))


def test_a_page_size_that_nothing_tells_is_asked_for() -> None:
    data = header() + memory(first(0x08) + bytes(3000), BLOCK) + description()

    with pytest.raises(StreamError, match="how large a page is"):
        read(data)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (zero(0), "no block was named"),
        (first(0x02, block="x") + b"\0", "there is no block 'x'"),
        (BEGIN + zero(1 << 18), "behind its block's end"),
        (BEGIN + b"".join(map(zero, range((1 << 18) - 64, (1 << 18) + 1))), "behind its block's end"),
        (BEGIN + struct.pack(">Q", 0x80), "travels by RDMA"),
        (BEGIN + struct.pack(">Q", 0x2A), "0x2a is no kind of page"),
        (BEGIN + struct.pack(">Q", 0), "0x0 is no kind of page"),
        (BEGIN + b"".join(map(zero, range(1, 99))) + struct.pack(">QB", 0x21, 0), "is no kind of page"),
        (BEGIN + struct.pack(">Q", 0x1004), "lists the blocks of memory again"),
        (BEGIN + struct.pack(">QI", 0x120, 1 << 31), "truncated"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_is_refused(records: bytes, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        read(stream(records))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (memory(b"", BLOCK, version=3), "has version 3; only 4 is known"),
        (memory(b"", ("m", 4096)).replace(b"\x10\x04", b"\x0c\x04"), "the blocks are"),
        (memory(BEGIN, BLOCK) + description(page_size=3000), "a page of 3000 bytes"),
        (memory(BEGIN, BLOCK)[:-9], "truncated"),
    ],
)
def test_a_section_of_memory_that_cannot_be_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        read(header() + data)


def capability(name: str) -> bytes:
    head = b"\5" + named("configuration/capabilities") + struct.pack(">I", 1)
    return header() + head + struct.pack(">I", 1) + named(name)


def test_shared_memory_has_an_address_behind_each_block() -> None:
    block = struct.pack(">Q", 0x1004) + named("m") + struct.pack(">QQ", 0x1000, 0xE000_0000)
    data = capability("x-ignore-shared") + memory(block) + description(page_size=PAGE)

    assert [item.name for item in read(data).blocks] == ["m"]


def test_memory_that_is_mapped_into_the_file_is_refused_with_the_cure() -> None:
    with pytest.raises(StreamError, match="save it without mapped-ram"):
        read(capability("mapped-ram") + memory(b"", BLOCK) + description())


def test_real_memory_is_counted() -> None:
    ram = parsed("qemu-7.2-mps2-an385").ram

    assert sum(part.zero for part in ram) * 1024 == sum(
        block.length for part in ram for block in part.blocks
    )


def records(count: int) -> Iterator[bytes]:
    yield first(0x08) + bytes(PAGE)
    for begin in range(1, count, 1024):
        yield b"".join(whole(page) for page in range(begin, min(count, begin + 1024)))


@pytest.mark.slow
def test_memory_is_never_held(tmp_path: Path) -> None:
    count = 24 * 1024  # 96 MB
    start, end = memory(b"", BLOCK).split(struct.pack(">Q", 0x10))
    with open(tmp_path / "guest.mig", "wb") as file:
        file.write(header() + start)
        file.writelines(records(count))
        file.write(struct.pack(">Q", 0x10) + end + description(page_size=PAGE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    stream = read_stream(tmp_path / "guest.mig")

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert stream.ram[0].full == count
    assert grown < 8 * 1024  # KB
