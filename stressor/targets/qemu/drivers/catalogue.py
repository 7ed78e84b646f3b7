"""Which drivers there are: the shipped ones, each for the regions that it names, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stressor.errors import UsageError
from stressor.targets.loader import execute_file
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.ahci import Ahci
from stressor.targets.qemu.drivers.dma import Bcm2835Dma, Pl080
from stressor.targets.qemu.drivers.esp import Am53C974
from stressor.targets.qemu.drivers.floppy import Floppy
from stressor.targets.qemu.drivers.hda import Hda
from stressor.targets.qemu.drivers.i2c import ImxI2c, VersatileI2c
from stressor.targets.qemu.drivers.i2c_management import AspeedI2c, NpcmSmbus
from stressor.targets.qemu.drivers.ide import PrimaryChannel, SecondaryChannel
from stressor.targets.qemu.drivers.megasas import Megasas
from stressor.targets.qemu.drivers.mptsas import Mptsas
from stressor.targets.qemu.drivers.network.catalogue import NETWORK
from stressor.targets.qemu.drivers.parallel_flash import AmdFlash, IntelFlash
from stressor.targets.qemu.drivers.pc import I8042, I8237, PicPair, Pit, Pl050
from stressor.targets.qemu.drivers.pl181 import Pl181
from stressor.targets.qemu.drivers.pvscsi import Pvscsi
from stressor.targets.qemu.drivers.sdhci import Sdhci
from stressor.targets.qemu.drivers.sdhost import Sdhost
from stressor.targets.qemu.drivers.serial import Pl011, Uart16550
from stressor.targets.qemu.drivers.smbus import PcSmbus
from stressor.targets.qemu.drivers.spi import Pl022
from stressor.targets.qemu.drivers.spi_flash import AspeedFlash, ImxFlash, NpcmFlash
from stressor.targets.qemu.drivers.symbios import Symbios53C8xx
from stressor.targets.qemu.drivers.timers import (
    AspeedTimer,
    Bcm2835SystemTimer,
    CmsdkDualTimer,
    Hpet,
    ImxEpit,
    ImxGpt,
    MpTimer,
    NpcmTimer,
    Pl031,
    Sp804,
)  # fmt: skip
from stressor.targets.qemu.drivers.usb_hosts import Ehci, Ohci, Uhci
from stressor.targets.qemu.drivers.virtio.catalogue import VIRTIO
from stressor.targets.qemu.drivers.xhci import Xhci

__all__ = ["SHIPPED", "drivers_in"]

SHIPPED: Final[tuple[type[Driver], ...]] = (
    Pl011, Uart16550,
    Ahci, PrimaryChannel, SecondaryChannel, Floppy,
    Sdhci, Sdhost, Pl181,
    Am53C974, Megasas, Mptsas, Pvscsi, Symbios53C8xx,
    *NETWORK, *VIRTIO,
    IntelFlash, AmdFlash,
    AspeedI2c, ImxI2c, NpcmSmbus, PcSmbus, VersatileI2c,
    AspeedFlash, ImxFlash, NpcmFlash, Pl022,
    Pit, PicPair, I8237, I8042, Pl050,
    Pl080, Bcm2835Dma, Hda,
    AspeedTimer, Bcm2835SystemTimer, CmsdkDualTimer, Hpet, ImxEpit, ImxGpt, MpTimer, NpcmTimer, Pl031, Sp804,
    Ehci, Ohci, Uhci, Xhci,
)  # fmt: skip
"""Every driver that is chosen by itself where it fits."""


def drivers_in(name: str) -> list[type[Driver]]:
    """Return the drivers that a file defines. Raises UsageError when there are none."""
    file = Path(name)
    if not file.is_file():
        raise UsageError(f"--operations {name}: there is no such file")
    module = execute_file(file, Path.cwd())
    found = [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, Driver)
        and member.__module__ == module.__name__
        and isinstance(getattr(member, "region", None), str)
    ]
    if not found:
        raise UsageError(
            f"--operations {name}: has no driver; derive a class from stressor.Driver, with `region` "
            "and methods that are marked with @operation"
        )
    return found
