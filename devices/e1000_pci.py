"""The PCI function of an 82540EM: its configuration space, and the level of its interrupt pin.

Source: Intel 317453 (8254x SDM), section 4.1 (PCI configuration).
"""

from __future__ import annotations

from typing import Final

import stressor.vmstate as vm

__all__ = ["PCI_STATE", "PciFunction"]

BUS_MASTER: Final = 0x04

PCI_STATE = vm.Description(
    "PCIDevice",
    version=2,
    fields=[
        vm.i32("version_id", attribute="layout"),
        vm.buffer("config", 256),
        vm.array("irq_state", vm.u32, 4, attribute="pins"),
    ],
    validate=[vm.Validate("the layout is the second one", "layout == 2")],
)

INITIAL: Final = {
    0x00: bytes.fromhex("86800e10"),  # vendor and device
    0x08: bytes.fromhex("03000002"),  # revision, class
    0x14: b"\x01",  # ports
    0x2C: bytes.fromhex("f41a0011"),  # subsystem
    0x3D: b"\x01",  # interrupt pin A
}
WRITABLE: Final = {
    0x04: 0x07, 0x05: 0x05, 0x0C: 0xFF, 0x12: 0xFE, 0x13: 0xFF, 0x14: 0xC0, 0x15: 0xFF, 0x16: 0xFF,
    0x17: 0xFF, 0x3C: 0xFF,
}  # fmt: skip


class PciFunction:
    """Configuration space. Where the windows lie is up to the board that looks at it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.layout = 2
        self.config = bytearray(256)
        for offset, data in INITIAL.items():
            self.config[offset : offset + len(data)] = data
        self.pins = [0, 0, 0, 0]

    @property
    def masters_bus(self) -> bool:
        return bool(self.config[4] & BUS_MASTER)

    def write(self, offset: int, width: int, value: int) -> None:
        for at in range(offset, min(offset + width, 256)):
            mask = WRITABLE.get(at, 0)
            self.config[at] = self.config[at] & ~mask | value & mask
            value >>= 8

    def read(self, offset: int, width: int) -> int:
        return int.from_bytes(self.config[offset : offset + width], "little")
