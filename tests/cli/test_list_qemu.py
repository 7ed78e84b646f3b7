"""`stressor list qemu`, with an inventory that is given."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import CommandLine

inventory = pytest.importorskip("stressor.targets.qemu.inventory", reason="needs the package qemu.qmp")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for; two devices fit, and three do not."""
    specifications: list[str] = []
    why = "qemu-system-x86_64: -device vfio-pci,id=stressed: No provided host device"

    def entries(specification: str) -> Iterator[object]:
        specifications.append(specification)
        for name, reason, problem, regions, companions in (
            ("edu", "", "", 1, ()),
            ("virtio-scsi-pci-non-transitional-long", "", "", 6, ("scsi-hd", "scsi-cd")),
            ("vfio-pci", "does not start", why, 0, ()),
            ("vfio-pci-nohotplug", "does not start", why, 0, ()),
            ("rocker", "not migratable", "not migratable: rocker says that it cannot be saved", 0, ()),
        ):
            yield inventory.Entry(name, f"qemu:{name}", reason, problem, regions, companions, ())

    monkeypatch.setattr(inventory, "inventory", entries)
    return specifications


def test_devices_are_listed_by_whether_they_can_be_stressed(command: CommandLine) -> None:
    code, out, errors = command("list", "qemu")

    command.stored("list-qemu.txt", out)
    assert (code, errors) == (0, "")


def test_the_reasons_are_given_when_asked_for(command: CommandLine) -> None:
    out = command("list", "qemu", "-v").out

    assert max(map(len, out.splitlines())) <= 80
    assert "No provided host\n        device" in out
    assert "  rocker\n        not migratable: rocker says" in out


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("qemu", "qemu:*"),
        ("qemu:", "qemu:*"),
        ("qemu:machine=q35", "qemu:*,machine=q35"),
        ("qemu:virtio-*,machine=q35", "qemu:virtio-*,machine=q35"),
    ],
)
def test_what_is_written_is_a_sweep(command: CommandLine, asked: list[str], given: str, meant: str) -> None:
    lines = command("list", given, "--json").out.splitlines()

    assert asked == [meant]
    assert json.loads(lines[2])["reason"] == "does not start"


def test_more_than_one_is_refused(command: CommandLine) -> None:
    code, _, errors = command("list", "qemu", "devices")

    assert code == 2
    assert "list takes one qemu: target, alone" in errors
