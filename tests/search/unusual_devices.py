"""Correct devices of kinds that are rare, and some with one planted bug each."""

from __future__ import annotations

import enum
import sys

from hypothesis import strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, Region, operation


class Leaf:
    """One of what a device has many of."""

    def __init__(self, size: int = 0) -> None:
        self.size = size


LEAF = vm.Description("leaf", fields=[vm.u8("size")])


class Bank(Device):
    """Four registers; most of the others are this one with something about its description."""

    state = vm.Description("bank", fields=[vm.array("registers", vm.u8, 4)])
    io = Region(size=4)
    irq = Line()

    def __init__(self) -> None:
        self.registers = [0] * 4

    def reset(self) -> None:
        self.registers[:] = [0] * 4

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return self.registers[offset]

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        self.registers[offset] = value


class Sized(Bank):
    """How many registers there are is fixed when the device is made, and has to match."""

    state = vm.Description(
        "sized",
        fields=[vm.equal("size", vm.u32), vm.bounded("used", vm.i32), vm.variable_array("registers", vm.u8, length="size", maximum=64)],
    )

    def __init__(self) -> None:
        super().__init__()
        self.size = self.used = 4


class Counted(Bank):
    """The same, but the number does not travel."""

    state = vm.Description(
        "counted", fields=[vm.variable_array("registers", vm.u8, length="size", maximum=16, fixed=True)]
    )

    def __init__(self) -> None:
        super().__init__()
        self.size = 4


class Optional(Bank):
    """Has parts or not as it was built."""

    state = vm.Description(
        "optional",
        fields=[
            vm.array("registers", vm.u8, 4),
            vm.u8("extra", when="large"),
            vm.struct("part", LEAF, when="part is not None"),
            vm.struct_array("parts", LEAF, 3, null=True),
        ],
        unsaved={"large": "an option of the build"},
    )

    def __init__(self) -> None:
        super().__init__()
        self.large = True
        self.extra = 0
        self.part = Leaf()
        self.parts = [Leaf(), None, Leaf()]

    def reset(self) -> None:
        super().reset()
        self.extra = self.part.size = 0
        for part in self.parts:
            if part is not None:
                part.size = 0

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.extra = self.part.size = value


class Sessions(Device):
    """Objects by number, which come and go: a load puts them in by another order."""

    state = vm.Description("sessions", fields=[vm.tree("sessions", LEAF, maximum=8, factory=Leaf)])

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.sessions: dict[int, Leaf] = {}

    @operation(number=st.integers(0, 1000), size=st.integers(0, 255))
    def open(self, number: int, size: int) -> None:
        if len(self.sessions) < 8:
            self.sessions[number] = Leaf(size)

    @operation
    def close(self) -> None:
        if self.sessions:
            self.sessions.pop(min(self.sessions))


class Bitmap(Device):
    """As many bits as a register says."""

    state = vm.Description("bits", fields=[vm.u16("size"), vm.variable_bitmap("bits", length="size", maximum=200)])

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.size = self.bits = 0

    @operation(size=st.integers(0, 150))
    def resize(self, size: int) -> None:
        self.size = size
        self.bits &= (1 << size) - 1

    @operation(bit=st.integers(0, 150))
    def flip(self, bit: int) -> None:
        if bit < self.size:
            self.bits ^= 1 << bit


CORRECT: tuple[type[Device], ...] = (Bank, Sized, Counted, Optional, Sessions, Bitmap)


class Leaving(Bank):
    """Planted: a write ends the process, or tries to."""

    def write(self, offset: int, width: int, value: int) -> None:
        if value == 0xFF:
            sys.exit(0)
        super().write(offset, width, value)


class Interrupting(Bank):
    """Planted: a load raises the interrupt line and leaves it so."""

    state = vm.Description(
        "interrupting", fields=[vm.array("registers", vm.u8, 4)], post_load=lambda device, version: device.irq.set(1)
    )


class Keyed(Bank):
    """Planted: a dict that is forgotten, by text."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, int] = {}

    def reset(self) -> None:
        super().reset()
        self.notes = {}

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.notes[f"r{value}"] = offset


class Mode(enum.Enum):
    IDLE = 0
    BUSY = 1


class Moody(Bank):
    """Planted: what is behind accessors is saved and not loaded."""

    state = vm.Description(
        "moody",
        fields=[
            vm.array("registers", vm.u8, 4),
            vm.u8("mode", read=lambda device: device.mode.value, write=lambda device, value: None),
        ],
    )

    def __init__(self) -> None:
        super().__init__()
        self.mode = Mode.IDLE

    def reset(self) -> None:
        super().reset()
        self.mode = Mode.IDLE

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.mode = Mode.BUSY if value & 1 else Mode.IDLE


class Shadowed(Device):
    """Planted: what is written is one object with what is active until it is committed, and a load forgets it."""

    state = vm.Description(
        "shadowed",
        fields=[vm.struct("active", LEAF), vm.boolean("parted")],
        post_load=lambda device, version: device.loaded(),
    )
    io = Region(size=2, registers={0: "shadow", 1: "commit"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.active = self.shadow = Leaf()
        self.parted = False

    def loaded(self) -> None:
        self.shadow = Leaf() if self.parted else self.active

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self.active, self.parted = self.shadow, False
        else:
            self.shadow, self.parted = Leaf(value), True


class Sundry(Bank):
    """Planted: forgets a set, a member of an enumeration, and a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        self.seen: set[int] = set()
        self.mode = Mode.IDLE
        self.pair = (0, 0)

    def reset(self) -> None:
        super().reset()
        self.forget()

    def read(self, offset: int, width: int) -> int:
        return (*self.registers[:1], len(self.seen), self.mode.value, sum(self.pair))[offset]

    def write(self, offset: int, width: int, value: int) -> None:
        self.registers[0] = value
        self.seen ^= {value & 3}
        self.mode = Mode(value >> 7)
        self.pair = (value & 7, value >> 5)


class Ruled(Bank):
    """Planted: forgets what a rule is about."""

    state = vm.Description(
        "ruled", fields=[vm.array("registers", vm.u8, 4)], validate=[vm.Validate("the head is in the ring", "head < 16")]
    )

    def __init__(self) -> None:
        super().__init__()
        self.head = 0

    def reset(self) -> None:
        super().reset()
        self.head = 0

    def write(self, offset: int, width: int, value: int) -> None:
        super().write(offset, width, value)
        self.head = value & 15


class Node:
    """A link of a chain."""

    def __init__(self, following: Node | None) -> None:
        self.following = following


class Chained(Bank):
    """Planted: nothing but a chain too long to walk."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Node | None = None

    def write(self, offset: int, width: int, value: int) -> None:
        for _ in range(2000):
            self.first = Node(self.first)


