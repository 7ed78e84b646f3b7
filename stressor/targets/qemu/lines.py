"""A trace as plain qtest lines, to be pasted into a bug report."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.targets.qemu.model import QemuModel
from stressor.targets.qemu.pipeline import STEP
from stressor.targets.qemu.process import STILL, QemuDied, QemuHung, always, sized
from stressor.targets.qemu.target import QemuTarget

__all__ = ["qtest_lines"]

_BETWEEN = {
    ResetMode.IN_PLACE: "savevm, system_reset, loadvm",
    ResetMode.FRESH: "migrate to a new process (-incoming)",
    ResetMode.DONOR: "savevm, what follows up to the next comment, loadvm",
}


def qtest_lines(model: QemuModel, trace: Trace) -> str:
    """Return the command line as a comment, then the lines to send; what is no line is a comment.

    What a driver sends depends on what it reads, so its transactions are run on a new machine, up to
    where that ends. Raises TargetError for an operation that is none of this machine's.
    """
    return "".join(f"{line}\n" for line in _lines(model, trace))


def _lines(model: QemuModel, trace: Trace) -> Iterator[str]:
    layout = model.layout
    timing = layout.clock.arguments if layout.clock else STILL
    command = [
        Path(layout.binary.path).name, *always(layout.binary, layout.arguments), *timing,
        *sized(layout.memory), *layout.arguments,
    ]  # fmt: skip
    stock = not layout.binary.qtest_clock
    yield f"# {shlex.join(command)} -qtest stdio    (QEMU {layout.binary.version})"
    yield from layout.setup
    target = model.open()
    try:
        for step in trace:
            if not isinstance(step, Cycle):
                yield from _sent(target, step, stock)
                continue
            if step.damage:
                damaged = target.damaged(step.damage)
                what = damaged.change if damaged else None
                yield "# migrate what savevm writes, but for this, to a process of its own, which gets what follows, too:"
                yield f"# {what.path}: {what.before!r} -> {what.after!r}" if what else "# nothing"
            yield f"# {_BETWEEN.get(step.mode, step.mode)}"
            for operation in step.operations:
                yield from _sent(target, operation, stock)
            if step.operations:
                yield "# loadvm"
    except (QemuDied, QemuHung) as gone:
        yield f"# {gone}"
    finally:
        target.close()


def _sent(target: QemuTarget, operation: Operation, stock: bool) -> Iterator[str]:
    before = len(target.commands)
    try:
        target.execute([operation])
    finally:
        for line in target.commands[before:]:
            aside = stock and line.startswith(STEP)
            yield f"# {line}, where the accelerator qtest is built in" if aside else line
