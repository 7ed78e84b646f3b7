"""The drivers of network cards."""

from __future__ import annotations

from typing import Final

from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.network.allwinner import Sun4iEmac, Sun8iEmac
from stressor.targets.qemu.drivers.network.boards import (
    CadenceGem,
    Ftgmac100,
    ImxFec,
    NuvotonEmc,
    StellarisEthernet,
)
from stressor.targets.qemu.drivers.network.e1000 import E1000, E1000e
from stressor.targets.qemu.drivers.network.eepro100 import Eepro100
from stressor.targets.qemu.drivers.network.lan9118 import Lan9118
from stressor.targets.qemu.drivers.network.ne2000 import Ne2000
from stressor.targets.qemu.drivers.network.pcnet import Pcnet
from stressor.targets.qemu.drivers.network.rtl8139 import Rtl8139
from stressor.targets.qemu.drivers.network.smc91c111 import Smc91c111
from stressor.targets.qemu.drivers.network.tulip import Tulip
from stressor.targets.qemu.drivers.network.vmxnet3 import Vmxnet3

__all__ = ["NETWORK"]

NETWORK: Final[tuple[type[Driver], ...]] = (
    E1000, E1000e, Eepro100, Ne2000, Pcnet, Rtl8139, Tulip, Vmxnet3,
    CadenceGem, Ftgmac100, ImxFec, Lan9118, NuvotonEmc, Smc91c111, StellarisEthernet,
    Sun4iEmac, Sun8iEmac,
)  # fmt: skip
"""Every driver of a card that is not virtio's."""
