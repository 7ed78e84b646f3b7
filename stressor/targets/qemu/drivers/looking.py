"""Drivers look at their devices before anything is stressed."""

from __future__ import annotations

from collections.abc import Sequence

from stressor.errors import TargetError
from stressor.targets.qemu.discovery import Layout, launch
from stressor.targets.qemu.driver import DriverType, memory_of_drivers
from stressor.targets.qemu.process import QemuDied, QemuHung

__all__ = ["learn_drivers"]


def learn_drivers(layout: Layout, drivers: Sequence[DriverType]) -> list[DriverType]:
    """Let drivers look, on a machine that is thrown away; return those that have something to do.

    Raises TargetError when the machine dies of it, or hangs.
    """
    if not any(driver.learns for driver in drivers):
        return [*drivers]
    memory = memory_of_drivers(layout.ram)
    process = launch(layout).connect()
    try:
        process.run(layout.setup)
        return [driver for driver in drivers if not driver.learns or driver.learn(process.run, memory)]
    except (QemuDied, QemuHung) as gone:
        raise TargetError(f"a driver looked at its device: {gone}") from gone
    finally:
        process.close()
