"""Stressor stress-tests the saved state of device models.

It stops a device, saves its state to memory, resets it, loads the state back and resumes, over
and over, and names the first field that diverged. `stressor.device` is what a device is written
with, `stressor.vmstate` describes its state, and `adapt` takes in a plain class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stressor.targets.adapter import adapt

__all__ = ["__version__", "adapt"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # imported late: whoever only has Stressor installed pays nothing for it
    if name == "adapt":
        from stressor.targets.adapter import adapt

        return adapt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
