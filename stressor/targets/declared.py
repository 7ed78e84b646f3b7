"""Where a device is declared."""

from __future__ import annotations

import inspect
from pathlib import Path

from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType

__all__ = ["declared_in"]


def declared_in(model: TargetType | RunsItself) -> tuple[Path | None, int | None]:
    """Return the file of a device's class and the index of the line that it begins in; None where there
    is none, as for a device of QEMU."""
    cls = getattr(getattr(model, "binding", None), "cls", None)
    if not isinstance(cls, type):
        return None, None
    try:
        return Path(inspect.getsourcefile(cls) or ""), inspect.getsourcelines(cls)[1] - 1
    except (OSError, TypeError):
        return None, None
