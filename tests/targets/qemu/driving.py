"""Drivers on one QEMU without the loop: what a transaction shows, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from stressor.targets.qemu.bench import MachineBench
from stressor.targets.qemu.discovery import discover, launch
from stressor.targets.qemu.driver import Driver, Machinery, drivers_for
from stressor.targets.qemu.pipeline import Pipeline
from stressor.targets.qemu.specification import parse_specification

__all__ = ["Do", "driven"]

_MEGABYTE = 1 << 20
"""Of a PC, what is below has holes."""

Do = Callable[..., dict[str, object]]
"""Does an operation of a driver, and returns what was shown under each name, the last of several.

A register is called what the driver calls it, and `region+offset` when it has no name."""


@contextlib.contextmanager
def driven(specification: str, classes: Sequence[type[Driver]]) -> Iterator[Callable[[str], Do]]:
    """Start a machine; give what returns, for a driver by its class's name, its operations.

    The second driver of a class is `Name#2`.
    """
    layout = discover(parse_specification(specification))
    process = launch(layout).connect()
    drivers: dict[str, Driver] = {}
    try:
        process.run(layout.setup)
        machinery = Machinery(layout.ram[_MEGABYTE:])
        with contextlib.closing(MachineBench(layout)) as bench:
            types = drivers_for(classes, layout.regions, bench)
        for driver_type in types:
            driver = driver_type.create(machinery)
            name = type(driver).__name__
            drivers[f"{name}#2" if name in drivers else name] = driver

        def of(name: str) -> Do:
            def do(operation: str, *arguments: object) -> dict[str, object]:
                machinery.pipeline = Pipeline(process.run)
                getattr(drivers[name], operation)(*arguments)
                machinery.pipeline.flush()
                return dict(map(_named, machinery.pipeline.observations))

            return do

        yield of
    finally:
        process.close()


def _named(observation: object) -> tuple[str, object]:
    assert isinstance(observation, tuple)
    _, name, value = observation
    return name.partition(" (")[2].rstrip(")") or name, value
