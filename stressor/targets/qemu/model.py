"""A specification as something that can be stressed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from stressor.errors import UsageError
from stressor.loop.operations import OperationType
from stressor.loop.target import StillbornError
from stressor.loop.trace import Operation, ResetMode
from stressor.targets.qemu.bench import MachineBench
from stressor.targets.qemu.board import unsteady
from stressor.targets.qemu.damage import damages_of
from stressor.targets.qemu.discovery import Layout, discover
from stressor.targets.qemu.driver import DriverType, drivers_for, refuse_doubles, unambiguous
from stressor.targets.qemu.drivers.catalogue import SHIPPED, drivers_in
from stressor.targets.qemu.drivers.looking import learn_drivers
from stressor.targets.qemu.guest_memory import window_in
from stressor.targets.qemu.late import RESET_MODES
from stressor.targets.qemu.learning import learn_registers
from stressor.targets.qemu.pairs import learn_pairs
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.process import SECONDS, QemuDied, QemuHung
from stressor.targets.qemu.specification import name_of, parse_specification
from stressor.targets.qemu.stock import NewMachines, Stock
from stressor.targets.qemu.target import Birth, QemuTarget
from stressor.targets.qemu.traffic import Traffic
from stressor.targets.qemu.view import View
from stressor.vmstate.live import without_indexes

__all__ = ["QemuModel", "qemu_model"]

T = TypeVar("T", bound=QemuTarget)


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
        named = sum(driver.share for driver in self.drivers)
        weight = max(1.0, sum(kind.weight for kind in raw) / named) if named else 0.0
        return *raw, *(kind for driver in self.drivers for kind in driver.kinds(weight))

    @property
    def notes(self) -> tuple[str, ...]:
        timeless = self.layout.timeless
        return (f"time stands still, no timer fires: {timeless}",) if timeless else ()

    @property
    def walks(self) -> bool:
        return False

    @property
    def opening(self) -> tuple[Operation, ...]:
        return self.traffic.probes

    @cached_property
    def view(self) -> View:
        """The sections that are looked at."""
        own = self.layout.sections
        return View(None if own is None else own | self.layout.interrupts)

    @cached_property
    def machines(self) -> NewMachines:
        """Where a new process for each machine comes from."""
        return NewMachines(self.pool, self.layout.setup)

    @cached_property
    def birth(self) -> Birth:
        """What a new process is like."""
        try:
            machine = NewMachines(self.pool, ()).take()
        except (QemuDied, QemuHung) as error:
            raise StillbornError(f"{type(error).__name__}: {error}") from error
        try:
            birth = Birth(machine, self.view)
        except (QemuDied, QemuHung) as error:
            raise StillbornError(f"{type(error).__name__}: {error}") from error
        finally:
            machine.process.close()
        self.machines.frame = birth.frame
        return birth

    @property
    def fields(self) -> tuple[str, ...]:
        watched = tuple(f"{label}." for label in self.layout.interrupts)
        own = (path for path in self.birth.attributes if not path.startswith(watched))
        return tuple(dict.fromkeys(map(without_indexes, own)))

    @property
    def invariants(self) -> bool:
        return bool(self.birth.doubled)

    @property
    def damages(self) -> tuple[str, ...]:
        """Those of the sections of what is stressed, and not of the interrupt controllers beside it."""
        own = [label for label in self.birth.labels if label not in self.layout.interrupts]
        if self.layout.sections is None and parse_specification(self.specification).regions:
            chosen = tuple({region.name.partition("#")[0] for region in self.layout.regions})
            own = [label for label in own if label.startswith(chosen)]
        within = tuple(f"{label}." for label in own)
        return damages_of([path for path in self.birth.attributes if path.startswith(within)], own)

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        return RESET_MODES

    def close(self) -> None:
        """End the processes that were launched ahead, or what `reusing` kept."""
        (self.stock or self.pool).close()

    def parts(self, operation: Operation) -> Sequence[Operation]:
        return self.traffic.parts(operation)

    def excluding(self, attributes: Collection[str]) -> QemuModel:
        return self._but(replace(self, excluded=self.excluded | frozenset(attributes)))

    def reusing(self) -> QemuModel:
        return self._but(
            replace(self, stock=Stock(self.machines, self.traffic.reads, self._digest))
        )

    def _digest(self, devices: bytes) -> bytes:
        return hashlib.blake2b(self.view.cut(devices), digest_size=16).digest()

    def _but(self, other: QemuModel) -> QemuModel:
        """Return another model of the same layout, with what took processes to find out."""
        other.__dict__.update(view=self.view, machines=self.machines, birth=self.birth)
        return other

    def lockstep(self, count: int) -> None:
        """Processes are driven one at a time."""

    def open(self) -> QemuTarget:
        return self.opened(QemuTarget)

    def opened(self, kind: Callable[..., T]) -> T:
        """Return a new device of a kind of `QemuTarget`."""
        birth = self.birth  # before there are machines: they need its frame
        return kind(
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
    traffic = _learnt(layout)
    with closing(MachineBench(layout)) as bench:
        shipped = learn_drivers(layout, drivers_for(SHIPPED, layout.regions, bench))
        drivers = unambiguous(shipped)
        for name in specification.operations:
            own = drivers_for(drivers_in(name), layout.regions, bench)
            if not own:
                there = ", ".join(region.name for region in layout.regions)
                raise UsageError(f"--operations {name}: no driver fits a region; there are {there}")
            drivers += learn_drivers(layout, own)
    refuse_doubles(drivers)
    left_out: frozenset[str] = frozenset()
    if specification.device is None and specification.regions:
        left_out = unsteady(layout.binary, layout.memory, layout.arguments)
    return QemuModel(
        name_of(specification), text, layout, traffic, Pool(layout, seconds=seconds), tuple(drivers),
        left_out,
    )  # fmt: skip


def _learnt(layout: Layout) -> Traffic:
    learnt = []
    for region in (region for region in layout.regions if not region.rom):
        with closing(MachineBench(layout)) as bench:  # of its own: one region may have remapped others
            learnt.append(learn_registers(bench, region))
    with closing(MachineBench(layout)) as bench:
        pairs = learn_pairs(bench, learnt)
    return Traffic(learnt, pairs, dict(layout.assigned), window_in(layout.ram), timed=layout.clock is not None)
