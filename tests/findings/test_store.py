from __future__ import annotations

import dataclasses
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stressor.errors import RecordError, UsageError
from stressor.findings.record import read
from stressor.findings.store import Store, write_atomically
from stressor.loop.finding import Finding
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT


@contextmanager
def full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def with_trace_of(length: int) -> Finding:
    return dataclasses.replace(FORGOTTEN_FIFO, trace=FORGOTTEN_FIFO.trace[:1] * length)


def test_a_written_finding_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")

    file = store.write(FORGOTTEN_FIFO)

    assert file == tmp_path / "new" / "folder" / f"{FORGOTTEN_FIFO.id}.json"
    assert store.all() == [FORGOTTEN_FIFO]


def test_a_finding_is_named_by_any_unique_prefix(tmp_path: Path) -> None:
    store = Store(tmp_path)
    file = store.write(FORGOTTEN_FIFO)
    store.write(LOST_INTERRUPT)

    assert store.find(FORGOTTEN_FIFO.id) == file
    assert store.find(FORGOTTEN_FIFO.id[:5]) == file
    assert store.find(FORGOTTEN_FIFO.id[2:5].upper()) == file


def test_an_ambiguous_prefix_names_the_candidates(tmp_path: Path) -> None:
    (tmp_path / "F-7c1e0000.json").touch()
    (tmp_path / "F-7c2a0000.json").touch()

    with pytest.raises(UsageError, match="F-7c is ambiguous: F-7c1e0000, F-7c2a0000; give more"):
        Store(tmp_path).find("F-7c")


def test_a_whole_id_is_never_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "F-7c1e.json").touch()
    (tmp_path / "F-7c1e0000.json").touch()

    assert Store(tmp_path).find("F-7c1e").name == "F-7c1e.json"


def test_an_unknown_id_suggests_a_close_one(tmp_path: Path) -> None:
    (tmp_path / "F-7c1e0000.json").touch()

    with pytest.raises(UsageError, match=r"no finding F-7c1f0000 in .*; did you mean F-7c1e0000\?"):
        Store(tmp_path).find("F-7c1f0000")


def test_an_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is none in .*missing"):
        Store(tmp_path / "missing").find("F-1")


@pytest.mark.parametrize(("stored", "new", "kept"), [(2, 3, 2), (2, 2, 2), (3, 2, 2)])
def test_the_shorter_trace_is_kept(tmp_path: Path, stored: int, new: int, kept: int) -> None:
    store = Store(tmp_path)
    store.write(with_trace_of(stored))

    file = store.write(with_trace_of(new))

    assert len(read(file).trace) == kept


def test_what_cannot_be_read_is_moved_aside_and_not_overwritten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    file = tmp_path / f"{FORGOTTEN_FIFO.id}.json"
    file.write_text('{"format": 999}')

    store.write(FORGOTTEN_FIFO)

    assert read(file) == FORGOTTEN_FIFO
    assert (tmp_path / f"{file.name}.unreadable").read_text() == '{"format": 999}'
    assert store.paths() == [file]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    file = store.write(with_trace_of(3))
    before = file.read_bytes()

    with (
        full_disk(),
        pytest.raises(RecordError, match="cannot be written: File too large; make room"),
    ):
        store.write(with_trace_of(2))

    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    with pytest.raises(RecordError, match=r"cannot be written: .*choose another folder"):
        Store(tmp_path / "taken").write(FORGOTTEN_FIFO)


def test_a_removed_finding_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(FORGOTTEN_FIFO)

    store.remove(FORGOTTEN_FIFO)

    assert store.all() == []


def test_a_link_stays_one_and_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "real")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    for file in (link, pipe):
        write_atomically(file, b"data")

    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"data"
    assert (os.read(reader, 9), pipe.is_fifo()) == (b"data", True)
    os.close(reader)
