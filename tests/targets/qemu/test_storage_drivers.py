"""The shipped storage drivers on a real QEMU: each transaction does on the device what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest

from stressor.loop.trace import Operation
from stressor.targets.qemu.bench import MachineBench
from stressor.targets.qemu.discovery import discover
from stressor.targets.qemu.driver import drivers_for
from stressor.targets.qemu.drivers.catalogue import SHIPPED
from stressor.targets.qemu.drivers.command_blocks import INQUIRY, read_10
from stressor.targets.qemu.model import QemuModel
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.specification import parse_specification
from stressor.targets.qemu.target import QemuTarget
from stressor.targets.qemu.traffic import Traffic

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(
        not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"
    ),
]

ZEROS = bytes(512)
REQUEST_SENSE = bytes([0x03, 0, 0, 0, 18, 0])

_SCSI = {
    "lsi": "lsi53c895a",
    "esp": "am53c974",
    "pvscsi": "pvscsi",
    "mega": "megasas",
    "mpt": "mptsas1068",
}


def _drive(number: int, device: str) -> str:
    backend = f"-blockdev driver=null-co,node-name=disk{number},read-zeroes=on,size=4194304"
    return f"{backend} -device {device},drive=disk{number}"


def _machine() -> str:
    parts = ["-device ahci,id=sata", "-device sdhci-pci,addr=1e"]
    parts += [f"-device {device},id={name}" for name, device in _SCSI.items()]
    drives = [
        "ide-hd,bus=ide.0", "ide-cd,bus=ide.1", "ide-hd,bus=sata.0", "ide-cd,bus=sata.1",
        "sd-card,bus=sd-bus", "floppy,bus=floppy-bus.0", *(f"scsi-hd,bus={name}.0,scsi-id=0" for name in _SCSI),
    ]  # fmt: skip
    parts += [_drive(number, device) for number, device in enumerate(drives)]
    return f"qemu:machine=pc -- {' '.join(parts)}"


def _model(specification: str) -> QemuModel:
    """Return a model without what raw traffic needs to know, which takes long to find out."""
    layout = discover(parse_specification(specification))
    with closing(MachineBench(layout)) as bench:
        drivers = tuple(drivers_for(SHIPPED, layout.regions, bench))
    return QemuModel("qemu:storage", specification, layout, Traffic(()), Pool(layout, 0), drivers)


@pytest.fixture(scope="module")
def pc() -> Iterator[QemuTarget]:
    target = _model(_machine()).open()
    yield target
    target.close()


def _do(
    target: QemuTarget, name: str, *arguments: int | str | bytes | bool
) -> list[tuple[str, int | bytes]]:
    """Return what a transaction showed, in order: what it is called, and its value."""
    shown = target.execute([Operation(name, arguments)])
    return [(one[1], one[2]) for one in shown if isinstance(one, tuple)]


def _last(shown: list[tuple[str, int | bytes]], name: str) -> int | bytes:
    return [value for called, value in shown if called.endswith(name)][-1]


def _number(shown: list[tuple[str, int | bytes]], name: str) -> int:
    found = _last(shown, name)
    assert isinstance(found, int)
    return found


def _data(shown: list[tuple[str, int | bytes]], name: str) -> bytes:
    found = _last(shown, name)
    assert isinstance(found, bytes)
    return found


def test_ahci_identifies_a_disk(pc: QemuTarget) -> None:
    shown = _do(pc, "ahci.identify", 0, False, 0)

    assert b"EQUMH RADDSI K" in _data(shown, "port 0 data")  # each word has its letters swapped
    assert _number(shown, "(port 0 task file)") == 0x50
    assert _number(shown, "(port 0 interrupt status)") & 2  # PIO setup


@pytest.mark.parametrize("way", ["pio", "multiple", "dma", "dma extended", "queued"])
def test_ahci_reads_sectors(pc: QemuTarget, way: str) -> None:
    shown = _do(pc, "ahci.read", 0, way, 2, 1, 8, 3)

    assert _data(shown, "port 0 data") == ZEROS
    assert _data(shown, "port 0 end of the data") == bytes(16)
    assert _number(shown, "(port 0 command issue)") == 0
    assert _number(shown, "(port 0 active)") == 0


@pytest.mark.parametrize("dma", [False, True])
def test_ahci_sends_packets_to_a_disc(pc: QemuTarget, dma: bool) -> None:
    shown = _do(pc, "ahci.packet", 1, 0, INQUIRY, dma, 1)

    assert b"QEMU DVD-ROM" in _data(shown, "port 1 data")


def test_ahci_leaves_a_command_in_its_slot_while_the_port_is_stopped(pc: QemuTarget) -> None:
    _do(pc, "ahci.start", 0, 0)
    _do(pc, "ahci.prepare", 0, "dma", 1, 0, 1, 1)
    _do(pc, "ahci.stop", 0, True, False)

    waiting = _do(pc, "ahci.issue", 0, 2, False)
    gone_on = _do(pc, "ahci.go_on", 0)

    assert _number(waiting, "(port 0 command issue)") == 2
    assert _number(gone_on, "(port 0 command issue)") == 0


def test_ide_identifies_half_way_and_goes_on(pc: QemuTarget) -> None:
    _do(pc, "ide#2.identify", 0, False, 0)
    first = _do(pc, "ide#2.take", 127)
    second = _do(pc, "ide#2.take", 129)

    assert _number(first, "(status)") == 0x58  # data request
    assert _number(second, "(status)") == 0x50
    words = [value for name, value in [*first, *second] if name.endswith("(data)")]
    assert words[0] == 0x40
    assert words[27:29] == [0x5145, 0x4D55]  # QEMU


def test_ide_reads_and_writes_sectors_by_ports(pc: QemuTarget) -> None:
    read = _do(pc, "ide#2.read", 0x20, 0, 1, 1, 256)
    write = _do(pc, "ide#2.write", 0x30, 0, 1, 1, 256)

    assert [value for name, value in read if name.endswith("(data)")] == [0] * 256
    assert _number(read, "(status)") == _number(write, "(status)") == 0x50
    assert _number(write, "(error)") == 0


def test_ide_transfers_by_bus_master(pc: QemuTarget) -> None:
    shown = _do(pc, "ide#2.transfer", True, False, 0, 1, 2, 2, True)

    assert _data(shown, "transferred data") == ZEROS
    assert _number(shown, "piix-bmdma+0x2") & 7 == 4  # interrupt, and neither error nor active


def test_ide_waits_for_the_bus_master(pc: QemuTarget) -> None:
    waiting = _do(pc, "ide#2.transfer", False, False, 0, 1, 2, 1, False)
    started = _do(pc, "ide#2.start", False)

    assert waiting[-1][1] == 0x58
    assert _data(started, "transferred data") == ZEROS


@pytest.mark.parametrize("dma", [False, True])
def test_ide_sends_packets(pc: QemuTarget, dma: bool) -> None:
    shown = _do(pc, "ide.packet", INQUIRY, 6, dma, 512, 18)

    words = [value for name, value in shown if name.endswith("(data)") and isinstance(value, int)]
    data = (
        _data(shown, "transferred data")
        if dma
        else b"".join(word.to_bytes(2, "little") for word in words)
    )
    assert b"QEMU DVD-ROM" in data


def test_sdhci_identifies_a_card_and_reads_its_register(pc: QemuTarget) -> None:
    _do(pc, "sdhci.identify", 8, False)

    shown = _do(pc, "sdhci.read_register", 51, True, 8, 2)

    assert _number(shown, "(response)") >> 9 & 15 == 4  # transfer state
    register = next(value for name, value in shown if name.endswith("port)"))
    assert isinstance(register, int)
    assert register & 0xFFFF == 0x2502  # SCR; above it, newer QEMUs say that the card is of version 3.0


def test_sdhci_reads_by_port_in_parts(pc: QemuTarget) -> None:
    first = _do(pc, "sdhci.read", "port", 1, 1, 5, False, 0, 0)
    second = _do(pc, "sdhci.take", 123)

    assert _number(first, "(present state)") & 0x802 == 0x802  # readable, data line in use
    assert _number(second, "(present state)") & 0x802 == 0
    assert _number(second, "(interrupt status)") & 2  # transfer complete


@pytest.mark.parametrize("way", ["sdma", "adma"])
def test_sdhci_reads_by_dma(pc: QemuTarget, way: str) -> None:
    shown = _do(pc, "sdhci.read", way, 1, 2, 0, True, 7, 0)

    assert _data(shown, "the first data") == bytes(64)
    assert _number(shown, "(block count)") == 0
    assert _number(shown, "(interrupt status)") & 2


def test_sdhci_stops_at_a_boundary_of_its_buffer(pc: QemuTarget) -> None:
    shown = _do(pc, "sdhci.read", "sdma", 0, 16, 0, True, 0, 0)

    assert _number(shown, "(block count)") == 8
    assert _number(shown, "(interrupt status)") & 8  # DMA interrupt


def test_sdhci_writes_by_port(pc: QemuTarget) -> None:
    shown = _do(pc, "sdhci.write", "port", 1, 1, 128, False, 0, 0)

    assert _number(shown, "(interrupt status)") & 2


@pytest.mark.parametrize("dma", [False, True])
def test_esp_takes_a_command_through_its_phases(pc: QemuTarget, dma: bool) -> None:
    _do(pc, "esp-io.start", True, 5, 7)
    _do(pc, "esp-io.execute", 0, REQUEST_SENSE, True)

    shown = _do(pc, "esp-io.execute", 0, read_10(0, 2), dma)

    assert _data(shown, "transferred data") == ZEROS
    assert _number(shown, "(interrupt)") == 0x20  # disconnected


def test_esp_stops_in_a_phase_and_goes_on(pc: QemuTarget) -> None:
    _do(pc, "esp-io.execute", 0, REQUEST_SENSE, True)
    selected = _do(pc, "esp-io.select", 0, INQUIRY, "with attention", False)

    moved = _do(pc, "esp-io.transfer", True, 36, True)

    assert _number(selected, "(status)") & 7 == 1  # data in
    assert b"QEMU HARDDISK" in _data(moved, "transferred data")
    assert _number(moved, "(status)") & 7 == 3


def test_scripts_take_a_command_through_its_phases(pc: QemuTarget) -> None:
    _do(pc, "lsi-mmio.execute", 0, REQUEST_SENSE, False)

    shown = _do(pc, "lsi-mmio.execute", 0, read_10(0, 2), True)  # the target reselects

    assert _number(shown, "(script pointer save)") == 0x600D
    assert _data(shown, "transferred data") == ZEROS
    assert _data(shown, "status and messages")[32:34] == bytes(2)


def test_scripts_stop_in_a_phase_and_go_on(pc: QemuTarget) -> None:
    _do(pc, "lsi-mmio.execute", 0, REQUEST_SENSE, False)
    selected = _do(pc, "lsi-mmio.select", 0, INQUIRY, False)
    moved = _do(pc, "lsi-mmio.move", 1, 36)

    done = _do(pc, "lsi-mmio.go_on")

    assert _number(selected, "(script pointer save)") == 0x570
    assert _number(selected, "(DMA status)") & 4  # script interrupt
    assert b"QEMU HARDDISK" in _data(moved, "transferred data")
    assert _number(done, "(script pointer save)") == 0x600D


def test_scripts_compute(pc: QemuTarget) -> None:
    before = _do(pc, "lsi-mmio.compute", 0, 0x34, 0x05)

    after = _do(pc, "lsi-mmio.compute", 2, 0x34, 0x50)  # or

    assert _number(before, "(scratch A)") & 255 == 0x05
    assert _number(after, "(scratch A)") & 255 == 0x55


def test_pvscsi_completes_requests_in_its_ring(pc: QemuTarget) -> None:
    _do(pc, "pvscsi-io.set_up", 1, False, 1)
    _do(pc, "pvscsi-io.submit", 0, REQUEST_SENSE, False, "")

    shown = _do(pc, "pvscsi-io.submit", 0, INQUIRY, True, "other")

    assert b"QEMU HARDDISK" in _data(shown, "transferred data")
    assert _data(shown, "ring state")[:16] == bytes(
        [2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0]
    )
    assert _number(shown, "(interrupt status)") == 1


def test_megasas_replies_to_frames(pc: QemuTarget) -> None:
    _do(pc, "megasas-mmio.start", 8, False, True)
    _do(pc, "megasas-mmio.send", 0, 0, REQUEST_SENSE, False, True, 1)

    shown = _do(pc, "megasas-mmio.send", 1, 0, INQUIRY, False, True, 2)
    read = _do(pc, "megasas-mmio.transfer", 2, False, 0, 1, 2, 2)

    assert b"QEMU HARDDISK" in _data(shown, "transferred data")
    assert _data(shown, "frame header")[2] == 0  # good
    assert _number(shown, "(outbound interrupt status)") & 1
    assert _data(read, "transferred data") == ZEROS
    assert _data(read, "reply queue")[:12] == bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])


def test_mptsas_answers_messages_in_queues_and_by_handshake(pc: QemuTarget) -> None:
    _do(pc, "mptsas-mmio.start", 0)
    _do(pc, "mptsas-mmio.send", 0, 0, REQUEST_SENSE, False, 1)

    shown = _do(pc, "mptsas-mmio.send", 1, 0, INQUIRY, False, 2)
    facts = _do(pc, "mptsas-mmio.handshake", "facts", 6, 40)

    assert b"QEMU HARDDISK" in _data(shown, "transferred data")
    assert _number(shown, "(reply queue)") == 0x101  # the context of a good request
    assert dict(enumerate(facts))[1] == (
        "mptsas-mmio+0x0 (doorbell)",
        0x2C000314,
    )  # length and function


def test_the_floppy_controller_seeks_and_reads(pc: QemuTarget) -> None:
    _do(pc, "fdc.start", 3, 1, False)

    first = _do(pc, "fdc.transfer", 0x46, 5, 2, 0, 2, 16)
    second = _do(pc, "fdc.take", 496 + 7)

    assert _number(first, "(main status)") & 0xF0 == 0xF0  # data without DMA, to the host
    results = [value for name, value in second if name.endswith("(FIFO)")][-7:]
    assert results[:3] == [0x00, 0x00, 0x00]
    assert _number(second, "(main status)") == 0x80


def test_the_floppy_controller_takes_a_command_in_parts(pc: QemuTarget) -> None:
    _do(pc, "fdc.abandon")
    begun = _do(pc, "fdc.begin", bytes([0x0F, 0, 5]), 2)

    assert _number(begun, "(main status)") == 0x90  # waits for the last byte


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="no qemu-system-arm on the PATH")
def test_pl181_reads_in_parts_and_writes() -> None:
    card = "-drive if=sd,driver=null-co,read-zeroes=on,size=67108864"
    target = _model(f"qemu:machine=versatilepb,region=pl181* -- {card}").open()
    try:
        first = _do(target, "pl181.read", 1, 1, 5, True)
        second = _do(target, "pl181.take", 123)
        write = _do(target, "pl181.write", 1, 1, 128, True)
    finally:
        target.close()

    assert _number(first, "(status)") & 0x2000  # receiving
    assert [value for name, value in second if name.endswith("(FIFO)")] == [0] * 123
    assert _number(second, "(data counter)") == 0
    assert _number(write, "(status)") & 0x500 == 0x500  # data and block end


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="no qemu-system-arm on the PATH")
def test_sdhost_leads_a_card_to_itself_and_reads_in_parts() -> None:
    card = "-drive if=sd,driver=null-co,read-zeroes=on,size=67108864"
    regions = "region=bcm2835-sdhost,region=bcm2835_gpio"
    target = _model(f"qemu:machine=raspi0,memory=512M,{regions} -- {card}").open()
    try:
        first = _do(target, "bcm2835-sdhost.read", 1, 1, 5)
        second = _do(target, "bcm2835-sdhost.take", 123)
        gone = _do(target, "bcm2835-sdhost.lead_card", False)
        asked = _do(target, "bcm2835-sdhost.ask", 13, True)
    finally:
        target.close()

    assert _number(first, "(host status)") & 1  # data there
    assert [value for name, value in second if name.endswith("(data)")] == [0] * 123
    assert _number(gone, "(host status)") & 0x40 == 0
    assert _number(asked, "(host status)") & 0x40  # nobody answers any more
