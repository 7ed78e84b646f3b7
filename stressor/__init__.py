"""Stressor stress-tests the saved state of device models.

It stops a device, saves its state to memory, resets it, loads the state back and resumes, over
and over, and names the first field that diverged. `stressor.device` is what a device is written
with, `stressor.vmstate` describes its state, `adapt` takes in a plain class, and a `Driver` has
operations for a device of QEMU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressor.plugin.stress_test import stress_test
    from stressor.targets.adapter import adapt
    from stressor.targets.qemu.driver import Driver

__all__ = ["Driver", "__version__", "adapt", "stress_test"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # imported late: whoever only has Stressor installed pays nothing for it
    if name == "adapt":
        from stressor.targets.adapter import adapt

        return adapt
    if name == "Driver":
        from stressor.targets.qemu.driver import Driver

        return Driver
    if name == "stress_test":
        from stressor.plugin.stress_test import stress_test

        return stress_test
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
