"""The drivers of network cards and virtio devices do on a real QEMU what they say they do.

All devices are on one machine, and driven in one process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence

import pytest

from stressor.loop.cycle import Checks
from stressor.loop.finding import Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.driver import drivers_for, unambiguous
from stressor.targets.qemu.drivers.network.catalogue import NETWORK
from stressor.targets.qemu.drivers.network.frames import ADDRESS, frame
from stressor.targets.qemu.drivers.virtio.catalogue import VIRTIO
from stressor.targets.qemu.model import qemu_model
from stressor.targets.qemu.regions import Region
from tests.targets.qemu.driving import Do, driven

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

CARDS = ("e1000", "e1000e", "rtl8139", "pcnet", "ne2k_pci", "i82559c", "tulip", "vmxnet3")
DISK = "driver=null-co,read-zeroes=on,size=1048576"
VIRTIO_DEVICES = (
    f"-blockdev {DISK},node-name=disk -device virtio-blk-pci,drive=disk"
    f" -blockdev {DISK},node-name=ring -device virtio-blk-pci,drive=ring,disable-legacy=on,packed=on"
    f" -blockdev {DISK},node-name=unit -device virtio-scsi-pci,id=scsi,disable-legacy=on"
    " -device scsi-hd,drive=unit,bus=scsi.0,scsi-id=0,lun=0"
    " -netdev hubport,id=net,hubid=0 -device virtio-net-pci,netdev=net,disable-legacy=on"
    " -device virtio-serial-pci,disable-legacy=on -chardev null,id=line -device virtconsole,chardev=line"
    " -device virtio-balloon-pci,disable-legacy=on -device virtio-keyboard-pci"
    " -device virtio-gpu-pci -device virtio-rng-pci,disable-legacy=on"
)
HERSELF = frame(ADDRESS, 60, 0x5A)


@pytest.fixture(scope="module")
def drive() -> Iterator[Callable[[str], Do]]:
    cards = " ".join(
        f"-netdev hubport,id=net{number},hubid={number + 1} -device {card},netdev=net{number},mac=52:54:00:12:34:56"
        for number, card in enumerate(CARDS)
    )
    with driven(f"qemu:machine=pc -- {cards} {VIRTIO_DEVICES}", [*NETWORK, *VIRTIO]) as found:
        yield found


@pytest.mark.parametrize("driver", ["ModernPciVirtioBlock", "LegacyPciVirtioBlock"])
@pytest.mark.parametrize("indirect", [True, False])
def test_a_read_of_a_split_queue_comes_back(drive: Callable[[str], Do], driver: str, indirect: bool) -> None:
    block = drive(driver)
    block("initialise", 16, 0)

    shown = block("read", 3, 1, indirect, True)

    assert shown["queue 0 used index"] == b"\x01\0"
    assert shown["queue 0 buffer"] == bytes(512) + b"\0"


def test_a_packed_queue_goes_round(drive: Callable[[str], Do]) -> None:
    block = drive("ModernPciVirtioBlock#2")
    block("initialise", 4, 0)

    buffers = [block("read", sector, 1, False, True)["queue 0 buffer"] for sector in range(5)]

    assert buffers == [bytes(513)] * 5


def test_what_was_not_kicked_is_done_with_the_next_kick(drive: Callable[[str], Do]) -> None:
    block = drive("ModernPciVirtioBlock")
    block("initialise", 16, 0)

    waiting = block("read", 3, 1, False, False)
    shown = block("get_id",)

    assert "queue 0 used index" not in waiting
    assert shown["queue 0 used index"] == b"\x02\0"


def test_a_full_queue_gets_room_by_itself(drive: Callable[[str], Do]) -> None:
    block = drive("ModernPciVirtioBlock")
    block("initialise", 4, 0)
    for _ in range(4):
        block("read", 3, 1, False, False)

    assert block("read", 3, 1, False, True)["queue 0 buffer"] == bytes(513)


def test_features_that_are_refused_are_not_used(drive: Callable[[str], Do]) -> None:
    block = drive("ModernPciVirtioBlock")
    block("initialise", 16, 1 << 29)

    assert block("get_id")["queue 0 available event"] == b"\0\0"
    block("initialise", 16, 0)
    assert block("get_id")["queue 0 available event"] == b"\x01\0"


def test_one_queue_is_reset_and_set_up_again(drive: Callable[[str], Do]) -> None:
    block = drive("ModernPciVirtioBlock")
    block("initialise", 16, 0)
    block("get_id")

    block("reset_queue", 0, True)

    assert block("look_at_queue", 0)["queue enable"] == 1
    assert block("get_id")["queue 0 used index"] == b"\x01\0"


def test_scsi_commands_are_answered(drive: Callable[[str], Do]) -> None:
    scsi = drive("ModernPciVirtioScsi")

    inquiry = scsi("inquire", 0, False, True)["queue 2 buffer"]
    nobody = scsi("inquire", 1, False, True)["queue 2 buffer"]

    assert isinstance(inquiry, bytes)
    assert isinstance(nobody, bytes)
    assert b"QEMU HARDDISK" in inquiry
    assert nobody[11] == 3  # VIRTIO_SCSI_S_BAD_TARGET


def test_the_control_queue_of_a_network_card_acknowledges(drive: Callable[[str], Do]) -> None:
    network = drive("ModernPciVirtioNetwork")

    assert network("filter_vlan", 5, True)["queue 2 buffer"] == b"\0"
    assert network("set_address_table", [ADDRESS], [], True)["queue 2 used index"] == b"\x02\0"
    assert network("send", HERSELF, False, True)["device status"] == 15


@pytest.mark.parametrize(
    ("driver", "operation", "arguments", "queue"),
    [
        ("ModernPciVirtioConsole", "send", (b"text", 0, False, True), 1),
        ("ModernPciVirtioConsole", "send_control", (0, 0, 1), 3),
        ("ModernPciVirtioBalloon", "inflate", (0, 3, False, True), 0),
        ("ModernPciVirtioBalloon", "deflate", (1, 1, True), 1),
        ("ModernPciVirtioInput", "set_light", (1, True, True), 1),
        ("ModernPciVirtioDisplay", "put_cursor", (False, 0, 3, 4, True), 1),
    ],
)
def test_buffers_are_used(
    drive: Callable[[str], Do], driver: str, operation: str, arguments: tuple[object, ...], queue: int
) -> None:
    device = drive(driver)
    device("initialise", 16, 0)

    assert device(operation, *arguments)[f"queue {queue} used index"] == b"\x01\0"


def test_a_request_for_random_bytes_is_posted(drive: Callable[[str], Do]) -> None:
    shown = drive("ModernPciVirtioEntropy")("read", 16, False, True)

    assert shown["device status"] == 15
    assert shown["queue 0 used index"] == b"\0\0"  # a stopped machine gets none


def test_a_picture_is_shown(drive: Callable[[str], Do]) -> None:
    display = drive("ModernPciVirtioDisplay")

    information = display("get_display_information")["queue 0 buffer"]
    done = display("show_picture", 1, 2)["queue 0 buffer"]

    assert isinstance(information, bytes)
    assert isinstance(done, bytes)
    assert information[:2] == b"\x01\x11"  # VIRTIO_GPU_RESP_OK_DISPLAY_INFO
    assert done[:2] == b"\x00\x11"  # VIRTIO_GPU_RESP_OK_NODATA


@pytest.mark.parametrize("driver", ["E1000e", "Pcnet", "Tulip"])
def test_a_frame_comes_back(drive: Callable[[str], Do], driver: str) -> None:
    found = drive(driver)("send", HERSELF, 1, "whole")["receive buffer 0"]

    assert isinstance(found, bytes)
    assert found.startswith(HERSELF)


def test_a_frame_comes_back_through_both_modes_of_an_rtl8139(drive: Callable[[str], Do]) -> None:
    card = drive("Rtl8139")

    slot = card("send", HERSELF, 0)["receive buffer"]
    ring = card("send_on_ring", HERSELF, 0, 0, "whole")["receive buffer 0"]

    assert isinstance(slot, bytes)
    assert isinstance(ring, bytes)
    assert slot[4:].startswith(HERSELF)  # behind status and length
    assert ring.startswith(HERSELF)


def test_an_e1000_sends_and_keeps_half_a_frame(drive: Callable[[str], Do]) -> None:
    card = drive("E1000")

    assert card("send", HERSELF, 1, "whole")["transmit head"] == 1
    assert card("send", HERSELF, 2, "first")["transmit head"] == 2
    assert card("show_statistics")["good packets sent"] == 1
    assert card("send_extended", HERSELF, 0, 0, 0, True)["transmit head"] == 4
    assert card("show_statistics")["good packets sent"] == 1


def test_an_eepro100_counts_what_it_sent(drive: Callable[[str], Do]) -> None:
    card = drive("Eepro100")
    card("set_up", 0)

    block = card("send", HERSELF, True, 1 << 15, False)["command block"]
    assert isinstance(block, bytes)
    assert block[:2] == b"\0\xa0"  # complete, and good
    statistics = card("dump_statistics", False)["statistics"]
    assert isinstance(statistics, bytes)
    assert statistics[:4] == b"\x01\0\0\0"


def test_an_ne2000_keeps_what_is_stored_and_sends(drive: Callable[[str], Do]) -> None:
    card = drive("Ne2000")
    card("set_up", 0, 31, 0)
    card("store", 0x5000, b"abcd", 0)

    assert card("recall", 0x5003, 1, 4)["data"] == ord("d")
    assert card("send", HERSELF, 0x40)["transmit status"] == 1


@pytest.mark.parametrize(
    ("driver", "line", "word"), [("E1000", 3, 0), ("Eepro100", 3, 0), ("Rtl8139", 0, 7), ("Tulip", 3, 10)]
)
def test_an_eeprom_is_read_bit_by_bit(drive: Callable[[str], Do], driver: str, line: int, word: int) -> None:
    card = drive(driver)
    card("begin_to_read_eeprom", word, 9)

    bits = [next(iter(card("clock_eeprom", [False]).values())) for _ in range(16)]

    value = 0
    for bit in bits:
        assert isinstance(bit, int)
        value = value << 1 | bit >> line & 1
    assert value.to_bytes(2, "little") == ADDRESS[:2]


def test_a_vmxnet3_completes_what_it_sent(drive: Callable[[str], Do]) -> None:
    card = drive("Vmxnet3")
    card("set_up", 0, 0, 1)

    completions = card("send", HERSELF, "whole", 0)["transmit completions"]
    card("ask", 0xF00D_0003)

    assert isinstance(completions, bytes)
    assert completions[:16] == b"\x01" + bytes(14) + b"\x80"  # the second descriptor, of this round
    assert card("answer")["command"] == int.from_bytes(ADDRESS[:4], "little")


class Nothing:
    """A bench on which every register holds 0."""

    deaths = 0

    def ask(self, commands: Sequence[str], *, anew: bool = False) -> list[str] | None:
        return ["0x0"] * len(commands)


def test_ports_that_may_be_one_device_s_or_another_s_are_left_to_raw_traffic() -> None:
    names = ("virtio-pci", "virtio-pci-common-virtio-blk", "virtio-pci-common-virtio-rng")
    regions = [Region(name, 4096 * number, 4096, number == 0) for number, name in enumerate(names)]
    one, two = (drivers_for(VIRTIO, part, Nothing()) for part in (regions[:2], regions))

    assert {name.partition(".")[0] for driver in unambiguous(one) for name in driver.names} == {"virtio-pci"}
    assert two
    assert unambiguous(two) == []


def test_half_a_frame_that_a_cycle_loses_is_named() -> None:
    model = qemu_model("qemu:rtl8139")
    trace = (
        Operation("rtl8139.send_on_ring", (HERSELF, 0, 0, "first")),
        Cycle(ResetMode.FRESH),
        Operation("rtl8139.send_on_ring", (HERSELF, 0, 0, "last")),
    )

    found = investigate(model, trace, Checks([Oracle.RESUMES_ALIKE]), Watchdog(10.0))

    model.close()
    assert [one.first.path for one in found] == ["receive ring"]
