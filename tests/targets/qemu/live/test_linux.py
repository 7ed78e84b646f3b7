"""A real Linux guest. Its kernel is the newest readable /boot/vmlinuz-*, or STRESSOR_TEST_KERNEL."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stressor.errors import UsageError
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.targets.qemu.live.campaign import LiveCampaign
from stressor.targets.qemu.live.initramfs import find_busybox
from stressor.targets.qemu.live.specification import live_written, parse_live
from tests.targets.qemu.live.guests import linux_kernel

KERNEL = linux_kernel()

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
    pytest.mark.skipif(
        KERNEL is None,
        reason="no readable /boot/vmlinuz-*-amd64, and no STRESSOR_TEST_KERNEL; see .ci/run",
    ),
]


def has_busybox() -> bool:
    try:
        return KERNEL is not None and bool(find_busybox(KERNEL))
    except UsageError:
        return False


needs_busybox = pytest.mark.skipif(not has_busybox(), reason="no busybox-static")


@needs_busybox
def test_linux_survives_fifty_cycles_with_its_disk_and_card_until_it_panics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressor.targets.qemu.live.campaign._CONTROL", 0.5)
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    guest = {"kernel": str(KERNEL), "append": "console=ttyS0 quiet unknown_nmi_panic"}
    devices = f" -- -drive file={disk},format=raw,if=virtio -nic user,model=virtio-net-pci"
    text = live_written(f"qemu:live,period=50ms,silence=60s{devices}", {}, guest)
    campaign = LiveCampaign(parse_live(text), seed=1, oracles=list(Oracle))
    found: list[Finding] = []
    reads = 0
    try:
        for finding in campaign.run(None):
            if finding is not None:
                found.append(finding)
                break
            if campaign.cycles == 50 and not reads:
                process = campaign._guests[0].process
                reads = sum(
                    drive["stats"]["rd_operations"] for drive in process.execute("query-blockstats")
                )
                process.execute("inject-nmi")
    finally:
        campaign.close()

    (finding,) = found
    divergence = finding.divergence
    assert campaign.cycles >= 50
    assert reads > 0
    assert (divergence.oracle, divergence.cause) == (Oracle.RESUMES_ALIKE, Cause.CRASHED)
    assert str(divergence.first.before).startswith("heartbeat ")
    assert "Kernel panic - not syncing: NMI" in str(divergence.first.after)
    assert {"0000:00:03.0/virtio-blk/0", "0000:00:02.0/virtio-net/0"} <= {*campaign._compares.compared}
