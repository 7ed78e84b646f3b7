"""What a specification has to be driven: the command line, where its registers are, how to get there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stressor.errors import UsageError
from stressor.targets.qemu.binary import QemuBinary, binary_at, binary_for
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.process import SECONDS, QemuProcess
from stressor.targets.qemu.regions import PciFunction, Region, memory_in, pci_functions, regions_in
from stressor.targets.qemu.specification import QemuSpecification

__all__ = ["Layout", "discover", "launch"]

_ID: Final = "stressed"
_MEMORY_WINDOW: Final = 0xE000_0000
_PORT_WINDOW: Final = 0xC000
_ROM_BAR: Final = 6
_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class Layout:
    """How to start a machine, the qtest commands that make its registers appear, and where they are.

    `sections` are those that the stressed device brings along; None for a board, where all count.
    `ram` is the memory that operations use: at most four megabytes, of which the last quarter is for
    drivers.
    """

    binary: QemuBinary
    machine: str
    memory: str
    arguments: tuple[str, ...]
    setup: tuple[str, ...]
    regions: tuple[Region, ...]
    sections: frozenset[str] | None
    ram: range


def launch(layout: Layout, *, incoming: bool = False, seconds: float = SECONDS) -> QemuProcess:
    """Launch a process of the layout; registers are not there before `setup` was run."""
    return QemuProcess(
        layout.binary, layout.arguments, memory=layout.memory, incoming=incoming, seconds=seconds
    )


def discover(specification: QemuSpecification) -> Layout:
    """Find the registers and sections of a device, or of all of a board's own devices.

    Raises UsageError when there are none, TargetError when the machine does not start, or cannot
    be saved.
    """
    patterns = specification.regions
    wanted = specification.binary
    binary = binary_at(wanted) if wanted else binary_for(specification.machine)
    machine = specification.machine or binary.default_machine or ""
    board = ["-machine", machine, *specification.arguments]
    device = _device(specification)
    process = QemuProcess(binary, [*board, *device], memory=specification.memory).connect()
    try:
        setup = list(_assign(process, device != []))
        process.run(setup)
        tree = process.human("info mtree -f")
        regions = regions_in(tree, patterns or ("*",))
        sections = frozenset(Machine(process).sections) if device else None
    finally:
        process.close()
    if sections is not None:
        bare = QemuProcess(binary, board, memory=specification.memory).connect()
        try:
            others = set(regions_in(bare.human("info mtree -f")))
            sections -= set(Machine(bare).sections)
        finally:
            bare.close()
        regions = tuple(region for region in regions if region not in others)
    if not regions:
        chosen = f" that fits {', '.join(patterns)}" if patterns else ""
        raise UsageError(f"{specification.text}: has no region of registers{chosen}; see info mtree")
    return Layout(
        binary, machine, specification.memory, (*board, *device), tuple(setup), regions, sections,
        _used(memory_in(tree)),
    )  # fmt: skip


def _used(memory: range) -> range:
    # what a PC has below its first megabyte belongs to the piece above
    start = 0 if memory.start <= _MEGABYTE else memory.start
    return range(start, min(memory.stop, start + 4 * _MEGABYTE))


def _device(specification: QemuSpecification) -> list[str]:
    if specification.device is None:
        return []
    options = "".join(f",{name}={value}" for name, value in specification.properties)
    return ["-device", f"{specification.device},id={_ID}{options}"]


def _assign(process: QemuProcess, only_stressed: bool) -> Iterator[str]:
    """Yield the writes that give base addresses to PCI functions, as firmware would."""
    memory, port = _MEMORY_WINDOW, _PORT_WINDOW
    for function in pci_functions(process.execute("query-pci")):
        if only_stressed and function.id != _ID:
            continue
        for bar in function.bars:
            if bar.number == _ROM_BAR:
                continue
            if bar.ports:
                port = -(-port // bar.size) * bar.size
                address, port = port, port + bar.size
            else:
                memory = -(-memory // bar.size) * bar.size
                address, memory = memory, memory + bar.size
            yield from _configure(function, 0x10 + 4 * bar.number, address)
            if bar.wide:
                yield from _configure(function, 0x14 + 4 * bar.number, 0)
        if function.bars:
            yield from _configure(function, 4, 7)  # I/O, memory, bus master


def _configure(function: PciFunction, offset: int, value: int) -> Iterator[str]:
    """PCI configuration mechanism 1: PCI Local Bus Specification 3.0, section 3.2.2.3.2."""
    yield f"outl 0xcf8 {0x8000_0000 | function.address | offset:#x}"
    yield f"outl 0xcfc {value:#x}"
