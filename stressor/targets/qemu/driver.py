"""Transactions with a device of QEMU: what a guest's driver does, as operations.

    from hypothesis import strategies as st
    from stressor import Driver
    from stressor.device import operation

    class Timer(Driver):
        region = "sp804"

        @operation(ticks=st.integers(1, 1000))
        def start(self, ticks: int) -> None:
            self.registers.write(0x00, ticks)
            self.registers.write(0x08, 0xE0)
            self.registers.read(0x04)

Whatever a transaction reads is an observation under the register's name, so that a report says
which register differs, and in which transaction.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from time import monotonic, sleep
from typing import ClassVar, Final

from stressor.errors import TargetError, UsageError
from stressor.loop.operations import OperationType, Strategy
from stressor.targets.qemu.bench import Bench
from stressor.targets.qemu.pipeline import Pipeline, Run
from stressor.targets.qemu.regions import Region, access

__all__ = [
    "Driver",
    "DriverType",
    "GuestMemory",
    "Machinery",
    "Registers",
    "drivers_for",
    "memory_of_drivers",
    "refuse_doubles",
    "unambiguous",
]

_POLLS: Final = 16
_POLL_APART: Final = 0.001
"""Seconds, once it has been read so many times."""


class Machinery:
    """What the drivers of one machine share: the way to it, and how much of its memory is taken."""

    def __init__(self, memory: range) -> None:
        self.memory: Final = memory
        self.taken = 0
        self.elsewhere = False
        self.pipeline = Pipeline(_nowhere)

    def allocate(self, size: int, alignment: int) -> int:
        """Return the address of `size` bytes that nobody else has. Raises TargetError when there are
        none left."""
        start = -(-(self.memory.start + self.taken) // alignment) * alignment
        if start + size > self.memory.stop:
            raise TargetError(
                f"a driver asks for {size} bytes of guest memory, and all {len(self.memory)} are taken; "
                "allocate less, and only in __init__"
            )
        self.taken = start + size - self.memory.start
        return start


def memory_of_drivers(ram: range) -> range:
    """Return the part of a machine's memory that is for drivers, its last quarter."""
    return ram[len(ram) - len(ram) // 4 :]


def _nowhere(commands: Sequence[str]) -> list[str]:
    raise TargetError("a driver talks to its device in __init__; do that in an operation")


class Registers:
    """A region's registers. `names` say what a report calls them, by offset."""

    def __init__(self, machinery: Machinery, region: Region, names: Mapping[int, str]) -> None:
        self._machinery = machinery
        self._region: Final = region
        self._names: Final = names

    @property
    def name(self) -> str:
        """What the region is called."""
        return self._region.name

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._region.size

    def read(self, offset: int, width: int = 4, name: str = "") -> int:
        """Return a register's value, and show it: it is compared with the twin's.

        Waits for QEMU; where the value is not needed, `show` is faster. Where one register gives
        several things, one after another, `name` tells them apart: what is lost of one of them says
        nothing about the others.
        """
        pipeline = self._machinery.pipeline
        value = int(pipeline.ask(access(self._region, offset, width)), 16)
        pipeline.observations.append(("line", self._named(offset, name), value))
        return value

    def show(self, offset: int, width: int = 4, name: str = "") -> None:
        """Compare a register with the twin's; `name` as in `read`."""
        name = self._named(offset, name)
        self._machinery.pipeline.add(
            (access(self._region, offset, width),),
            lambda answers: [("line", name, int(answers[0], 16))],
        )

    def write(self, offset: int, value: int, width: int = 4) -> None:
        """Write a register; `value` is cut to `width` bytes."""
        value &= (1 << 8 * width) - 1
        self._machinery.pipeline.add(
            (access(self._region, offset, width, value),), lambda answers: []
        )

    def wait(self, offset: int, mask: int, value: int, width: int = 4, *, patience: float = 0.0) -> bool:
        """Read a register a few times, until what `mask` leaves of it is `value`; return whether it
        came to that. Only the last reading is shown.

        What a thread of QEMU's own works out takes as long as the machine is busy with other things: `patience` is
        for how many seconds more it is asked after that, each millisecond. What QEMU's main loop does needs none."""
        pipeline = self._machinery.pipeline
        found, polls, until = 0, 0, monotonic() + patience
        while True:
            found = int(pipeline.ask(access(self._region, offset, width)), 16)
            polls += 1
            if found & mask == value or (polls >= _POLLS and monotonic() >= until):
                break
            pipeline.settle()
            if polls >= _POLLS:
                sleep(_POLL_APART)
        pipeline.observations.append(("line", self._named(offset), found))
        return found & mask == value

    def _named(self, offset: int, name: str = "") -> str:
        name = name or self._names.get(offset, "")
        return f"{self._region.name}+{offset:#x}" + (f" ({name})" if name else "")


class GuestMemory:
    """The guest's memory. Addresses are physical; write only where `Driver.allocate` gave some."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery

    def read(self, address: int, size: int, name: str) -> bytes:
        """Return `size` bytes, and show them under `name`: they are compared with the twin's."""
        pipeline = self._machinery.pipeline
        data = bytes.fromhex(pipeline.ask(f"read {address:#x} {size}")[2:])
        pipeline.observations.append(("line", name, data))
        return data

    def show(self, address: int, size: int, name: str) -> None:
        """Compare `size` bytes with the twin's; `name` is what a report calls them."""
        self._machinery.pipeline.add(
            (f"read {address:#x} {size}",),
            lambda answers: [("line", name, bytes.fromhex(answers[0][2:]))],
        )

    def write(self, address: int, data: bytes) -> None:
        """Put bytes there."""
        if data:
            self._machinery.pipeline.add(
                (f"write {address:#x} {len(data)} 0x{data.hex()}",), lambda answers: []
            )

    def fill(self, address: int, size: int, byte: int = 0) -> None:
        """Put `size` times one byte there."""
        self._machinery.pipeline.add((f"memset {address:#x} {size} {byte:#x}",), lambda answers: [])


class Driver:
    """The base of a driver. One is made for each region that fits, on each machine.

    `region` is the name of the region that it drives, with wildcards as in the shell, and with `#2`
    behind it only the second one of that name (`#1` the first); `others` are further ones that it
    needs, under names of its own. Before `__init__` runs a driver has
    `registers`, `other`, `memory` and `allocate`. Its other attributes are what a guest's driver
    keeps in its own memory: plain data, which is copied and put back when a donor is driven.
    """

    region: ClassVar[str]
    others: ClassVar[Mapping[str, str]] = {}
    names: ClassVar[Mapping[int, str]] = {}
    """What the registers of `region` are called in reports, by offset."""
    weights: ClassVar[Mapping[str, float]] = {}
    """How often an operation is drawn, by its method; 1 for those that are not named, 0.5 at least."""
    identity: ClassVar[Mapping[int, int]] = {}
    """What registers of `region` hold on a new machine, by offset, where the region's name does not
    tell its device."""

    registers: Registers
    other: Mapping[str, Registers]
    memory: GuestMemory
    _machinery: Machinery

    @classmethod
    def fits(cls, region: Region) -> bool:
        """Return whether a region of that name is one to drive; for names that say too little."""
        return True

    @classmethod
    def serves(cls, region: Region) -> bool:
        """Return whether a region of that name is one of the `others`; likewise."""
        return True

    def learn(self) -> bool:
        """Look at the device, once, on a machine that is thrown away; return whether there is anything
        to do for this driver. Attributes that it sets, every driver of this region starts with."""
        return True

    @property
    def elsewhere(self) -> bool:
        """Whether a donor is driven. What then goes into a flash or onto a disk stays there, as it is
        part of no saved state: leave that out."""
        return self._machinery.elsewhere

    def allocate(self, size: int, alignment: int = 4096) -> int:
        """Return the address of `size` bytes of guest memory of its own; for `__init__`.

        Raises TargetError when there are not so many left.
        """
        return self._machinery.allocate(size, alignment)

    def step(self, nanoseconds: int) -> None:
        """Let so much virtual time pass, or up to 3 us more; nothing where the clock stands still."""
        self._machinery.pipeline.step(nanoseconds)

    def settle(self) -> None:
        """Let QEMU finish what the writes before have started in the background."""
        self._machinery.pipeline.settle()

    def keep(self) -> dict[str, object]:
        """Return a copy of what it knows."""
        bound = ("registers", "other", "memory", "_machinery")
        return copy.deepcopy({name: value for name, value in vars(self).items() if name not in bound})

    def put_back(self, kept: Mapping[str, object]) -> None:
        """Know again what it knew when `keep` was called."""
        vars(self).update(copy.deepcopy(dict(kept)))


class DriverType:
    """A driver class on regions of a machine: its kinds of operation, and instances."""

    def __init__(self, cls: type[Driver], region: Region, others: Mapping[str, Region]) -> None:
        self._class: Final = cls
        self._region: Final = region
        self._others: Final = others
        self._methods: Final = {
            name: member.stressor_operation
            for base in reversed(cls.__mro__)
            for name, member in vars(base).items()
            if hasattr(member, "stressor_operation")
        }
        self.names: Final = {f"{region.name}.{name}": name for name in self._methods}
        """The names of its operations, and the method that each one is."""
        self.learns: Final = cls.learn is not Driver.learn
        self._learnt: Mapping[str, object] = {}

    def kinds(self, weight: float) -> list[OperationType]:
        """Return its kinds of operation, `weight` each times the one that the class gives it."""
        return [
            OperationType(
                name, name, (), tuple(map(Strategy, self._methods[method].values())),
                weight * self._weight(method),
            )
            for name, method in self.names.items()
        ]  # fmt: skip

    @property
    def share(self) -> float:
        """What the weights of its operations come to, as the class gives them."""
        return sum(map(self._weight, self.names.values()))

    def _weight(self, method: str) -> float:
        return self._class.weights.get(method, 1.0)

    def arguments(self, method: str) -> int:
        """Return how many arguments one of its methods takes."""
        return len(self._methods[method])

    def create(self, machinery: Machinery) -> Driver:
        """Return a driver for one machine. Raises TargetError with the class when it cannot be made."""
        driver = self._class.__new__(self._class)
        driver._machinery = machinery
        driver.memory = GuestMemory(machinery)
        driver.registers = Registers(machinery, self._region, self._class.names)
        driver.other = {
            name: Registers(machinery, region, {}) for name, region in self._others.items()
        }
        try:
            driver.__init__()  # type: ignore[misc]
        except Exception as error:
            raise TargetError(f"{self._class.__name__} cannot be made: {error}") from error
        driver.put_back(self._learnt)
        return driver

    def learn(self, run: Run, memory: range) -> bool:
        """Let a driver learn on a machine that takes commands; return whether it is of use there."""
        machinery = Machinery(memory)
        machinery.pipeline = Pipeline(run)
        driver = self.create(machinery)
        before = driver.keep()
        useful = driver.learn()
        machinery.pipeline.flush()
        self._learnt = {name: value for name, value in driver.keep().items() if before.get(name) != value}
        return useful


def drivers_for(
    classes: Sequence[type[Driver]], regions: Sequence[Region], bench: Bench | None = None
) -> list[DriverType]:
    """Return a driver type for each class and region that fit, when all that it needs is there.

    `bench` is asked for a class's `identity`; without it a class that has one fits nowhere. Of the `others` each driver gets its own
    where there are as many, and else all get the first.
    """
    found: list[DriverType] = []
    for cls in classes:
        others = {
            name: [*filter(cls.serves, _fitting(pattern, regions))]
            for name, pattern in cls.others.items()
        }
        if not all(others.values()):
            continue
        own = [
            region
            for region in filter(cls.fits, _fitting(cls.region, regions))
            if all(_holds(bench, region, *register) for register in cls.identity.items())
        ]
        for number, region in enumerate(own):
            chosen = {
                name: fit[number if len(fit) == len(own) else 0] for name, fit in others.items()
            }
            found.append(DriverType(cls, region, chosen))
    return found


def _holds(bench: Bench | None, region: Region, offset: int, value: int) -> bool:
    answers = None if bench is None else bench.ask(region.read(offset, 4))
    return answers is not None and int(answers[-1], 16) == value


def unambiguous(drivers: Sequence[DriverType]) -> list[DriverType]:
    """Return the drivers but for those that have operations of one name: they claim one region, as
    those of the legacy ports of several virtio devices do, and which is right cannot be told."""
    counts = Counter(name for driver in drivers for name in driver.names)
    return [driver for driver in drivers if all(counts[name] == 1 for name in driver.names)]


def refuse_doubles(drivers: Sequence[DriverType]) -> None:
    """Raise UsageError when two operations have one name."""
    seen: set[str] = set()
    for driver in drivers:
        for name in driver.names:
            if name in seen:
                raise UsageError(f"two drivers have an operation {name}; rename the method of one")
            seen.add(name)


def _fitting(pattern: str, regions: Sequence[Region]) -> list[Region]:
    wanted, _, number = pattern.partition("#")
    found = []
    for region in regions:
        name, _, own = region.name.partition("#")
        if fnmatchcase(name, wanted) and number in ("", own or "1"):
            found.append(region)
    return found
