"""Every virtio device over every way to it.

The legacy ports of a device are known by the modern structures beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from stressor.targets.qemu.drivers.virtio.transport import LegacyPci, Mmio, ModernPci

__all__ = ["VIRTIO"]

_DEVICES: Final[Mapping[tuple[str, int], type[Virtio]]] = {
    ("net", 1): VirtioNetwork,
    ("blk", 2): VirtioBlock,
    ("serial", 3): VirtioConsole,
    ("rng", 4): VirtioEntropy,
    ("balloon", 5): VirtioBalloon,
    ("scsi", 8): VirtioScsi,
    ("gpu", 16): VirtioDisplay,
    ("input", 18): VirtioInput,
}
"""The drivers, by what QEMU calls the device in the names of its regions, and by its number: section 5."""

_MMIO_DEVICE: Final = 0x08


def _drivers(name: str, number: int, device: type[Virtio]) -> Iterator[type[Driver]]:
    region = f"virtio-pci-common-virtio-{name}"
    parts = {part: f"virtio-pci-{part}-virtio-{name}" for part in ("notify", "isr", "device")}
    for transport, members in (
        (ModernPci, {"region": region, "others": parts}),
        (LegacyPci, {"others": {"modern": region}}),
        (Mmio, {"identity": {_MMIO_DEVICE: number}}),
    ):
        yield type(f"{transport.__name__}{device.__name__}", (transport, device), dict(members))


VIRTIO: Final = tuple(
    cls for (name, number), device in _DEVICES.items() for cls in _drivers(name, number, device)
)
"""Drivers of virtio devices, each over every way to it."""
