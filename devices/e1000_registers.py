"""The register file of an 82540EM: which registers there are, and what of each can be written.

Source: Intel 317453, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual"
(8254x), section 13; names in capitals are that manual's.
"""

from __future__ import annotations

from typing import Final, overload

__all__ = ["CLEARED", "NAMES", "SAVED", "SIZE", "WRITABLE", "Register", "RegisterFile", "Table"]

SIZE: Final = 0x20000
"""Bytes of the memory window (section 4.1)."""

SAVED: Final = {
    "ctrl": 0x0000, "eecd": 0x0010, "eerd": 0x0014, "gprc": 0x4074, "gptc": 0x4080, "icr": 0x00C0,
    "ics": 0x00C8, "imc": 0x00D8, "ims": 0x00D0, "ledctl": 0x0E00, "manc": 0x5820, "mdic": 0x0020,
    "mpc": 0x4010, "pba": 0x1000, "rctl": 0x0100, "rdbah": 0x2804, "rdbal": 0x2800, "rdh": 0x2810,
    "rdlen": 0x2808, "rdt": 0x2818, "status": 0x0008, "swsm": 0x5B50, "tctl": 0x0400, "tdbah": 0x3804,
    "tdbal": 0x3800, "tdh": 0x3810, "tdlen": 0x3808, "tdt": 0x3818, "torh": 0x40C4, "torl": 0x40C0,
    "toth": 0x40CC, "totl": 0x40C8, "tpr": 0x40D0, "tpt": 0x40D4, "txdctl": 0x3828, "wufc": 0x5808,
    "vet": 0x0038,
}  # fmt: skip
"""The registers that have a field of their own, in the order in which they travel."""

_OTHERS: Final = {
    "fcal": 0x0028, "itr": 0x00C4, "tipg": 0x0410, "ait": 0x0458, "rdtr": 0x2820, "radv": 0x282C,
    "tidv": 0x3820, "tadv": 0x382C, "prc64": 0x405C, "bprc": 0x4078, "mprc": 0x407C, "gorcl": 0x4088,
    "gorch": 0x408C, "gotcl": 0x4090, "gotch": 0x4094, "rnbc": 0x40A0, "ruc": 0x40A4, "roc": 0x40AC,
    "ptc64": 0x40D8, "mptc": 0x40F0, "bptc": 0x40F4, "tsctc": 0x40F8, "wuc": 0x5800, "wus": 0x5810,
    "ipav": 0x5838,
}  # fmt: skip

NAMES: Final = {offset: name for name, offset in (SAVED | _OTHERS).items()}

WRITABLE: Final[dict[int, int]] = {
    **dict.fromkeys((0x0038, 0x0E00, 0x1000, 0x2804, 0x3804, 0x3828, 0x4058), 0xFFFF_FFFF),
    **dict.fromkeys((0x5800, 0x5808, 0x5810, 0x5838, 0x5B50), 0xFFFF_FFFF),
    **dict.fromkeys((0x2800, 0x3800), 0xFFFF_FFF0),  # bits 3:0 are "ignored on write", 13.4.25 and 13.4.36
    **dict.fromkeys((0x2808, 0x3808), 0x000F_FF80),
    **dict.fromkeys((0x00C4, 0x0458, 0x2810, 0x2820, 0x282C, 0x3810, 0x3820, 0x382C), 0xFFFF),
    **dict.fromkeys((0x2410, 0x2418, *range(0x2420, 0x2438, 8), *range(0x3420, 0x3438, 8)), 0x1FFF),
    **dict.fromkeys((0x3410, 0x3418, *range(0x5F00, 0x5F1C, 4)), 0x7FF),
    **dict.fromkeys(range(0x5200, 0x5480, 4), 0xFFFF_FFFF),  # multicast table, addresses
    **dict.fromkeys(range(0x5600, 0x5800, 4), 0xFFFF_FFFF),  # VLAN filter
    **dict.fromkeys((*range(0x5840, 0x585C, 4), *range(0x5880, 0x5890, 4)), 0xFFFF_FFFF),
    **dict.fromkeys(range(0x5A00, 0x5A80, 4), 0xFFFF_FFFF),  # wake-up packets
}
"""The registers that are plain storage, with their bits."""

CLEARED: Final = frozenset(
    [*range(0x4000, 0x4058, 4), *range(0x405C, 0x4088, 4), *range(0x40A0, 0x40C0, 4),
     *range(0x40D0, 0x4100, 4)]
)  # fmt: skip
"""Statistics of 32 bits: "All Statistics registers reset when read", 13.7."""


class Register:
    """A register as an attribute of a RegisterFile."""

    def __init__(self, offset: int) -> None:
        self.offset: Final = offset

    @overload
    def __get__(self, file: None, owner: type) -> Register: ...
    @overload
    def __get__(self, file: RegisterFile, owner: type) -> int: ...
    def __get__(self, file: RegisterFile | None, owner: type) -> Register | int:
        return self if file is None else file.peek(self.offset)

    def __set__(self, file: RegisterFile, value: int) -> None:
        file.poke(self.offset, value)


class Table:
    """Several registers as one attribute of a RegisterFile: their bytes."""

    def __init__(self, offset: int, size: int) -> None:
        self.place: Final = slice(offset, offset + size)

    @overload
    def __get__(self, file: None, owner: type) -> Table: ...
    @overload
    def __get__(self, file: RegisterFile, owner: type) -> bytes: ...
    def __get__(self, file: RegisterFile | None, owner: type) -> Table | bytes:
        return self if file is None else bytes(file.mac[self.place])

    def __set__(self, file: RegisterFile, value: bytes) -> None:
        file.mac[self.place] = value


class RegisterFile:
    """All registers in one block, each of 32 bits with its highest byte first, as they travel."""

    mac: bytearray

    ctrl, eecd, eerd, gprc, gptc, icr, ics, imc, ims, ledctl, manc, mdic, mpc, pba = map(
        Register, list(SAVED.values())[:14]
    )
    rctl, rdbah, rdbal, rdh, rdlen, rdt, status, swsm, tctl, tdbah, tdbal, tdh, tdlen, tdt = map(
        Register, list(SAVED.values())[14:28]
    )
    torh, torl, toth, totl, tpr, tpt, txdctl, wufc, vet = map(Register, list(SAVED.values())[28:])
    rdtr, radv, tidv, tadv, itr = map(Register, (0x2820, 0x282C, 0x3820, 0x382C, 0x00C4))
    roc, rnbc, tsctc = map(Register, (0x40AC, 0x40A0, 0x40F8))
    receive_addresses = Table(0x5400, 128)
    multicast_table = Table(0x5200, 512)
    vlan_filter = Table(0x5600, 512)

    def peek(self, offset: int) -> int:
        """Return what a register holds, without what a read of the guest does."""
        return int.from_bytes(self.mac[offset : offset + 4])

    def poke(self, offset: int, value: int) -> None:
        """Set a register, whatever of it the guest can write."""
        self.mac[offset : offset + 4] = value.to_bytes(4)

    def count(self, offset: int, amount: int = 1) -> None:
        """Count in a statistics register; it sticks at its highest value, 13.7."""
        self.poke(offset, min(self.peek(offset) + amount, 0xFFFF_FFFF))

    def count_octets(self, low: int, amount: int) -> None:
        """Count in a pair of registers, of 64 bits."""
        total = self.peek(low + 4) << 32 | self.peek(low)
        total = min(total + amount, (1 << 64) - 1)
        self.poke(low, total & 0xFFFF_FFFF)
        self.poke(low + 4, total >> 32)

    def count_size(self, first: int, size: int) -> None:
        """Count a frame in one of the six registers for frames of up to 64, 127, ... octets."""
        bounds = (64, 127, 255, 511, 1023)
        self.count(first + 4 * sum(size > bound for bound in bounds))
