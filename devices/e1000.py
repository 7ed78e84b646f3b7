"""An Intel 82540EM: registers, EEPROM, PHY, rings in guest memory, offloads, interrupts that wait.

Source: Intel 317453, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual"
(8254x SDM); sections are named where they are followed, and names in capitals are that manual's. The
saved state is QEMU's `e1000` section, version 2, byte for byte; what that has no room for (delays,
a packet that is half described, the second transmit context, leave to write the EEPROM) travels in subsections of our own, and
only while there is any.
"""

from __future__ import annotations

import struct
from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from devices.e1000_driver import FRAMES, Driver
from devices.e1000_eeprom import (
    PHY_READABLE,
    PHY_RESET,
    PHY_WRITABLE,
    SELECT,
    WIRE_STATE,
    Microwire,
    initial_words,
)  # fmt: skip
from devices.e1000_pci import PCI_STATE, PciFunction
from devices.e1000_receive import RXT0
from devices.e1000_registers import CLEARED, NAMES, SAVED, SIZE, WRITABLE
from devices.e1000_transmit import CONTEXT_STATE, TXDW
from stressor.device import Device, Line, Memory, Region, Timer, operation

__all__ = ["E1000"]

MEMORY: Final = 0x10000
"""Bytes of guest memory; what is beyond reads as zeros."""

RESET: Final = {
    0x0000: 0x0014_0240, 0x0008: 0x8008_0783, 0x0038: 0x8100, 0x0E00: 0x0602, 0x1000: 0x0010_0030,
    0x5820: 0x0022_2300,
}  # fmt: skip
CTRL, EECD, EERD, MDIC, ICR, ICS, IMS, IMC = 0x00, 0x10, 0x14, 0x20, 0xC0, 0xC8, 0xD0, 0xD8
RCTL, TCTL, RDT, RDTR, TDT = 0x0100, 0x0400, 0x2818, 0x2820, 0x3818
UPPER_HALVES: Final = (0x408C, 0x4094, 0x40C4, 0x40CC)
RST, PHY_RST = 0x0400_0000, 0x8000_0000
START, READ_DONE = 0x01, 0x10  # EERD
PHY, PHY_WRITE, PHY_READ, READY, PHY_INTERRUPT, PHY_ERROR = (
    1, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
)  # fmt: skip
MDAC, LSC = 0x200, 0x04
AUTONEGOTIATE, RESTART, NEGOTIATED, ACKNOWLEDGED = 0x1000, 0x0200, 0x20, 0x4000
DELAY_UNIT, THROTTLE_UNIT = 1024, 256  # ns, 13.4.30 and 13.4.18


class E1000(Driver, Device):
    """The card. A frame that it sends comes out; one from the wire is given to `receive`."""

    state = vm.Description(
        "e1000",
        version=2,
        minimum_version=2,
        fields=[
            vm.struct("parent_obj", PCI_STATE, attribute="pci"),
            vm.unused(4),
            vm.u32("rxbuf_size", attribute="buffer_size"),
            vm.u32("rxbuf_min_shift", attribute="threshold_shift"),
            vm.struct("eecd_state", WIRE_STATE, attribute="wire"),
            vm.struct("mig_props", CONTEXT_STATE, attribute="last"),
            vm.u16("size"),
            vm.u16("tso_frames", attribute="segments"),
            vm.u8("sum_needed", attribute="options"),
            vm.u8("ip", attribute="last_ip"),
            vm.u8("tcp", attribute="last_tcp"),
            vm.buffer("header", 256),
            vm.buffer("data", 0x10000),
            vm.array("eeprom_data", vm.u16, 64, attribute="words"),
            vm.array("phy_reg", vm.u16, 32, attribute="phy"),
            *[vm.u32(name) for name in SAVED],
            vm.buffer("RA", 128, attribute="receive_addresses"),
            vm.buffer("MTA", 512, attribute="multicast_table"),
            vm.buffer("VFTA", 512, attribute="vlan_filter"),
        ],
        subsections=[
            vm.Description(
                "e1000/mit_state",
                needed=lambda card: True,
                fields=[
                    vm.u32("rdtr"), vm.u32("radv"), vm.u32("tadv"), vm.u32("itr"),
                    vm.boolean("mit_irq_level", attribute="asserted"),
                ],
            ),
            vm.Description(
                "e1000/full_mac_state",
                needed=lambda card: True,
                fields=[vm.buffer("mac_reg", SIZE, attribute="mac")],
            ),
            vm.Description(
                "e1000/tx_tso_state",
                needed=lambda card: True,
                fields=[
                    vm.struct("tso_props", CONTEXT_STATE, attribute="segmentation"),
                    vm.u8("tso_ip", attribute="segment_ip"),
                    vm.u8("tso_tcp", attribute="segment_tcp"),
                ],
            ),
            vm.Description(
                "e1000/checksum_context",
                needed="apart != 0",
                fields=[
                    vm.u8("apart"),
                    vm.struct("checksum_props", CONTEXT_STATE, attribute="checksums"),
                ],
            ),
            vm.Description(
                "e1000/packet",
                needed="segmenting | tag != 0",
                fields=[vm.u8("segmenting"), vm.u32("tag")],
            ),
            vm.Description(
                "e1000/eeprom", needed="unlocked != 0", fields=[vm.u8("unlocked")],
            ),
            vm.Description(
                "e1000/delays",
                needed=lambda card: any(timer.armed for timer in card._timers()),
                fields=[
                    vm.timer("receive_delay"), vm.timer("receive_limit"), vm.timer("transmit_delay"),
                    vm.timer("transmit_limit"), vm.timer("throttle"),
                ],
            ),
        ],
        post_load=lambda card, version: card._loaded(),
    )  # fmt: skip

    mmio = Region(size=SIZE, widths=(4,), registers=NAMES)
    config = Region(size=256, widths=(1, 2, 4), registers={0x04: "command", 0x10: "bar0", 0x14: "bar1", 0x3C: "line"})
    ram = Memory(MEMORY)
    interrupt = Line()  # INTA#, 1 while asserted

    def __init__(self) -> None:
        self.pci = PciFunction()
        self.wire = Microwire()
        self.receive_delay = self.clock.timer(self._received_late)
        self.receive_limit = self.clock.timer(self._received_late)
        self.transmit_delay = self.clock.timer(self._sent_late)
        self.transmit_limit = self.clock.timer(self._sent_late)
        self.throttle = self.clock.timer(self._drive)
        self.reset()

    def reset(self) -> None:
        """Power-on: registers as 13.4 has them; the EEPROM is as made."""
        self.pci.reset()
        self.wire.reset()
        self.words = initial_words()
        self.unlocked = 0  # whether the EEPROM may be written
        self._reset_phy()
        self._reset_mac()

    def _reset_mac(self) -> None:
        self.mac = bytearray(SIZE)
        for offset, value in RESET.items():
            self.poke(offset, value)
        address = struct.pack("<HHH", *self.words[:3])  # loaded from the EEPROM, 13.5.3
        self.poke(0x5400, int.from_bytes(address[:4], "little"))
        self.poke(0x5404, int.from_bytes(address[4:], "little") | 0x8000_0000)
        self.buffer_size, self.threshold_shift = 0, 1
        self.asserted = False
        self.reset_transmitter()
        for timer in self._timers():
            timer.cancel()
        self._drive()

    def _reset_phy(self) -> None:
        self.phy = [PHY_RESET.get(number, 0) for number in range(32)]

    def emit(self, frame: bytes) -> None:
        self.send(frame)

    # saving and loading

    def _loaded(self) -> None:
        if not self.apart:
            self.checksums.set(self.last.values())
        self.interrupt.level = self.pci.pins[0] = int(self.asserted)

    # registers

    @mmio.on_read
    def _read(self, offset: int, width: int) -> int:
        if offset == EECD:
            return self.wire.read(self.words)
        value = self.peek(offset)
        if offset == ICR:  # 13.4.17: a read clears it
            self._set_causes(0)
        elif offset in CLEARED:
            self.poke(offset, 0)
        elif offset in UPPER_HALVES:  # "64-bit registers reset whenever the upper 32 bits are read", 13.7
            self.poke(offset, 0)
            self.poke(offset - 4, 0)
        return value

    @mmio.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset == CTRL:
            self._control(value)
        elif offset == EECD:
            if self.wire.lines & SELECT and not value & SELECT:
                self.unlocked = self.wire.carry_out(self.words, self.unlocked)
            self.wire.write(value)
        elif offset == EERD:
            self._read_eeprom(value)
        elif offset == MDIC:
            self._manage(value)
        elif offset == ICR:  # 13.4.17: a 1 clears its bit
            self._set_causes(self.icr & ~value)
        elif offset == ICS:
            self._set_causes(self.icr | value)
        elif offset == IMS:
            self.ims |= value
            self._drive()
        elif offset == IMC:
            self.ims &= ~value
            self._drive()
        elif offset == RCTL:
            self.set_receive_control(value)
        elif offset in (TCTL, TDT):
            self.poke(offset, value & 0xFFFF if offset == TDT else value)
            self.transmit()
        elif offset == RDT:
            self.rdt = value & 0xFFFF
        elif offset in WRITABLE:
            self.poke(offset, value & WRITABLE[offset])
            if offset == RDTR and value >> 31:  # FPD: flush what waits
                self._received_late()

    def _control(self, value: int) -> None:
        if value & PHY_RST:
            self._reset_phy()
        if value & RST:
            self._reset_mac()  # the registers; configuration, EEPROM and PHY stay, 13.4.1
        else:
            self.ctrl = value

    def _read_eeprom(self, value: int) -> None:
        """13.4.4."""
        self.eerd = value & 0xFF00
        if value & START:
            number = value >> 8 & 0xFF
            word = self.words[number] if number < len(self.words) else 0
            self.eerd = word << 16 | value & 0xFF00 | READ_DONE

    def _manage(self, value: int) -> None:
        """MDIC: read or write a register of the PHY, of which there is one, at address 1."""
        number, data = value >> 16 & 0x1F, value & 0xFFFF
        failed = 0
        if value >> 21 & 0x1F != PHY:
            value, failed = self.mdic, PHY_ERROR
        elif value & PHY_READ:
            failed = 0 if number in PHY_READABLE else PHY_ERROR
            if not failed:
                value = value & ~0xFFFF | self.phy[number]
        elif value & PHY_WRITE:
            failed = 0 if number in PHY_WRITABLE else PHY_ERROR
            if not failed:
                self._write_phy(number, data)
        self.mdic = value | failed | READY
        if value & PHY_INTERRUPT:
            self._set_causes(self.icr | MDAC)

    def _write_phy(self, number: int, value: int) -> None:
        if number:
            self.phy[number] = value
            return
        self.phy[0] = value & 0x7DC0  # RESET and RESTART clear themselves
        if (
            value & RESTART and value & AUTONEGOTIATE
        ):  # there is always somebody who answers at once
            self.phy[1] |= NEGOTIATED
            self.phy[5] |= ACKNOWLEDGED
            self._set_causes(self.icr | LSC)

    @config.on_read
    def _read_config(self, offset: int, width: int) -> int:
        return self.pci.read(offset, width)

    @config.on_write
    def _write_config(self, offset: int, width: int, value: int) -> None:
        self.pci.write(offset, width, value)

    # interrupts

    def raise_causes(self, causes: int) -> None:
        self._set_causes(self.icr | causes)

    def _set_causes(self, causes: int) -> None:
        self.icr = self.ics = causes
        self._drive()

    def _drive(self) -> None:
        """INTA# is asserted while a cause is enabled; not sooner after the last time than ITR says."""
        level = bool(self.icr & self.ims)
        if level and not self.asserted:
            if self.throttle.armed:
                return
            if self.itr:
                self.throttle.arm_in(self.itr * THROTTLE_UNIT)
        self.asserted = level
        self.pci.pins[0] = int(level)
        self.interrupt.set(level)

    def received(self, causes: int) -> None:
        """RDTR begins anew with each frame, RADV with the first one, 13.4.30 and 13.4.31."""
        if not self.rdtr:
            self.raise_causes(causes | RXT0)
            return
        self.receive_delay.arm_in(self.rdtr * DELAY_UNIT)
        if self.radv and not self.receive_limit.armed:
            self.receive_limit.arm_in(self.radv * DELAY_UNIT)
        if causes:
            self.raise_causes(causes)

    def _received_late(self) -> None:
        self.receive_delay.cancel()
        self.receive_limit.cancel()
        self.raise_causes(RXT0)

    def transmitted(self, causes: int, delayed: bool) -> None:
        """TIDV and TADV, for descriptors with IDE, 13.4.41 and 13.4.44."""
        if delayed and not self.tidv:
            causes |= TXDW
        elif delayed:
            self.transmit_delay.arm_in(self.tidv * DELAY_UNIT)
            if self.tadv and not self.transmit_limit.armed:
                self.transmit_limit.arm_in(self.tadv * DELAY_UNIT)
        self.raise_causes(causes)

    def _sent_late(self) -> None:
        self.transmit_delay.cancel()
        self.transmit_limit.cancel()
        self.raise_causes(TXDW)

    def _timers(self) -> list[Timer]:
        return [
            self.receive_delay, self.receive_limit, self.transmit_delay, self.transmit_limit,
            self.throttle,
        ]  # fmt: skip

    # what goes on around it

    @operation(frame=FRAMES)
    def receive(self, frame: bytes) -> bool:
        """A frame comes in from the wire, without its CRC; returns whether it was stored."""
        return self.take_frame(frame)

    @operation(bits=st.lists(st.integers(0, 7), min_size=1, max_size=60))
    def clock_eeprom(self, bits: list[int]) -> int:
        """Set SK, CS and DI as given, one after the other; returns EECD."""
        for lines in bits:
            self._write(EECD, 4, 0x40 | lines)
        return self._read(EECD, 4)

    def _command_eeprom(self, bits: str) -> None:
        """Select it, and clock a command in."""
        self._write(EECD, 4, 0x40)
        self._write(EECD, 4, 0x42)
        for bit in bits:
            for clock in (0, 1, 0):
                self._write(EECD, 4, 0x42 | int(bit) << 2 | clock)

    @operation(word=st.integers(0, 63), value=st.integers(0, 0xFFFF), lock=st.booleans())
    def write_serially(self, word: int, value: int, lock: bool) -> None:
        """Write a word, and say whether more may be written, 5.3.1."""
        for bits in ("100110000", f"101{word:06b}{value:016b}", *(["100000000"] if lock else [])):
            self._command_eeprom(bits)
        self._write(EECD, 4, 0x40)

    @operation(word=st.integers(0, 63), count=st.integers(0, 16))
    def read_serially(self, word: int, count: int) -> int:
        """Read so many bits of a word, 5.3.1."""
        self._command_eeprom(f"110{word:06b}")
        value = 0
        for _ in range(count):
            self._write(EECD, 4, 0x43)
            value = value << 1 | self._read(EECD, 4) >> 3 & 1
            self._write(EECD, 4, 0x42)
        return value

    @operation(number=st.integers(0, 31), value=st.integers(0, 0xFFFF), writes=st.booleans())
    def use_phy(self, number: int, value: int, writes: bool) -> int:
        """A cycle on the management bus; returns MDIC."""
        self._write(MDIC, 4, (PHY_WRITE | value if writes else PHY_READ) | PHY << 21 | number << 16)
        return self._read(MDIC, 4)

    @operation(register=st.sampled_from(sorted(NAMES)), value=st.integers(0, 0xFFFF_FFFF))
    def set_register(self, register: int, value: int) -> None:
        self._write(register, 4, value)

    @operation(register=st.sampled_from(sorted({*NAMES, *WRITABLE, *CLEARED})))
    def get_register(self, register: int) -> int:
        return self._read(register, 4)
