"""What a binary says of itself, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressor.errors import UsageError
from stressor.targets.qemu.binary import QemuBinary, binary_at


def executable(folder: Path, body: str) -> QemuBinary:
    path = folder / "qemu-system-x86_64"
    path.write_text(f"#!/bin/sh\necho 'QEMU emulator version 10.0.2'\n{body}\n")
    path.chmod(0o755)
    return binary_at(str(path))


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("Property 'qtest-accel.help' not found", True),
        ("invalid accelerator qtest", False),
    ],
)
def test_the_accelerator_qtest_is_known_by_what_it_says(tmp_path: Path, words: str, there: bool) -> None:
    """`-accel help` names it nowhere, not even where it is built in."""
    binary = executable(tmp_path, f'case "$*" in *help*) echo "-accel qtest,help: {words}" >&2;; esac')

    assert binary.qtest_clock is there


def test_a_binary_that_cannot_list_its_devices_says_why(tmp_path: Path) -> None:
    """Such as one that finds the modules of another version, and ends."""
    binary = executable(tmp_path, "echo 'failed to initialize module: ui-opengl.so' >&2")

    with pytest.raises(UsageError, match=r"lists no device, it says: failed to initialize module: ui-opengl\.so"):
        _ = binary.devices
