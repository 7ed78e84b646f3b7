"""The machine's state in a qcow2 image: found, read cluster by cluster, and never trusted."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest

from stressor.errors import StreamError, UsageError
from stressor.vmstate.stream import compare_streams
from stressor.vmstate.stream.qcow2 import Qcow2Image
from tests.vmstate.stream.images import image
from tests.vmstate.stream.samples import IMAGE, parsed, read, small, stored

STATE = bytes(range(256)) * 20 + b"the end"


def state(data: bytes, wanted: str | None = None) -> bytes:
    opened = Qcow2Image(io.BytesIO(data), len(data)).open_state(wanted)
    return opened.readall()


@pytest.mark.parametrize("bits", [9, 10, 16])
@pytest.mark.parametrize("version", [2, 3])
def test_the_state_lies_behind_the_disk(bits: int, version: int) -> None:
    assert state(image(("one", STATE), bits=bits, version=version)) == STATE


def test_compressed_clusters_are_unpacked() -> None:
    assert state(image(("one", STATE), compressed={0, 3, 10})) == STATE


def test_zero_clusters_are_zeros() -> None:
    assert state(image(("one", STATE), zero={2})) == STATE[:1024] + bytes(512) + STATE[1536:]


def test_a_state_of_many_tables_is_read() -> None:
    long = STATE * 40

    assert state(image(("one", long))) == long


def test_a_snapshot_is_chosen_by_name_or_id() -> None:
    data = image(("one", b"first"), ("two", b"second"))

    assert (state(data, "two"), state(data, "1")) == (b"second", b"first")


@pytest.mark.parametrize(
    ("states", "wanted", "problem"),
    [
        ([], None, "no snapshot  in the image; it has none"),
        ([("one", b"x")], "two", "no snapshot two in the image; it has one"),
        ([("one", b"x"), ("two", b"y")], None, "2 snapshots fit; choose with --snapshot from one, two"),
        ([("one", b"")], None, "holds a disk and no machine"),
    ],
)  # fmt: skip
def test_a_snapshot_that_is_not_there_is_the_users_error(
    states: list[tuple[str, bytes]], wanted: str | None, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        state(image(*states), wanted)


def changed(offset: int, format: str, value: int, **options: Any) -> bytes:
    data = bytearray(image(("one", STATE), **options))
    struct.pack_into(format, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"QFI\xfb", "truncated"),
        (changed(4, ">I", 4), "has version 4"),
        (changed(20, ">I", 40), "clusters of 2 to the power of 40"),
        (image(("one", STATE), crypt=2), "is encrypted"),
        (image(("one", STATE), features=1 << 4), r"uses features 0x10"),
        (changed(60, ">I", 1 << 20), "1048576 of them"),
        (changed(60, ">I", 60000), "truncated|extra data"),
        (changed(64, ">Q", 1 << 60), "truncated"),
        (image(("one", STATE))[:-512], "truncated"),
    ],
)  # fmt: skip
def test_a_damaged_image_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        state(data)


def entry(data: bytes | bytearray) -> int:
    """Return where the snapshot table begins."""
    (offset,) = struct.unpack_from(">Q", data, 64)
    return int(offset)


@pytest.mark.parametrize(
    ("place", "format", "value", "problem"),
    [
        (0, ">Q", 1 << 50, "truncated"),
        (8, ">I", 1 << 31, "has 2147483648 entries"),
        (8, ">I", 1, "maps 0 bytes"),
        (36, ">I", 5000, "5000 bytes of extra data"),
        (40, ">Q", 1 << 62, "in this small image"),
        (40, ">Q", 1 << 18, "maps 32768 bytes of a state of 262144"),
    ],
)
def test_a_damaged_snapshot_is_refused(place: int, format: str, value: int, problem: str) -> None:
    data = bytearray(image(("one", STATE)))
    struct.pack_into(format, data, entry(data) + place, value)

    with pytest.raises(StreamError, match=problem):
        state(bytes(data))


def damaged_cluster(value: int) -> bytes:
    """Replace the first cluster's entry, in the table that follows the state's clusters."""
    data = bytearray(image(("one", STATE)))
    (first,) = struct.unpack_from(">Q", data, entry(data))
    (second,) = struct.unpack_from(">Q", data, first + (1 << 20) // (1 << 15) * 8)
    struct.pack_into(">Q", data, second & 0xFFFFFFFFFFFFFF, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0, "was never written"),
        (1 << 63 | 1 << 40, "truncated"),
        (1 << 62, "does not unpack|unpacks to"),
        (1 << 62 | 1 << 40, "truncated"),
    ],
)
def test_a_damaged_cluster_is_refused(value: int, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        state(damaged_cluster(value))


def test_a_stream_in_an_image_is_the_same_stream() -> None:
    in_image, alone = read(image(("snap", small())), snapshot="snap"), read(small())

    assert in_image.parts == alone.parts


def test_the_snapshot_of_a_real_machine_has_the_devices_of_its_stream() -> None:
    comparison = compare_streams(parsed("qemu-7.2-sabrelite"), read(stored(IMAGE)))

    assert comparison.equal
    assert comparison.alike == comparison.compared == 51
