"""A specification as something that can be stressed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stressor.loop.operations import OperationType
from stressor.loop.trace import Operation, ResetMode
from stressor.targets.qemu.discovery import Layout, discover
from stressor.targets.qemu.learning import learn_registers, natural_width
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.specification import PREFIX, QemuSpecification, parse_specification
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
    excluded: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        return ""

    @property
    def operations(self) -> tuple[OperationType, ...]:
        return self.traffic.kinds

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
    def birth(self) -> Birth:
        """What a new process is like."""
        target = QemuTarget(self.pool, (), self.traffic, self.view, None)
        target.close()
        return target.birth

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
        """End the processes that were launched ahead."""
        self.pool.close()

    def parts(self, operation: Operation) -> Sequence[Operation]:
        return self.traffic.parts(operation)

    def excluding(self, attributes: Collection[str]) -> QemuModel:
        return replace(self, excluded=self.excluded | frozenset(attributes))

    def open(self) -> QemuTarget:
        return QemuTarget(
            self.pool, self.layout.setup, self.traffic, self.view, self.birth, self.excluded
        )


def qemu_model(text: str) -> QemuModel:
    """Return the model of what `text` specifies; starts machines, to see what there is.

    Raises UsageError and TargetError that name the cure, or QEMU's last words.
    """
    specification = parse_specification(text)
    layout = discover(specification)
    registers = {region.name: learn_registers(layout, region) for region in layout.regions}
    widths = {region.name: natural_width(region) for region in layout.regions}
    traffic = Traffic(layout.regions, registers, widths, _MEGABYTE)
    return QemuModel(_name(specification), text, layout, traffic, Pool(layout))


def _name(specification: QemuSpecification) -> str:
    """Return a name that says what is stressed, and not which binary or how much memory."""
    name = specification.device or ""
    if specification.machine:
        name += f"{',' if name else ''}machine={specification.machine}"
    parts = [*specification.regions, *specification.arguments]
    return PREFIX + " ".join([name, *parts]).strip()
