"""Stressor stress-tests the saved state of device models.

It stops a device, saves its state to memory, resets it, loads the state back and resumes, over
and over, and names the first field that diverged. `stressor.device` is what a device is written
with, `stressor.vmstate` describes its state, `adapt` takes in a plain class, and a `Driver` has
operations for a device of QEMU. `stress_test` and `description_tests` make tests of a device and of
its description; `operations` and `stress_rules` are for tests of your own with Hypothesis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressor.plugin.operations import operations
    from stressor.plugin.state_machine import stress_rules
    from stressor.plugin.stress_test import stress_test
    from stressor.targets.adapter import adapt
    from stressor.targets.qemu.driver import Driver
    from stressor.vmstate.checking import description_tests

__all__ = [
    "Driver",
    "__version__",
    "adapt",
    "description_tests",
    "operations",
    "stress_rules",
    "stress_test",
]

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
    if name == "description_tests":
        from stressor.vmstate.checking import description_tests

        return description_tests
    if name == "operations":
        from stressor.plugin.operations import operations

        return operations
    if name == "stress_rules":
        from stressor.plugin.state_machine import stress_rules

        return stress_rules
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
