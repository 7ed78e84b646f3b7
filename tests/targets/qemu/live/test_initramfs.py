"""The archive that a guest without a file system gets."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from stressor.errors import UsageError
from stressor.targets.qemu.live import initramfs
from stressor.targets.qemu.live.initramfs import archive, build_initramfs


def unpacked(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Read an archive of the format `newc`, as the kernel does."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + length - 1].decode()
        start = -(-(at + 110 + length) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = mode, data[start : start + size]
        at = -(-(start + size) // 4) * 4


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A distribution's root with a kernel, a BusyBox and three drivers."""
    drivers = tmp_path / "lib/modules/6.1/kernel/drivers"
    for folder in (tmp_path / "boot", tmp_path / "bin", drivers):
        folder.mkdir(parents=True)
    (tmp_path / "bin/busybox").write_bytes(b"\x7fELF static")
    (drivers / "virtio_blk.ko").write_bytes(b"...\0depends=virtio,virtio_ring\0...")
    (drivers / "virtio.ko").write_bytes(b"...\0depends=\0...")
    (drivers / "virtio-ring.ko.xz").write_bytes(lzma.compress(b"...\0depends=virtio\0..."))
    (tmp_path / "boot/vmlinuz-6.1").write_bytes(b"kernel")
    return tmp_path / "boot/vmlinuz-6.1"


def test_files_come_back_with_their_modes() -> None:
    entries = [("a", 0o040755, b""), ("a/file", 0o100644, b"12345"), ("empty", 0o100644, b"")]

    assert unpacked(archive(entries)) == {name: (mode, data) for name, mode, data in entries}


def test_drivers_come_behind_what_they_need(kernel: Path) -> None:
    found = unpacked(build_initramfs(kernel))

    assert found["modules/order"][1].decode().split() == ["virtio.ko", "virtio_ring.ko", "virtio_blk.ko"]
    assert found["modules/virtio_ring.ko"][1] == b"...\0depends=virtio\0..."
    assert found["bin/busybox"] == (0o100755, b"\x7fELF static")
    assert found["init"][1].startswith(b"#!/bin/busybox sh\n")


def test_a_busybox_that_needs_a_library_is_none(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kernel.parent.parent / "bin/busybox").write_bytes(b"\x7fELF /lib64/ld-linux-x86-64.so.2")
    monkeypatch.setattr(initramfs, "_HOST", kernel.parent / "none")

    with pytest.raises(UsageError, match=r"no statically linked BusyBox .*; install busybox-static, or give --initrd"):
        build_initramfs(kernel)
