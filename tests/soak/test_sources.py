from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from stressor.errors import TargetError
from stressor.soak.job import Sources
from stressor.soak.sources import check_imported, clear, gathered, unpacked

ELSEWHERE = "json:Class"


def test_what_is_reached_by_import_has_to_be_the_same_file(tmp_path: Path) -> None:
    there = gathered(ELSEWHERE, tmp_path)

    check_imported(there, "a worker")
    assert there.files == {}
    assert there.imported == {"json": hashlib.sha256(Path(json.__file__).read_bytes()).hexdigest()}
    with pytest.raises(TargetError, match="a worker has another json; install the same version there"):
        check_imported(msgspec.structs.replace(there, imported={"json": "0"}), "a worker")
    with pytest.raises(TargetError, match="a worker does not have no_such_module"):
        check_imported(msgspec.structs.replace(there, imported={"no_such_module": "0"}), "a worker")


def test_files_are_unpacked_once_and_go_with_the_process() -> None:
    sources = Sources({"devices/a.py": "A = 1\n"})

    folder = unpacked(sources)

    assert folder is not None
    assert folder == unpacked(sources)
    assert (folder / "devices" / "a.py").read_text() == "A = 1\n"
    clear()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../a.py", "/a.py", "devices/../../a.py"])
def test_a_file_outside_of_its_folder_is_refused(name: str) -> None:
    for _ in range(2):
        with pytest.raises(TargetError, match="points out of the folder of a job; it is refused"):
            unpacked(Sources({name: ""}))


def test_without_files_there_is_no_folder() -> None:
    assert unpacked(None) is None
    assert unpacked(Sources()) is None
