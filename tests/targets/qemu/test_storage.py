"""The image in which QEMU keeps its state, and the folder that it lies in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stressor.errors import StreamError, UsageError
from stressor.targets.qemu import storage
from stressor.targets.qemu.storage import ROOM, SLOT, Storage, new_folder


def test_a_new_image_has_an_empty_slot_and_no_other_state(tmp_path: Path) -> None:
    made = Storage(tmp_path / "state.qcow2")

    with pytest.raises(UsageError, match="no snapshot whole in the image; it has slot"):
        made.read_state("whole")
    assert made.read_state(SLOT) == bytes(ROOM)
    assert made.path.stat().st_blocks * 512 < ROOM // 8


@pytest.mark.qemu
@pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img on the PATH")
def test_qemu_finds_no_fault_in_a_new_image(tmp_path: Path) -> None:
    made = Storage(tmp_path / "state.qcow2")

    checked = subprocess.run(["qemu-img", "check", made.path], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert "No errors were found" in checked.stdout


def test_what_is_put_into_the_slot_is_its_state(tmp_path: Path) -> None:
    made = Storage(tmp_path / "state.qcow2")
    data = bytes(range(256)) * 1000

    made.write_slot(data)

    assert made.read_state(SLOT).startswith(data)


def test_what_is_too_long_for_the_slot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=f"there is room for {ROOM} bytes of {ROOM + 1}"):
        Storage(tmp_path / "state.qcow2").write_slot(bytes(ROOM + 1))


def test_what_a_killed_process_left_behind_is_removed() -> None:
    kept = new_folder()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = kept.parent / f"{storage._PREFIX}{int(dead.stdout)}-{storage._numbered_by()}-x"
    elsewhere = kept.parent / f"{storage._PREFIX}{int(dead.stdout)}-1-x"  # of a container that numbers processes anew
    left.mkdir()
    elsewhere.mkdir()

    another = new_folder()

    assert not left.exists()
    assert kept.exists()
    assert kept.name.startswith(f"{storage._PREFIX}{os.getpid()}-")
    for folder in (kept, another, elsewhere):
        folder.rmdir()
