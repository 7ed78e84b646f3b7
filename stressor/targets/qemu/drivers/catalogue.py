"""Which drivers there are: the shipped ones, each for the regions that it names, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stressor.errors import UsageError
from stressor.targets.loader import execute_file
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.dma import Bcm2835Dma, Pl080
from stressor.targets.qemu.drivers.hda import Hda
from stressor.targets.qemu.drivers.i2c import ImxI2c, VersatileI2c
from stressor.targets.qemu.drivers.i2c_management import AspeedI2c, NpcmSmbus
from stressor.targets.qemu.drivers.parallel_flash import AmdFlash, IntelFlash
from stressor.targets.qemu.drivers.pc import I8042, I8237, PicPair, Pit, Pl050
from stressor.targets.qemu.drivers.serial import Pl011, Uart16550
from stressor.targets.qemu.drivers.smbus import PcSmbus
from stressor.targets.qemu.drivers.spi import Pl022
from stressor.targets.qemu.drivers.spi_flash import AspeedFlash, ImxFlash, NpcmFlash
from stressor.targets.qemu.drivers.usb_hosts import Ehci, Ohci, Uhci
from stressor.targets.qemu.drivers.xhci import Xhci

__all__ = ["SHIPPED", "drivers_in"]

SHIPPED: Final[tuple[type[Driver], ...]] = (
    Pl011, Uart16550,
    IntelFlash, AmdFlash,
    AspeedI2c, ImxI2c, NpcmSmbus, PcSmbus, VersatileI2c,
    AspeedFlash, ImxFlash, NpcmFlash, Pl022,
    Pit, PicPair, I8237, I8042, Pl050,
    Pl080, Bcm2835Dma, Hda,
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
