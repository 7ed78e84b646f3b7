"""A trace as plain qtest lines, to be pasted into a bug report."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from stressor.loop.trace import Cycle, ResetMode, Trace
from stressor.targets.qemu.model import QemuModel
from stressor.targets.qemu.process import ALWAYS

__all__ = ["qtest_lines"]

_BETWEEN = {
    ResetMode.IN_PLACE: "savevm, system_reset, loadvm",
    ResetMode.FRESH: "migrate to a new process (-incoming)",
    ResetMode.DONOR: "savevm, what follows up to the next comment, loadvm",
}


def qtest_lines(model: QemuModel, trace: Trace) -> str:
    """Return the command line as a comment, then the lines to send; what is no line is a comment.

    Raises TargetError for an operation that is none of this machine's.
    """
    return "".join(f"{line}\n" for line in _lines(model, trace))


def _lines(model: QemuModel, trace: Trace) -> Iterator[str]:
    layout = model.layout
    command = [Path(layout.binary.path).name, *ALWAYS, "-m", layout.memory, *layout.arguments]
    yield f"# {shlex.join(command)} -qtest stdio    (QEMU {layout.binary.version})"
    yield from layout.setup
    for step in trace:
        if isinstance(step, Cycle):
            yield f"# {_BETWEEN.get(step.mode, step.mode)}"
            for operation in step.operations:
                yield from model.traffic.commands(operation)[0]
            if step.operations:
                yield "# loadvm"
        else:
            yield from model.traffic.commands(step)[0]
