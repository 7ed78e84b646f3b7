"""What is put beside a device: read from its properties and its buses."""

from __future__ import annotations

from typing import cast

from stressor.targets.qemu.binary import QemuBinary
from stressor.targets.qemu.companions import Bus, Companions, board_companions, buses_in, guests_for

TREE = """\
bus: main-system-bus
  type System
  dev: i440FX-pcihost, id ""
    gpio-out "" 1
    bus: pci.0
      type PCI
      dev: lsi53c895a, id "stressed"
        addr = 02.0
        bus: stressed.0
          type SCSI
      dev: piix3-ide, id ""
        bus: ide.1
          type IDE
        bus: ide.0
          type IDE
          dev: ide-hd, id ""
"""


class Known:
    """A binary of which only properties are asked."""

    def __init__(self, **properties: str) -> None:
        self._properties = properties

    def properties(self, device: str) -> str:
        return "".join(f"  {line}\n" for line in self._properties.get(device, "").split(","))


def companions(**properties: str) -> Companions:
    return Companions(cast("QemuBinary", Known(**properties)))


def test_buses_are_read_with_what_is_on_them() -> None:
    assert buses_in(TREE, "stressed") == [Bus("stressed.0", "SCSI", True)]
    assert buses_in(TREE)[:2] == [Bus("ide.0", "IDE", False), Bus("ide.1", "IDE", True)]
    assert buses_in(TREE, "another") == []


def test_a_property_that_takes_a_backend_is_given_one() -> None:
    found = companions(card="drive=<str> - Node name,serial=<str>,addr=<int32>")

    found.device("card", [("id", "stressed")])

    assert found.arguments[0] == "-blockdev"
    assert "driver=null-co,node-name=companion1," in found.arguments[1]
    assert found.arguments[2:] == ["-device", "card,id=stressed,drive=companion1,serial=stressor"]


def test_what_the_user_gave_is_kept() -> None:
    found = companions(net="netdev=<str>")

    found.device("net", [("id", "stressed"), ("netdev", "mine")])

    assert found.arguments == ["-device", "net,id=stressed,netdev=mine"]


def test_a_property_of_another_type_is_left_alone() -> None:
    found = companions(uart="serial=<child<serial>>,drive=<bool>")

    found.device("uart", [])

    assert found.arguments == ["-device", "uart"]


def test_empty_buses_get_guests_and_names_that_are_not_unique_do_not() -> None:
    buses = [Bus("a.0", "SCSI", True), Bus("b.0", "SCSI", False), Bus("sd", "sd-bus", True), Bus("sd", "sd-bus", True)]

    assert [*guests_for(buses)] == [("scsi-hd", "a.0"), ("scsi-cd", "a.0")]


def test_ide_buses_share_a_disk_and_a_cd() -> None:
    buses = [Bus(f"ide.{number}", "IDE", True) for number in range(3)]

    assert [*guests_for(buses)] == [("ide-hd", "ide.0"), ("ide-cd", "ide.1")]


def test_a_flash_has_no_drive_and_so_is_erased() -> None:
    found = Companions(cast("QemuBinary", Known(mx25l25635e="drive=<str>")))

    found.guest("mx25l25635e", "ssi.0")

    assert found.arguments == ["-device", "mx25l25635e,bus=ssi.0"]


def test_a_device_with_a_server_of_its_own_is_left_to_say_so() -> None:
    found = Companions(cast("QemuBinary", Known(**{"vhost-user-blk": "chardev=<str>"})))

    found.device("vhost-user-blk", [])

    assert found.arguments == ["-device", "vhost-user-blk"]


def test_a_board_is_wired_to_what_was_not_given() -> None:
    assert board_companions([], 1)[:4] == ["-serial", "null", "-net", "nic"]
    given = ["-serial", "stdio", "-nic", "user", "-audiodev", "none,id=a", "-drive", "if=sd,file=x"]
    assert board_companions(given, 2) == []
