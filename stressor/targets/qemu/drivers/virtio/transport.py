"""How a virtio device is reached: over PCI, over PCI as before version 1, over memory.

Source: Virtual I/O Device (VIRTIO) 1.2, sections 4.1.4 (PCI), 4.1.4.10 (its legacy interface) and 4.2
(MMIO, with the legacy interface in 4.2.4).
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.virtio.driver import Virtio
from stressor.targets.qemu.drivers.virtio.queue import MOST, Queue

__all__ = ["LegacyPci", "Mmio", "ModernPci"]

_PAGE: Final = 4096
_NOTIFY_MULTIPLIER: Final = 4
"""What notify_off_multiplier is on QEMU: each queue has four bytes of its own."""


class ModernPci(Virtio):
    """The common configuration structure; a queue is told of in the notification structure.

    A device's class names both, and `isr` and `device`, in its `region` and `others`.
    """

    names = {
        0x04: "device features", 0x08: "driver feature select", 0x0C: "driver features",
        0x10: "configuration vector", 0x12: "queues", 0x14: "device status",
        0x15: "configuration generation", 0x16: "queue select", 0x18: "queue size",
        0x1A: "queue vector", 0x1C: "queue enable", 0x1E: "queue notify offset",
        0x20: "queue descriptors", 0x28: "queue driver area", 0x30: "queue device area",
        0x3A: "queue reset",
    }  # fmt: skip

    @operation(number=st.integers(0, 5))
    def look_at_queue(self, number: int) -> None:
        self.registers.write(0x16, number, 2)
        for offset in (0x18, 0x1A, 0x1C, 0x1E, 0x3A):
            self.registers.show(offset, 2)
        for offset in (0x20, 0x28, 0x30):
            self.registers.show(offset)

    @operation(number=st.integers(0, 5))
    def select_queue(self, number: int) -> None:
        self.registers.write(0x16, number, 2)

    @operation
    def show_common(self) -> None:
        for offset in (0x00, 0x04, 0x08, 0x0C):
            self.registers.show(offset)
        for offset in (0x10, 0x12, 0x16, 0x18, 0x1A, 0x1C):
            self.registers.show(offset, 2)
        self.registers.show(0x14, 1)
        self.registers.show(0x15, 1)

    @operation(number=st.integers(0, 5), again=st.booleans())
    def reset_queue(self, number: int, again: bool) -> None:
        """Queue reset, section 2.6.1; `again` sets it up anew."""
        if number >= len(self.queue):
            return
        self.registers.write(0x16, number, 2)
        self.registers.write(0x3A, 1, 2)
        self.registers.show(0x3A, 2)
        self.registers.show(0x1C, 2)
        if again:
            self._renew(number)
            self._start_queue(self.queue[number])

    @operation(number=st.integers(0, 5), vector=st.sampled_from([0, 1, 2, 0xFFFF]))
    def set_vector(self, number: int, vector: int) -> None:
        self.registers.write(0x10, vector, 2)
        self.registers.write(0x16, number, 2)
        self.registers.write(0x1A, vector, 2)
        self.registers.show(0x1A, 2)

    @operation(select=st.integers(0, 1), features=st.integers(0, 0xFFFF_FFFF))
    def write_half_of_features(self, select: int, features: int) -> None:
        self.registers.write(0x08, select)
        self.registers.write(0x0C, features)
        self.registers.show(0x0C)

    def _status(self) -> int:
        return self.registers.read(0x14, 1)

    def _set_status(self, status: int) -> None:
        self.registers.write(0x14, status, 1)

    def _device_features(self) -> int:
        self.registers.write(0x00, 1)
        high = self.registers.read(0x04)
        self.registers.write(0x00, 0)
        return high << 32 | self.registers.read(0x04)

    def _accept(self, features: int) -> None:
        for select in (0, 1):
            self.registers.write(0x08, select)
            self.registers.write(0x0C, features >> 32 * select)

    def _queue_size(self, number: int, wanted: int) -> int:
        self.registers.write(0x16, number, 2)
        return max(1, min(wanted, MOST, self.registers.read(0x18, 2)))

    def _queue_address(self, number: int) -> int:
        self.registers.write(0x16, number, 2)
        return self.registers.read(0x20)

    def _start_queue(self, queue: Queue) -> None:
        self.registers.write(0x16, queue.number, 2)
        self.registers.write(0x18, queue.size, 2)
        for offset, address in ((0x20, queue.descriptors), (0x28, queue.driver), (0x30, queue.device)):
            self.registers.write(offset, address)
            self.registers.write(offset + 4, 0)
        self.registers.write(0x1C, 1, 2)

    def _notify(self, number: int) -> None:
        self.other["notify"].write(_NOTIFY_MULTIPLIER * number, number, 2)

    def _show_interrupts(self) -> None:
        self.other["isr"].show(0, 1)

    def _show_configuration(self, offset: int) -> None:
        self.other["device"].show(offset)

    def _write_configuration(self, offset: int, value: int, width: int = 4) -> None:
        self.other["device"].write(offset, value, width)


class LegacyPci(Virtio):
    """The I/O ports of a device that a driver of before version 1 can use too."""

    names = {
        0x00: "device features", 0x04: "driver features", 0x08: "queue page", 0x0C: "queue size",
        0x0E: "queue select", 0x12: "device status", 0x13: "interrupts",
    }  # fmt: skip
    region = "virtio-pci"

    @operation(number=st.integers(0, 5))
    def look_at_queue(self, number: int) -> None:
        self.registers.write(0x0E, number, 2)
        self.registers.show(0x08)
        self.registers.show(0x0C, 2)
        self.registers.show(0x04)

    def _status(self) -> int:
        return self.registers.read(0x12, 1)

    def _set_status(self, status: int) -> None:
        self.registers.write(0x12, status & ~8, 1)  # there is no FEATURES_OK

    def _device_features(self) -> int:
        return self.registers.read(0x00)

    def _accept(self, features: int) -> None:
        self.registers.write(0x04, features)

    def _queue_size(self, number: int, wanted: int) -> int:
        self.registers.write(0x0E, number, 2)
        return max(1, min(MOST, self.registers.read(0x0C, 2)))

    def _queue_address(self, number: int) -> int:
        self.registers.write(0x0E, number, 2)
        return self.registers.read(0x08) * _PAGE

    def _start_queue(self, queue: Queue) -> None:
        self.registers.write(0x0E, queue.number, 2)
        self.registers.write(0x08, queue.address // _PAGE)

    def _notify(self, number: int) -> None:
        self.registers.write(0x10, number, 2)

    def _show_interrupts(self) -> None:
        self.registers.show(0x13, 1)

    def _show_configuration(self, offset: int) -> None:
        self.registers.show(0x14 + offset)

    def _write_configuration(self, offset: int, value: int, width: int = 4) -> None:
        self.registers.write(0x14 + offset, value, width)


class Mmio(Virtio):
    """Registers in memory, of version 2 or as before version 1; the device says which."""

    names = {
        0x04: "version", 0x08: "device id", 0x10: "device features", 0x14: "device feature select",
        0x20: "driver features", 0x24: "driver feature select", 0x28: "guest page size",
        0x30: "queue select", 0x34: "queue size limit", 0x38: "queue size", 0x3C: "queue align",
        0x40: "queue page", 0x44: "queue ready", 0x60: "interrupts", 0x64: "interrupts acknowledged",
        0x70: "device status", 0xFC: "configuration generation",
    }  # fmt: skip
    region = "virtio-mmio"

    def __init__(self) -> None:
        super().__init__()
        self.legacy = False

    @operation(bits=st.integers(0, 3))
    def acknowledge_interrupts(self, bits: int) -> None:
        self.registers.write(0x64, bits)
        self._show_interrupts()

    @operation(number=st.integers(0, 5))
    def look_at_queue(self, number: int) -> None:
        self.registers.write(0x30, number)
        for offset in (0x34, 0x40, 0x44):
            self.registers.show(offset)

    @operation(select=st.integers(0, 1), features=st.integers(0, 0xFFFF_FFFF))
    def write_half_of_features(self, select: int, features: int) -> None:
        self.registers.write(0x24, select)
        self.registers.write(0x20, features)

    def _status(self) -> int:
        return self.registers.read(0x70)

    def _set_status(self, status: int) -> None:
        self.registers.write(0x70, status)

    def _device_features(self) -> int:
        self.legacy = self.registers.read(0x04) == 1
        self.registers.write(0x14, 1)
        high = 0 if self.legacy else self.registers.read(0x10)
        self.registers.write(0x14, 0)
        return high << 32 | self.registers.read(0x10)

    def _accept(self, features: int) -> None:
        for select in (0,) if self.legacy else (0, 1):
            self.registers.write(0x24, select)
            self.registers.write(0x20, features >> 32 * select)
        if self.legacy:
            self.registers.write(0x28, _PAGE)

    def _queue_size(self, number: int, wanted: int) -> int:
        self.registers.write(0x30, number)
        return max(1, min(wanted, MOST, self.registers.read(0x34)))

    def _queue_address(self, number: int) -> int:
        self.registers.write(0x30, number)
        if self.legacy:
            return self.registers.read(0x40) * _PAGE
        return self.rings[number] if self.registers.read(0x44) else 0

    def _start_queue(self, queue: Queue) -> None:
        self.registers.write(0x30, queue.number)
        self.registers.write(0x38, queue.size)
        if self.legacy:
            self.registers.write(0x3C, _PAGE)
            self.registers.write(0x40, queue.address // _PAGE)
            return
        for offset, address in ((0x80, queue.descriptors), (0x90, queue.driver), (0xA0, queue.device)):
            self.registers.write(offset, address & 0xFFFF_FFFF)
            self.registers.write(offset + 4, address >> 32)
        self.registers.write(0x44, 1)

    def _notify(self, number: int) -> None:
        self.registers.write(0x50, number)

    def _show_interrupts(self) -> None:
        self.registers.show(0x60)

    def _show_configuration(self, offset: int) -> None:
        self.registers.show(0x100 + offset)

    def _write_configuration(self, offset: int, value: int, width: int = 4) -> None:
        self.registers.write(0x100 + offset, value, width)
