"""Devices of this process that are driven side by side."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from stressor.loop.target import Snapshot
from stressor.loop.trace import Operation
from stressor.targets.in_process import Binding, InProcessTarget

__all__ = ["InProcessLockstep"]

_level: Final = attrgetter("level")


class InProcessLockstep:
    """A `Lockstep` of a twin and `count` subjects that are reached by one binding.

    The subjects are in one state at a save point, or the first comparison after it tells them apart: so the
    board is looked at once, and what one saves is what all load.
    """

    def __init__(self, binding: Binding, count: int) -> None:
        self.twin: Final = InProcessTarget(binding)
        self.subjects: Final[Sequence[InProcessTarget]] = [InProcessTarget(binding) for _ in range(count)]
        self._binding: Final = binding
        self._functions: Final = binding.functions
        self._pack: Final = binding.packer

    def execute(self, operations: Sequence[Operation]) -> bool:
        functions = self._functions
        targets = [self.twin, *self.subjects]
        outputs = [target.outputs for target in targets]
        for output in outputs:
            output.clear()
        ends = [(target.device, target.outputs.append) for target in targets]
        # one operation on all devices, then the next: their code is at hand then
        for name, arguments in operations:
            function, count = functions[name], len(arguments)
            if count == 3:
                first, second, third = arguments
                for device, append in ends:
                    append(function(device, first, second, third))
            elif count == 2:
                first, second = arguments
                for device, append in ends:
                    append(function(device, first, second))
            elif count == 1:
                (first,) = arguments
                for device, append in ends:
                    append(function(device, first))
            else:
                for device, append in ends:
                    append(function(device, *arguments))
        return outputs.count(outputs[0]) == len(outputs)

    def save(self) -> Snapshot | None:
        first = self.subjects[0]
        data, layout, beside = self._binding.save(first.device)
        board = (first.clock.now, [*map(_level, first.lines)], beside, None)
        return Snapshot(data, layout, board) if self._save(self.subjects[1:], data) else None

    def saves(self, data: bytes) -> bool:
        return self._save(self.subjects, data)

    def _save(self, targets: Sequence[InProcessTarget], data: bytes) -> bool:
        pack = self._pack
        return [pack(target.device)[0] for target in targets].count(data) == len(targets)

    def load(self, snapshot: Snapshot) -> bool:
        board: Any = snapshot.board
        now, levels, beside, _ = board
        data, load = snapshot.data, self._binding.load
        for target in self.subjects:
            target.clock.now = now
            for line, level in zip(target.lines, levels, strict=True):
                line.level = level
            outputs = target.outputs
            outputs.clear()
            device = load(target.device, data, beside)
            if outputs:
                return False
            if device is not target.device:
                target.replace(device)
        return True

    def are(self, digest: bytes) -> bool:
        return self._binding.live.alike([target.device for target in self.subjects], digest)
