"""The drivers of the network cards of Arm boards do on a real QEMU what they say they do."""

from __future__ import annotations

import shutil

import pytest

from stressor.targets.qemu.drivers.network.catalogue import NETWORK
from stressor.targets.qemu.drivers.network.frames import ADDRESS, frame
from stressor.targets.qemu.drivers.virtio.catalogue import VIRTIO
from tests.targets.qemu.driving import driven

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="no qemu-system-arm on the PATH"),
]

HERSELF = frame(ADDRESS, 60, 0x5A)


@pytest.mark.parametrize(
    ("board", "driver", "descriptor", "phy", "loops"),
    [
        ("sabrelite", "ImxFec", "4a00 000c", ("mmfr", "630a0007"), False),
        ("palmetto-bmc,memory=256M", "Ftgmac100", "4a000030", ("phydata", "1c0000"), False),
        ("npcm750-evb,memory=512M", "NuvotonEmc", "07000000 00201000 4a000800", ("miid", "0"), False),
        ("xilinx-zynq-a9", "CadenceGem", "00201000 4a800080", ("phymntnc", "638a0141"), True),
        ("orangepi-pc,memory=1G", "Sun8iEmac", "00000000 4a0000e0", ("mii_data", "44"), False),
    ],
)
def test_a_frame_leaves_the_ring(
    board: str, driver: str, descriptor: str, phy: tuple[str, str], loops: bool
) -> None:
    with driven(f"qemu:machine={board} -- -net nic", NETWORK) as drive:
        card = drive(driver)

        whole = card("send", HERSELF, 1, "whole")
        half = card("send", HERSELF, 2, "first")
        known = card("use_phy", 2, 0, False)

    ring = whole["transmit ring"]
    assert isinstance(ring, bytes)
    assert ring.startswith(bytes.fromhex(descriptor))  # given back
    assert half["transmit ring"] != ring
    assert known[phy[0]] == int(phy[1], 16)
    received = whole["receive buffer 0"]
    assert isinstance(received, bytes)
    assert received.startswith(HERSELF) == loops


def test_a_lan9118_loops_a_frame_and_keeps_half_of_one() -> None:
    with driven("qemu:machine=mps2-an385,memory=16M -- -net nic", NETWORK) as drive:
        card = drive("Lan9118")
        card("set_up", 1 << 18, True, 0)

        assert card("send", HERSELF, 2, 1, 0)["receive fifo"] == 0x0001_0000 | 80
        assert card("receive", 1)["receive data"] == int.from_bytes(ADDRESS[:4], "little")
        assert card("send", HERSELF, 1, 0, 4)["transmit status peek"] == 0xABC0_0000
        assert card("write_phy", 4, 0x1E1)["mac data"] == 0x1E1


def test_an_smc91c111_sends_what_was_written_to_its_memory() -> None:
    with driven("qemu:machine=realview-eb -- -net nic", NETWORK) as drive:
        card = drive("Smc91c111")

        card("send", HERSELF, 0, False)
        assert card("read_packet", 0, 4, 6)["smc91c111-mmio+0x8"] == ADDRESS[5]
        assert card("send", HERSELF, 0, True)["smc91c111-mmio+0xc"] == 0xE


def test_an_emac_sends_what_its_fifo_has() -> None:
    with driven("qemu:machine=cubieboard,memory=512M -- -net nic", NETWORK) as drive:
        card = drive("Sun4iEmac")

        assert card("send", HERSELF, 1, 0, False) == {}
        assert card("start", 1, len(HERSELF))["int_sta"] == 2
        assert card("use_phy", 3, 0, False)["mac_mrdd"] == 0x8201


def test_a_stellaris_card_sends() -> None:
    with driven("qemu:machine=lm3s6965evb -- -net nic", NETWORK) as drive:
        assert drive("StellarisEthernet")("send", HERSELF, 0, True)["ris"] == 4


@pytest.mark.parametrize("legacy", ["true", "false"])
def test_a_virtio_device_is_known_by_its_number_and_driven_over_memory(legacy: str) -> None:
    devices = (
        f"-global virtio-mmio.force-legacy={legacy} -device virtio-keyboard-device"
        " -blockdev driver=null-co,node-name=disk,read-zeroes=on,size=65536 -device virtio-blk-device,drive=disk"
    )
    with driven(f"qemu:machine=vexpress-a9,memory=16M -- {devices}", VIRTIO) as drive:
        shown = drive("MmioVirtioBlock")("read", 3, 1, True, True)
        light = drive("MmioVirtioInput")("set_light", 1, True, True)

    assert shown["version"] == (1 if legacy == "true" else 2)
    assert shown["queue 0 buffer"] == bytes(513)
    assert shown["interrupts"] == 1
    assert light["queue 1 used index"] == b"\x01\0"
