"""Streams and snapshots that the installed QEMU writes, of ten machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stressor.vmstate.stream import Stream, compare_streams, read_stream, write_stream
from stressor.vmstate.stream.layout import pack_fields
from stressor.vmstate.stream.naming import UNDESCRIBED
from tests.vmstate.stream.machines import MACHINES, missing, save

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.parametrize("machine", MACHINES),
]


def assert_tiled(stream: Stream) -> None:
    for section in stream.sections:
        place = section.body
        for field in section.fields():
            assert field.kind != UNDESCRIBED
            assert field.offset == place
            place += field.size
        assert place == section.body + len(section.data)
        assert pack_fields(section.fields()) == section.data


def assert_written_back(stream: Stream, file: Path, out: Path) -> None:
    with open(file, "rb") as original, open(out, "wb") as written:
        write_stream(stream, written, original)
    assert out.read_bytes() == file.read_bytes()


def test_a_machine_is_read_whole(machine: str, tmp_path: Path) -> None:
    # One test a machine: starting it costs more than everything that is asked of it.
    reason = missing(machine)
    if reason is not None:
        pytest.skip(reason)
    saved = save(machine, tmp_path)

    stream = read_stream(saved.stream)
    snapshot = read_stream(saved.image, snapshot="snap")
    with open(saved.stream, "rb", buffering=0) as file:
        piped = read_stream(_OnlyForward(file))

    assert stream.notes == snapshot.notes == ()
    assert len(stream.sections) >= 10
    assert_tiled(stream)
    assert_tiled(snapshot)
    assert_written_back(stream, saved.stream, tmp_path / "written")
    comparison = compare_streams(stream, snapshot)
    assert comparison.differences == ()
    assert comparison.alike == len(stream.sections)
    assert (piped.parts, piped.page_size) == (stream.parts, stream.page_size)


class _OnlyForward:
    """A file as a pipe gives it."""

    def __init__(self, file: Any) -> None:
        self.readinto = file.readinto
        self.read = file.read
        self.seek = file.seek

    def seekable(self) -> bool:
        return False
