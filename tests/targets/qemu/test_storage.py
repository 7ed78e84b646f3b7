"""The image in which QEMU keeps its state, and the folder that it lies in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stressor.errors import StreamError, UsageError
from stressor.targets.qemu import storage
from stressor.targets.qemu.storage import Storage, new_folder


def test_a_new_image_has_no_state(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no snapshot stressor"):
        Storage(tmp_path / "state.qcow2").read_state("stressor")


def test_what_is_too_long_for_the_slot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="there is room for 0 bytes of 3"):
        Storage(tmp_path / "state.qcow2").write_state(b"abc")


def test_what_a_killed_process_left_behind_is_removed() -> None:
    kept = new_folder()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = kept.parent / f"{storage._PREFIX}{int(dead.stdout)}-x"
    left.mkdir()

    another = new_folder()

    assert not left.exists()
    assert kept.exists()
    assert kept.name.startswith(f"{storage._PREFIX}{os.getpid()}-")
    for folder in (kept, another):
        folder.rmdir()
