"""A specification as something that can be stressed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stressor.errors import UsageError
from stressor.loop.operations import OperationType
from stressor.loop.trace import Operation, ResetMode
from stressor.targets.qemu.discovery import Layout, discover
from stressor.targets.qemu.driver import DriverType, drivers_for, refuse_doubles
from stressor.targets.qemu.drivers.catalogue import SHIPPED, drivers_in
from stressor.targets.qemu.learning import learn_registers, natural_width
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.process import SECONDS
from stressor.targets.qemu.specification import PREFIX, QemuSpecification, parse_specification
from stressor.targets.qemu.stock import NewMachines, Stock
from stressor.targets.qemu.target import Birth, QemuTarget
from stressor.targets.qemu.traffic import Traffic
from stressor.targets.qemu.view import View
from stressor.vmstate.live import without_indexes

__all__ = ["QemuModel", "qemu_model"]

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class QemuModel:
    """A device, or a board's devices, of one binary under its name; a `TargetType`."""

    name: str
    specification: str
    layout: Layout
    traffic: Traffic
    pool: Pool
    drivers: tuple[DriverType, ...] = ()
    excluded: frozenset[str] = frozenset()
    stock: Stock | None = None

    @property
    def prefix(self) -> str:
        return ""

    @property
    def operations(self) -> tuple[OperationType, ...]:
        """Those of the drivers together have the share that raw traffic has."""
        raw = self.traffic.kinds
        named = sum(len(driver.names) for driver in self.drivers)
        weight = max(1.0, sum(kind.weight for kind in raw) / named) if named else 0.0
        return *raw, *(kind for driver in self.drivers for kind in driver.kinds(weight))

    @property
    def walks(self) -> bool:
        return False

    @property
    def opening(self) -> tuple[Operation, ...]:
        return self.traffic.probes

    @cached_property
    def view(self) -> View:
        """The sections that are looked at."""
        return View(self.layout.sections)

    @cached_property
    def machines(self) -> NewMachines:
        """Where a new process for each machine comes from."""
        return NewMachines(self.pool, self.layout.setup)

    @cached_property
    def birth(self) -> Birth:
        """What a new process is like."""
        machine = NewMachines(self.pool, ()).take()
        try:
            birth = Birth(machine, self.view)
        finally:
            machine.process.close()
        self.machines.frame = birth.frame
        return birth

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(without_indexes, self.birth.attributes)))

    @property
    def invariants(self) -> bool:
        return False

    @property
    def damages(self) -> tuple[str, ...]:
        return ()

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        return ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.DONOR

    def close(self) -> None:
        """End the processes that were launched ahead, or what `reusing` kept."""
        (self.stock or self.pool).close()

    def parts(self, operation: Operation) -> Sequence[Operation]:
        return self.traffic.parts(operation)

    def excluding(self, attributes: Collection[str]) -> QemuModel:
        return self._but(replace(self, excluded=self.excluded | frozenset(attributes)))

    def reusing(self) -> QemuModel:
        probe = [line for one in self.traffic.probes for line in self.traffic.commands(one)[0]]
        return self._but(replace(self, stock=Stock(self.machines, probe, self.view.digest)))

    def _but(self, other: QemuModel) -> QemuModel:
        """Return another model of the same layout, with what took processes to find out."""
        other.__dict__.update(view=self.view, machines=self.machines, birth=self.birth)
        return other

    def open(self) -> QemuTarget:
        birth = self.birth  # before there are machines: they need its frame
        return QemuTarget(
            self.stock or self.machines, self.traffic, self.view, birth, self.excluded,
            self.drivers, self.layout.ram,
        )  # fmt: skip


def qemu_model(text: str, *, seconds: float = SECONDS) -> QemuModel:
    """Return the model of what `text` specifies; starts machines, to see what there is.

    `seconds` bounds every answer of the machines that are stressed.
    Raises UsageError and TargetError that name the cure, or QEMU's last words.
    """
    specification = parse_specification(text)
    layout = discover(specification)
    registers = {region.name: learn_registers(layout, region) for region in layout.regions}
    widths = {region.name: natural_width(region) for region in layout.regions}
    traffic = Traffic(layout.regions, registers, widths, _MEGABYTE)
    drivers = drivers_for(SHIPPED, layout.regions)
    for name in specification.operations:
        own = drivers_for(drivers_in(name), layout.regions)
        if not own:
            there = ", ".join(region.name for region in layout.regions)
            raise UsageError(f"--operations {name}: no driver fits a region; there are {there}")
        drivers += own
    refuse_doubles(drivers)
    return QemuModel(_name(specification), text, layout, traffic, Pool(layout, seconds=seconds), tuple(drivers))


def _name(specification: QemuSpecification) -> str:
    """Return a name that says what is stressed, and not which binary or how much memory."""
    name = specification.device or ""
    if specification.machine:
        name += f"{',' if name else ''}machine={specification.machine}"
    parts = [*specification.regions, *specification.arguments]
    return PREFIX + " ".join([name, *parts]).strip()
