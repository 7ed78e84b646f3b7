"""Sweeps over real QEMU: what a pattern stands for, and what becomes of targets that do not fit."""

from __future__ import annotations

import shutil

import pytest

from stressor.cli.application import main
from stressor.cli.exit_code import ExitCode
from stressor.errors import NoDeviceError, UnsuitableError
from stressor.loop.events import Event, FindingFound, TargetFinished, TargetSkipped
from stressor.loop.finding import Kind, Oracle
from stressor.loop.trace import ResetMode
from stressor.search.replay import replay
from stressor.search.run import run
from stressor.targets.loader import find_models
from stressor.targets.qemu.inventory import inventory
from stressor.targets.qemu.model import qemu_model
from stressor.targets.qemu.process import QemuProcess
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.sweep import SweptModel, families, sweep

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]
arm = pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="no qemu-system-arm on the PATH")


def events_of(*specifications: str, cycles: int = 3) -> list[Event]:
    return [
        *run(
            find_models(specifications), seed=1, cycles=cycles, seconds=None, oracles=list(Oracle),
            reset_modes=list(ResetMode), configuration="", batch_timeout=10.0, stop=lambda: False, shrink=False,
        )
    ]  # fmt: skip


def test_a_pattern_stands_for_the_pci_devices_that_fit() -> None:
    found = sweep("qemu:e1000*,machine=q35,memory=8M")

    assert {"qemu:e1000,machine=q35", "qemu:e1000e,machine=q35"} <= {model.name for model in found}
    assert found[0].specification == "qemu:e1000,machine=q35,memory=8M"


@arm
def test_on_a_board_it_stands_for_the_board_and_families_of_its_regions() -> None:
    names = [model.name for model in sweep("qemu:*,machine=versatilepb")]

    assert names[0] == "qemu:machine=versatilepb"
    assert names.count("qemu:machine=versatilepb pl011") == 1
    assert [model.name for model in sweep("qemu:pl0?1,machine=versatilepb")] == [
        f"qemu:machine=versatilepb {name}" for name in ("pl041", "pl181", "pl011", "pl061", "pl031")
        if name != "pl181"
    ]  # fmt: skip


def test_a_pattern_that_fits_nothing_is_told() -> None:
    with pytest.raises(NoDeviceError, match=r"nosuch\*: nothing fits"):
        sweep("qemu:nosuch*")


def test_names_that_a_specification_would_misread_are_patterns() -> None:
    regions = [Region(name, 0, 4, False) for name in ("i2c.1", "i2c.2", "a[0], b", "uart", "uart#2")]

    assert [*families(regions)] == ["i2c.*", "a[[]0]? b", "uart"]


def test_a_target_starts_nothing_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = sweep("qemu:ed[u]")
    launch = QemuProcess._launch
    with monkeypatch.context() as patch:
        patch.delattr(QemuProcess, "_launch")
        assert (model.name, model.reset_modes[0]) == ("qemu:edu", ResetMode.IN_PLACE)
        with pytest.raises(AttributeError):
            model.open()

    assert QemuProcess._launch is launch
    model.open().close()
    assert "_model" in vars(model)
    model.close()
    assert "_model" not in vars(model)


def test_what_cannot_be_stressed_is_skipped_with_its_reason() -> None:
    events = events_of("qemu:[er][do][uc]*", "qemu:vfio-pci-nohot*")  # edu, rocker

    skipped = {event.target: event.reason for event in events if isinstance(event, TargetSkipped)}
    assert skipped == {"qemu:rocker": "not migratable", "qemu:vfio-pci-nohotplug": "does not start"}
    assert [event.target for event in events if isinstance(event, TargetFinished)] == ["qemu:edu"]
    assert events[-1].skipped == tuple(skipped)  # type: ignore[union-attr]


def test_one_that_is_not_migratable_alone_is_a_run_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "qemu:rocker"]) == ExitCode.NOTHING_RAN
    assert "not migratable: 0000:00:02.0/rocker says that it cannot be saved" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "section"),
    [
        ("virtio-blk-pci", "virtio-blk"),
        ("lsi53c895a", "scsi-disk"),
        ("usb-ehci", "usb-kbd"),
        ("sdhci-pci", "sd-card"),
        ("intel-hda", "hda-audio"),
    ],
)
def test_a_device_with_companions_starts_and_comes_back(device: str, section: str) -> None:
    model = qemu_model(f"qemu:{device}")
    target = model.open()
    try:
        before, snapshot = target.examine(), target.save()
        target._machine.reset()
        target.load(snapshot)

        assert target.examine() == before
        assert any(f"/{section}/" in f"/{label}/" for label in model.layout.sections or ())
    finally:
        target.close()
        model.close()


@arm
@pytest.mark.parametrize("board", ["raspi2b", "mps2-an385", "vexpress-a9"])
def test_boards_that_insist_on_their_memory_or_have_no_pci_start(board: str) -> None:
    assert SweptModel(f"qemu:machine={board}").layout().regions


def test_a_device_that_dies_of_being_saved_is_a_finding() -> None:
    events = events_of("qemu:pci-serial-2[x]")

    findings = [event.finding for event in events if isinstance(event, FindingFound)]
    if all(finding.divergence.first.path != "save" for finding in findings):
        pytest.skip("this QEMU can save pci-serial-2x; 7.2 cannot")
    (found,) = findings
    assert found.divergence.kind is Kind.CYCLE_KILLS
    single = qemu_model(found.specification)
    again = replay(found, single)
    single.close()
    assert again is not None
    assert again.fingerprint(found.target) == found.fingerprint


def test_the_inventory_says_what_stands_beside_a_device_and_what_keeps_it() -> None:
    entries = {entry.name: entry for entry in inventory("qemu:[nm]*s*")}

    assert entries["megasas"].companions == ("scsi-hd", "scsi-cd")
    assert not entries["megasas"].reason
    with pytest.raises(UnsuitableError):
        SweptModel("qemu:nvme").open()
