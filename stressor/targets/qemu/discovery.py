"""What a specification has to be driven: the command line, where its registers are, how to get there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from stressor.errors import TargetError, UsageError
from stressor.targets.qemu.binary import QemuBinary, binary_at, binary_for, installed
from stressor.targets.qemu.board import Board, board_of
from stressor.targets.qemu.clock import Clock
from stressor.targets.qemu.companions import PLACES, Bus, Companions, buses_in, guests_for
from stressor.targets.qemu.interrupts import interrupt_sections
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.process import SECONDS, QemuDied, QemuHung, QemuProcess
from stressor.targets.qemu.regions import PciFunction, Region, memory_in, pci_functions, regions_in
from stressor.targets.qemu.specification import QemuSpecification
from stressor.targets.qemu.timekeeping import clock_for

__all__ = ["DeviceRefused", "Layout", "NoRegisters", "discover", "launch", "machine_of"]

_ID: Final = "stressed"
_MEMORY_WINDOW: Final = 0xE000_0000
_PORT_WINDOW: Final = 0xC000
_ROM_BAR: Final = 6
_MEGABYTE: Final = 1 << 20
_CONFIG_SIZE: Final = 256
_MACHINE: Final = frozenset({"-machine", "-M"})
_CONFIGURATION: Final = ": pci-conf-idx"
"""The region of the ports through which a PC's configuration spaces are reached."""


class NoRegisters(UsageError):
    """A device, or a pattern, without any region that can be read and written."""


class DeviceRefused(UsageError):
    """A device that the machine does not start with: its name or a property is wrong, or one is missing.

    `words` are QEMU's own.
    """

    def __init__(self, specification: str, words: str, cure: str) -> None:
        self.words = words
        super().__init__(f"{specification}: {words}; {cure}")


@dataclass(frozen=True)
class Layout:
    """How to start a machine, the qtest commands that make its registers appear, and where they are.

    `sections` are those that the stressed device brings along; None for a board, where all count.
    `interrupts` are the interrupt controllers' beside them. `assigned` are the base addresses of
    the stressed PCI function by their offsets. `ram` is the memory that operations use: at most
    four megabytes, of which the last quarter is for drivers. `clock` lets time pass; None where it
    stands still, for the reason in `timeless`.
    """

    binary: QemuBinary
    machine: str
    memory: str
    arguments: tuple[str, ...]
    setup: tuple[str, ...]
    regions: tuple[Region, ...]
    sections: frozenset[str] | None
    interrupts: frozenset[str]
    assigned: tuple[tuple[int, int], ...]
    ram: range
    clock: Clock | None = None
    timeless: str = ""


def launch(
    layout: Layout,
    *,
    incoming: bool = False,
    seconds: float = SECONDS,
    patience: float | None = None,
) -> QemuProcess:
    """Launch a process of the layout; registers are not there before `setup` was run.

    `seconds` bounds every answer, `patience` those to qtest commands.
    """
    return QemuProcess(
        layout.binary, layout.arguments, memory=layout.memory, incoming=incoming, seconds=seconds,
        patience=patience, clock=layout.clock,
    )  # fmt: skip


def discover(specification: QemuSpecification) -> Layout:
    """Find the registers and sections of a device, or of all of a board's own devices.

    Raises UsageError when there are none, TargetError when the machine does not start, or cannot
    be saved.
    """
    binary, machine = machine_of(specification)
    device = specification.device
    board = board_of(
        binary, machine, specification.memory, specification.arguments, wired=device is None
    )
    patterns = specification.regions or ("*",)
    arguments, process = _furnished(board, specification)
    try:
        bases = [*_assign(process, device is not None)]
        setup = [line for function, assigned in bases for line in _configured(function, assigned)]
        process.run(setup)
        tree = process.human("info mtree -f")
        regions = regions_in(tree, patterns)
        sections = _sections(process) if device else None
    finally:
        process.close()
    interrupts: frozenset[str] = frozenset()
    if sections is not None:
        sections, interrupts = sections - board.sections, interrupt_sections(board.sections)
        regions = tuple(region for region in regions if region not in board.regions)
        if _CONFIGURATION in tree and any(fnmatchcase("config", each) for each in patterns):
            spaces = [Region("config", function.address, _CONFIG_SIZE, False, True) for function, _ in bases]
            regions = (*spaces, *regions)  # the first to be asked: without it the others are gone
    if not regions:
        chosen = f" that fits {', '.join(patterns)}" if specification.regions else ""
        raise NoRegisters(f"{specification.text}: has no region of registers{chosen}; see info mtree")
    own = [assigned for function, assigned in bases if function.id == _ID]
    clock = clock_for(specification, binary, arguments, board.memory)
    return Layout(
        binary, machine, board.memory, tuple(arguments), tuple(setup), regions, sections,
        interrupts, own[0] if own else (), _used(memory_in(tree)),
        *((None, clock) if isinstance(clock, str) else (clock, "")),
    )  # fmt: skip


def _used(memory: range) -> range:
    # what a PC has below its first megabyte belongs to the piece above
    start = 0 if memory.start <= _MEGABYTE else memory.start
    return range(start, min(memory.stop, start + 4 * _MEGABYTE))


def _sections(process: QemuProcess) -> frozenset[str]:
    """Return the labels of all sections; none when saving kills the machine, which is a finding."""
    try:
        return frozenset(Machine(process).sections)
    except (QemuDied, QemuHung):
        return frozenset()


def machine_of(specification: QemuSpecification) -> tuple[QemuBinary, str]:
    """Return the binary that a specification means, and its machine; "" when that is among its own arguments.

    Raises UsageError.
    """
    wanted = specification.binary
    binary = binary_at(wanted) if wanted else binary_for(specification.machine)
    machine = specification.machine or binary.default_machine or ""
    if machine in binary.machines or (not machine and _MACHINE.intersection(specification.arguments)):
        return binary, machine
    problem = f"has no machine {machine!r}" if machine else "has no default machine"
    raise UsageError(
        f"{specification.text}: {binary.path} {problem}; write machine=NAME{_meant(machine, binary.machines)}, "
        f"`{binary.path} -machine help` lists them"
    )


def _furnished(board: Board, specification: QemuSpecification) -> tuple[list[str], QemuProcess]:
    """Return the arguments of a machine that has the device and all companions, and its process.

    How much buses have room for cannot be read: when a machine with everything on them does not
    start, each thing is tried by itself, and what keeps it from starting is left out.
    """
    companions = Companions(board.binary)
    buses: Sequence[Bus] = board.buses
    if specification.device is not None:
        companions.device(specification.device, [("id", _ID), *specification.properties])
        arguments = [*board.arguments, *companions.arguments]
        process = _with_device(board, arguments, specification)
        try:
            buses = buses_in(process.human("info qtree"), _ID)
        except BaseException:
            process.close()
            raise
        if not any(bus.type in PLACES for bus in buses):
            return arguments, process
        process.close()

    def started(guests: Sequence[tuple[str, str]]) -> tuple[list[str], QemuProcess]:
        furnished = replace(companions, arguments=[*companions.arguments])
        for guest, bus in guests:
            furnished.guest(guest, bus)
        arguments = [*board.arguments, *furnished.arguments]
        return arguments, QemuProcess(board.binary, arguments, memory=board.memory).connect()

    wanted = [*guests_for(buses)]
    with suppress(TargetError):
        return started(wanted)
    welcome: list[tuple[str, str]] = []
    for guest in wanted:
        with suppress(TargetError):
            started([*welcome, guest])[1].close()
            welcome.append(guest)
    return started(welcome)


def _with_device(board: Board, arguments: list[str], specification: QemuSpecification) -> QemuProcess:
    """Start the board, which does without the device, with it. Raises DeviceRefused, TargetError."""
    try:
        return QemuProcess(board.binary, arguments, memory=board.memory).connect()
    except TargetError as error:
        died = error.__cause__
        if not isinstance(died, QemuDied) or died.code != 1:  # how it ends when its command line is wrong
            raise
        device, binary = specification.device or "", board.binary
        if binary.properties(device):
            cure = f"`{binary.path} -device {device},help` lists its properties"
        elif any(device in other.machines for other in installed()):
            cure = f"for the machine write qemu:machine={device}"
        else:
            near = _meant(device, [name for name, _ in binary.devices])
            cure = f"write qemu:DEVICE{near}, `{binary.path} -device help` lists them"
        words = str(died).partition("; command: ")[0].partition("its last words: ")[2]
        raise DeviceRefused(specification.text, words, cure) from error


def _meant(word: str, names: Iterable[str]) -> str:
    close = get_close_matches(word, list(names), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def _assign(
    process: QemuProcess, only_stressed: bool
) -> Iterator[tuple[PciFunction, tuple[tuple[int, int], ...]]]:
    """Yield PCI functions with offset and value of their base addresses, as firmware would give."""
    memory, port = _MEMORY_WINDOW, _PORT_WINDOW
    for function in pci_functions(process.execute("query-pci")):
        if only_stressed and function.id != _ID:
            continue
        assigned: list[tuple[int, int]] = []
        for bar in function.bars:
            if bar.number == _ROM_BAR:
                continue
            if bar.ports:
                port = -(-port // bar.size) * bar.size
                address, port = port, port + bar.size
            else:
                memory = -(-memory // bar.size) * bar.size
                address, memory = memory, memory + bar.size
            assigned.append((0x10 + 4 * bar.number, address))
            if bar.wide:
                assigned.append((0x14 + 4 * bar.number, 0))
        yield function, tuple(assigned)


def _configured(function: PciFunction, assigned: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yield the writes that give a function its base addresses, and switch it on."""
    space = Region("config", function.address, _CONFIG_SIZE, False, True)
    for offset, address in assigned:
        yield from space.write(offset, 4, address)
    if function.bars:
        yield from space.write(4, 4, 7)  # I/O, memory, bus master
