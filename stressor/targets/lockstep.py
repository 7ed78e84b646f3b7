"""Devices of this process that are driven side by side."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from stressor.loop.target import Snapshot
from stressor.loop.trace import Operation
from stressor.targets.in_process import InProcessTarget

__all__ = ["InProcessLockstep"]

_level: Final = attrgetter("level")
_PADDING: Final = ((None,) * 3, (None,) * 2, (None,), ())


class InProcessLockstep:
    """A `Lockstep` of devices that answer to one binding.

    All are in one state at a save point, or they are told apart by the first comparison after it: so the board is
    looked at once, and what one saves is what all load.
    """

    def __init__(self, targets: Sequence[InProcessTarget]) -> None:
        self.targets: Final = targets
        binding = targets[0].binding
        self._binding: Final = binding
        self._functions: Final = binding.functions
        self._pack: Final = binding.packer

    def execute(self, operations: Sequence[Operation], observed: Sequence[object]) -> bool:
        functions = self._functions
        calls = [
            (functions[name], len(arguments), *arguments, *_PADDING[len(arguments)])
            if len(arguments) < 4 else (functions[name], 4, arguments, None, None)
            for name, arguments in operations
        ]  # fmt: skip
        for target in self.targets:
            outputs = target.outputs
            outputs.clear()
            append = outputs.append
            device = target.device
            # `function(device, *arguments)` would take half as long again
            for function, count, first, second, third in calls:
                if count == 3:
                    append(function(device, first, second, third))
                elif count == 2:
                    append(function(device, first, second))
                elif count == 1:
                    append(function(device, first))
                elif count == 0:
                    append(function(device))
                else:
                    append(function(device, *first))
            if outputs != observed:
                return False
        return True

    def save(self) -> Snapshot | None:
        first = self.targets[0]
        data, layout, beside = self._binding.save(first.device)
        board = (first.clock.now, [*map(_level, first.lines)], beside, None)
        return Snapshot(data, layout, board) if self._save(self.targets[1:], data) else None

    def saves(self, data: bytes) -> bool:
        return self._save(self.targets, data)

    def _save(self, targets: Sequence[InProcessTarget], data: bytes) -> bool:
        pack = self._pack
        return [pack(target.device)[0] for target in targets].count(data) == len(targets)

    def load(self, snapshot: Snapshot) -> bool:
        board: Any = snapshot.board
        now, levels, beside, _ = board
        data, load = snapshot.data, self._binding.load
        for target in self.targets:
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
        return self._binding.live.alike([target.device for target in self.targets], digest)
