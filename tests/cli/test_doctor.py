"""What is said of the QEMU that is there, or is not."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

FAKE = """#!/bin/sh
case "$*" in
    --version) echo "QEMU emulator version 9.9.9 (a fake)" ;;
    *"-accel qtest,help") echo "-accel qtest,help: Property 'qtest-accel.help' not found" >&2 ;;
    "-machine help") echo "Supported machines are:"; echo "one  the first"; echo "two  the second" ;;
esac
"""


def only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the PATH be one folder, and the shell."""
    monkeypatch.setenv("PATH", f"{folder}:{Path(shutil.which('sh') or '').parent}")
    monkeypatch.setattr("os.get_exec_path", lambda: [str(folder)])


def test_a_binary_is_told_with_its_version_machines_and_clock(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "qemu-system-fake"
    binary.write_text(FAKE)
    binary.chmod(0o755)
    only(tmp_path, monkeypatch)

    result = command("doctor")

    assert "qemu-system-fake       9.9.9, 2 machines, the clock can be stepped\n" in result.out
    assert result.out.endswith("\nready for qemu: targets\n")
    assert result.code == 0


def test_what_is_missing_is_told_with_the_cure(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("stressor.targets.qemu.binary.installed", lambda: iter(()))
    monkeypatch.setattr("importlib.metadata.version", missing)

    result = command("doctor")

    assert "qemu-system-*          missing: install Debian's qemu-system-x86" in result.out
    assert "qemu.qmp               missing: install it, or Stressor with the extra qemu\n" in result.out
    assert result.out.endswith("\nmissing for qemu: targets: qemu-system-*, qemu.qmp\n")
    assert result.code == 2


def test_what_a_guest_can_be_made_of_is_told(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressor.targets.qemu.live.initramfs._HOST", Path("nosuch"))
    monkeypatch.setattr("stressor.targets.qemu.binary.installed", lambda: iter(()))
    monkeypatch.setattr("pathlib.Path.glob", lambda folder, pattern: iter(()))

    out = command("doctor").out

    assert "\nguest kernel           none that can be read: install Debian's linux-image-cloud-amd64" in out
    assert "\nBusyBox                " in out
