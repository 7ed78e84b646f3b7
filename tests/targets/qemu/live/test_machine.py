"""Memory and disks of a guest come through a cycle as they were."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressor.targets.qemu.binary import binary_for
from stressor.targets.qemu.live.machine import LiveMachine
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.process import QemuProcess

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

KERNEL_AT = 0x10000
"""Where versatilepb puts what is given with -kernel."""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[QemuProcess]:
    if not shutil.which("qemu-system-arm"):
        pytest.skip("no qemu-system-arm on the PATH")
    kernel = tmp_path / "kernel"
    kernel.write_bytes(bytes(range(256)) * 300)
    process = QemuProcess(
        binary_for("versatilepb"), ["-machine", "versatilepb", "-kernel", str(kernel)], memory="16M"
    ).connect()
    yield process
    process.close()


def written(process: QemuProcess) -> str:
    process.run([f"write {KERNEL_AT + 0x8000:#x} 5 0x6775657374"])
    return process.run([f"read {KERNEL_AT + 0x7FFE:#x} 9"])[0]


def test_a_kernel_is_not_written_over_a_running_guest_by_a_reset(board: QemuProcess) -> None:
    machine = LiveMachine(board)
    before = written(board)

    machine.reset()

    assert board.run([f"read {KERNEL_AT + 0x7FFE:#x} 9"]) == [before]


def test_a_plain_reset_does_write_it(board: QemuProcess) -> None:
    machine = Machine(board)
    before = written(board)

    machine.reset()

    assert board.run([f"read {KERNEL_AT + 0x7FFE:#x} 9"]) != [before]


def test_a_disk_keeps_what_was_written_after_the_save(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    process = QemuProcess(
        binary_for("pc"), ["-machine", "pc", "-drive", f"file={disk},format=raw,if=virtio,id=own"]
    ).connect()
    try:
        machine = LiveMachine(process)
        devices = machine.save()
        process.human('qemu-io own "write -P 0xa5 0 512"')
        machine.reset()
        machine.load(devices)
        machine.save_whole()  # once more, where there is a snapshot already
        machine.load(devices)

        assert machine.save() == devices
    finally:
        process.close()
    assert disk.read_bytes()[:512] == b"\xa5" * 512
