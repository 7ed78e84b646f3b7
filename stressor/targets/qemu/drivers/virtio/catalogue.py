"""Every virtio device over every way to it.

The legacy ports of a device are known by the modern structures beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.virtio.character import (
    VirtioBalloon,
    VirtioConsole,
    VirtioEntropy,
    VirtioInput,
)
from stressor.targets.qemu.drivers.virtio.display import VirtioDisplay
from stressor.targets.qemu.drivers.virtio.driver import Virtio
from stressor.targets.qemu.drivers.virtio.network import VirtioNetwork
from stressor.targets.qemu.drivers.virtio.storage import VirtioBlock, VirtioScsi
from stressor.targets.qemu.drivers.virtio.transport import LegacyPci, ModernPci

__all__ = ["VIRTIO"]

_DEVICES: Final[Mapping[str, type[Virtio]]] = {
    "blk": VirtioBlock,
    "scsi": VirtioScsi,
    "net": VirtioNetwork,
    "serial": VirtioConsole,
    "rng": VirtioEntropy,
    "balloon": VirtioBalloon,
    "input": VirtioInput,
    "gpu": VirtioDisplay,
}
"""The drivers, by what QEMU calls the device in the names of its regions."""


def _drivers(name: str, device: type[Virtio]) -> tuple[type[Driver], type[Driver]]:
    region = f"virtio-pci-common-virtio-{name}"
    modern = type(
        f"Modern{device.__name__}",
        (ModernPci, device),
        {
            "region": region,
            "others": {part: f"virtio-pci-{part}-virtio-{name}" for part in ("notify", "isr", "device")},
        },
    )
    legacy = type(f"Legacy{device.__name__}", (LegacyPci, device), {"others": {"modern": region}})
    return modern, legacy


VIRTIO: Final = tuple(cls for name, device in _DEVICES.items() for cls in _drivers(name, device))
"""Drivers of virtio devices on PCI, each over the modern and the legacy way."""
