"""An 8259A interrupt controller, and the pair of them that a PC has.

Source: Intel, "8259A Programmable Interrupt Controller (8259A/8259A-2)", order number 231468-003,
December 1988; names of words and bits are that datasheet's. The trigger mode of single inputs is
chosen by the two ELCR ports of Intel's 82371FB (PIIX, order number 290550), 2.5.4.5, as on every PC
with a PCI bus. The saved state is QEMU's `i8259` section, version 1, byte for byte.

Left out: the 8080 mode of ICW4, whose call addresses no PC uses, and LTIM of ICW1, whose place ELCR
has taken.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, Region, operation
from stressor.machine import Machine, part

__all__ = ["I8259", "I8259Pair"]

CASCADE: Final = 2  # the input of the first controller at which the second one is
SPURIOUS: Final = (
    7  # what is acknowledged when nothing asks any more, "edge and level triggered modes"
)

# Initialization command words
ICW1, ICW4_NEEDED, SINGLE = 0x10, 0x01, 0x02
VECTOR_BASE = 0xF8  # ICW2: T7 to T3
AUTOMATIC_END, SPECIAL_FULLY_NESTED = 0x02, 0x10  # ICW4: AEOI, SFNM
# Operation command words: OCW3 is told from OCW2 by bit 3
OCW3, READ_REGISTER, READ_IN_SERVICE, POLL, SET_SPECIAL_MASK, SPECIAL_MASK = (
    0x08,
    0x02,
    0x01,
    0x04,
    0x40,
    0x20,
)
# The commands of OCW2, its bits R, SL and EOI
(
    CLEAR_ROTATION,
    END,
    _,
    SPECIFIC_END,
    SET_ROTATION,
    ROTATE_ON_END,
    SET_PRIORITY,
    ROTATE_ON_SPECIFIC_END,
) = range(8)
# Which word a write to the second port is
MASK, VECTOR, CASCADING, MODE = range(4)
POLLED: Final = 0x80  # what a poll answers beside the level: bit 7, "interrupt"

FIRST_ELCR, SECOND_ELCR = 0xF8, 0xDE  # inputs that can be level triggered: not 0 to 2, 8 and 13


class I8259(Device):
    """One controller of eight inputs. `first` says that it is the one with the other behind it."""

    state = vm.Description(
        "i8259",
        fields=[
            vm.u8("last_irr", attribute="levels"),
            vm.u8("irr", attribute="requests"),
            vm.u8("imr", attribute="mask"),
            vm.u8("isr", attribute="in_service"),
            vm.u8("priority_add", attribute="highest"),
            vm.u8("irq_base", attribute="vector_base"),
            vm.u8("read_reg_select", attribute="reads_in_service"),
            vm.u8("poll", attribute="polling"),
            vm.u8("special_mask"),
            vm.u8("init_state", attribute="expected"),
            vm.u8("auto_eoi", attribute="automatic_end"),
            vm.u8("rotate_on_auto_eoi", attribute="rotates"),
            vm.u8("special_fully_nested_mode", attribute="special_fully_nested"),
            vm.u8("init4", attribute="mode_follows"),
            vm.u8("single_mode", attribute="single"),
            vm.u8("elcr", attribute="level_triggered"),
        ],
        validate=[vm.Validate("there are eight priorities", "highest < 8"), vm.Validate("there are four words", "expected < 4")],
        unsaved={"first": "how it is wired", "can_be_level_triggered": "how it is wired"},
    )  # fmt: skip

    io = Region(size=2, ports=True, registers={0: "command", 1: "data"})
    elcr = Region(size=1, ports=True, registers={0: "elcr"})

    ir0 = Line(input=True)
    ir1 = Line(input=True)
    ir2 = Line(input=True)
    ir3 = Line(input=True)
    ir4 = Line(input=True)
    ir5 = Line(input=True)
    ir6 = Line(input=True)
    ir7 = Line(input=True)
    interrupt = Line()  # INT

    def __init__(self, *, first: bool = True) -> None:
        self.first = first
        self.can_be_level_triggered = FIRST_ELCR if first else SECOND_ELCR
        self.reset()

    def reset(self) -> None:
        """Power-on, which the part leaves open: as after ICW1 without the words behind it."""
        self.level_triggered = 0  # ELCR
        self.requests = 0  # IRR
        self._initialize()
        self._update()

    def _initialize(self) -> None:
        """What ICW1 does at once: "initialization command words 1 and 2", a to f."""
        self.levels = 0  # edge sense: inputs have to go low and high again
        self.requests &= self.level_triggered  # a level goes on asking
        self.mask = 0  # IMR
        self.in_service = 0  # ISR
        self.highest = 0  # the input of the highest priority; IR7 is lowest
        self.vector_base = 0
        self.reads_in_service = 0
        self.polling = 0
        self.special_mask = 0
        self.automatic_end = 0
        self.rotates = 0
        self.special_fully_nested = 0
        self.mode_follows = 0
        self.single = 0
        self.expected = MASK

    # inputs

    @ir0.on_change
    def _ir0(self, level: int) -> None:
        self._request(0, level)

    @ir1.on_change
    def _ir1(self, level: int) -> None:
        self._request(1, level)

    @ir2.on_change
    def _ir2(self, level: int) -> None:
        self._request(2, level)

    @ir3.on_change
    def _ir3(self, level: int) -> None:
        self._request(3, level)

    @ir4.on_change
    def _ir4(self, level: int) -> None:
        self._request(4, level)

    @ir5.on_change
    def _ir5(self, level: int) -> None:
        self._request(5, level)

    @ir6.on_change
    def _ir6(self, level: int) -> None:
        self._request(6, level)

    @ir7.on_change
    def _ir7(self, level: int) -> None:
        self._request(7, level)

    def _request(self, number: int, level: int) -> None:
        bit = 1 << number
        if level:
            if self.level_triggered & bit or not self.levels & bit:
                self.requests |= bit
            self.levels |= bit
        else:
            if self.level_triggered & bit:
                self.requests &= ~bit
            self.levels &= ~bit
        self._update()

    # priority

    def _rank(self, inputs: int) -> int:
        """Return how far the best of some inputs is from the highest priority; 8 when there is none."""
        turned = (inputs | inputs << 8) >> self.highest & 0xFF
        return (turned & -turned).bit_length() - 1 if turned else 8

    def pending(self) -> int | None:
        """Return the input that is to be served next, None when there is none above what is in service."""
        rank = self._rank(self.requests & ~self.mask)
        serving = self.in_service
        if self.special_mask:
            serving &= ~self.mask  # "special mask mode": a masked level inhibits nobody
        if self.special_fully_nested and self.first:
            serving &= ~(1 << CASCADE)  # the second controller may interrupt itself
        return (rank + self.highest) & 7 if rank < self._rank(serving) else None

    def acknowledge(self, number: int) -> None:
        """Do what INTA does for an input."""
        bit = 1 << number
        if not self.automatic_end:
            self.in_service |= bit
        elif self.rotates:
            self.highest = (number + 1) & 7
        if not self.level_triggered & bit:
            self.requests &= ~bit
        self._update()

    def _update(self) -> None:
        self.interrupt.set(self.pending() is not None)

    # the first port: ICW1, OCW2, OCW3; reads of IRR and ISR; the second: the other words, IMR

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if self.polling:
            self.polling = 0
            return self._polled()
        if offset:
            return self.mask
        return self.in_service if self.reads_in_service else self.requests

    def _polled(self) -> int:
        """Answer a poll: "poll command", the read is an acknowledge."""
        number = self.pending()
        if number is None:
            return 0
        self.acknowledge(number)
        return number | POLLED

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self._data(value)
        elif value & ICW1:
            self._initialize()
            self.expected = VECTOR
            self.mode_follows = value & ICW4_NEEDED
            self.single = value & SINGLE
        elif value & OCW3:
            self._operate(value)
        else:
            self._end(value >> 5, value & 7)
        self._update()

    @operation(vector=st.integers(0, 31), single=st.booleans(), mode=st.sampled_from((None, 0x01, 0x03, 0x11, 0x13)))
    def initialize(self, vector: int, single: bool, mode: int | None) -> None:
        """The four command words, or three without a `mode` (ICW4), or one less for a `single` controller."""
        self._write(0, 1, ICW1 | single * SINGLE | (ICW4_NEEDED if mode is not None else 0))
        for word in (vector << 3, *(() if single else (4,)), *(() if mode is None else (mode,))):
            self._write(1, 1, word)

    @operation(special=st.sampled_from((0, 2, 3)), poll=st.booleans(), reads=st.sampled_from((0, 2, 3)))
    def operate(self, special: int, poll: bool, reads: int) -> None:
        """OCW3: the special mask, a poll, and which register is read; 2 clears, 3 sets, 0 leaves."""
        self._write(0, 1, OCW3 | special << 5 | poll * POLL | reads)

    def _operate(self, value: int) -> None:
        if value & POLL:
            self.polling = 1
        if value & READ_REGISTER:
            self.reads_in_service = value & READ_IN_SERVICE
        if value & SET_SPECIAL_MASK:
            self.special_mask = value >> 5 & 1

    def _end(self, command: int, level: int) -> None:
        """Do what OCW2 says, for a level where it is specific."""
        if command in (CLEAR_ROTATION, SET_ROTATION):
            self.rotates = command >> 2
        elif command in (END, ROTATE_ON_END):
            rank = self._rank(self.in_service)
            if rank < 8:
                number = (rank + self.highest) & 7
                self.in_service &= ~(1 << number)
                if command == ROTATE_ON_END:
                    self.highest = (number + 1) & 7
        elif command in (SPECIFIC_END, ROTATE_ON_SPECIFIC_END):
            self.in_service &= ~(1 << level)
            if command == ROTATE_ON_SPECIFIC_END:
                self.highest = (level + 1) & 7
        elif command == SET_PRIORITY:
            self.highest = (level + 1) & 7

    def _data(self, value: int) -> None:
        if self.expected == MASK:
            self.mask = value
        elif self.expected == VECTOR:
            self.vector_base = value & VECTOR_BASE
            self.expected = CASCADING if not self.single else self._last()
        elif self.expected == CASCADING:
            self.expected = (
                self._last()
            )  # ICW3 says where the other one is, which is how it is wired
        else:
            self.special_fully_nested = value >> 4 & 1
            self.automatic_end = value >> 1 & 1
            self.expected = MASK

    def _last(self) -> int:
        return MODE if self.mode_follows else MASK

    @elcr.on_read
    def _read_elcr(self, offset: int, width: int) -> int:
        return self.level_triggered

    @elcr.on_write
    def _write_elcr(self, offset: int, width: int, value: int) -> None:
        self.level_triggered = value & self.can_be_level_triggered


class I8259Pair(Machine):
    """The two controllers of a PC: the second one asks at input 2 of the first."""

    first = part(I8259, first=True)
    second = part(I8259, first=False)

    def wire(self) -> None:
        self.connect(self.second.interrupt, self.first.ir2)

    @operation
    def acknowledge(self) -> int:
        """The processor's INTA cycle: return the vector."""
        number = self.first.pending()
        if number is None:
            number = SPURIOUS
        else:
            self.first.acknowledge(number)
        if number != CASCADE:
            return self.first.vector_base + number
        behind = self.second.pending()
        if behind is None:
            behind = SPURIOUS
        else:
            self.second.acknowledge(behind)
        return self.second.vector_base + behind
