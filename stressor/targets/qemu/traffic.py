"""Operations on registers that nothing is known of, and the qtest commands that do them.

    qemu.read    (region, offset, width)            what is there
    qemu.write   (region, offset, width, value)
    qemu.modify  (region, offset, width, keep, change)   reads, and writes (what was read & keep) ^ change
    qemu.burst   (region, offset, width, values)    writes one after another into one register
    qemu.drain   (region, offset, width, count)     reads one register again and again
    qemu.read-indexed, qemu.write-indexed (region, (offset, data region, data offset), width, index[, value])
                                                    writes the index, reads or writes what it chose
    qemu.probe   (region,)                          reads every register that answers
    qemu.sweep   (region, (offset, data region, data offset), width, count)   and every index
    qemu.store   (address, bytes)                   what the guest puts into its memory
    qemu.fetch   (address, size)                    what it finds there
    qemu.step    (nanoseconds,)                     virtual time passes; timers fire

What a read shows is an output under the register's name, so that a report names it. The region
`config` is the configuration space of the stressed PCI function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from stressor.errors import TargetError
from stressor.loop.operations import OneOf, OperationType
from stressor.loop.trace import Operation
from stressor.targets.qemu.clock import DURATIONS
from stressor.targets.qemu.guest_memory import Window
from stressor.targets.qemu.mix import COMMAND, SWEPT, kinds_of
from stressor.targets.qemu.pipeline import Answer, Pipeline, Run
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Learnt, Pair

__all__ = ["STEP", "Traffic"]

STEP: Final = "qemu.step"

_CONFIG: Final = "config"
_SHOWN: Final = 16
"""Bytes of memory that an output shows as they are; more of them as a digest."""

_PARTS: Final = 16

_TIME: Final = 1 / 24
"""The share of steps of the clock: each costs as much as some hundred accesses."""

_MADE: Final = 4096
"""Operations whose commands are kept: the same ones come again and again, and to make them is half of
what they cost."""


class Traffic:
    """The operations of a set of regions, as far as they were learnt."""

    def __init__(
        self,
        learnt: Sequence[Learnt],
        pairs: Sequence[Pair] = (),
        assigned: Mapping[int, int] | None = None,
        window: Window | None = None,
        *,
        timed: bool = False,
    ) -> None:
        self._timed: Final = timed
        self._learnt: Final = {one.region.name: one for one in learnt}
        self._assigned: Final = assigned or {}
        self._answering: Final = {
            one.region.name: {at for offset, width in one.registers for at in range(offset, offset + width)}
            for one in learnt
        }
        self._commands: Callable[[Operation], tuple[Sequence[str], Answer]] = lru_cache(_MADE)(self._make)
        kinds = tuple(kinds_of(learnt, pairs, self._assigned, window))
        if timed:
            weight = max(2.0, _TIME * sum(kind.weight for kind in kinds))
            step = OperationType(STEP, "let time pass", (), (OneOf(DURATIONS),), weight)
            kinds = (*kinds, step)
        self.kinds: Final = kinds
        sweeps = [Operation("qemu.sweep", (*pair.leading, SWEPT)) for pair in pairs]
        probes = [Operation("qemu.probe", (one.region.name,)) for one in learnt if one.registers]
        memory = [Operation("qemu.fetch", (window.base, window.size))] if window else []
        self.probes: Final = (*probes, *sweeps, *memory)

    @property
    def reads(self) -> list[str]:
        """A command for each register that answers, but those of a configuration space."""
        learnt = (one for one in self._learnt.values() if one.region.name != _CONFIG)
        return [line for one in learnt for place in one.registers for line in one.region.read(*place)]

    def perform(self, operation: Operation, pipeline: Pipeline, hidden: Collection[str] = ()) -> None:
        """Send what an operation consists of. Raises TargetError when it is none of this machine's.

        What is `hidden`, as it is known to part, decides nothing, so that nothing else parts of it.
        """
        pipeline.add(*self._commands(operation))
        match operation:
            case ("qemu.modify", (str(name), int(offset), int(width), int(keep), int(change))):
                pipeline.flush()
                match pipeline.observations[-2:]:
                    case [(_, str(shown), int(value)), None]:
                        written = (0 if shown in hidden else value) & keep ^ change
                        pipeline.add(self._region(name).write(offset, width, written), lambda answers: [])

    def _make(self, operation: Operation) -> tuple[Sequence[str], Answer]:
        """Return the qtest commands of an operation, and what makes observations of their answers;
        of `qemu.modify` its first half."""
        match operation:
            case ("qemu.read" | "qemu.modify", (str(name), int(offset), int(width), *_)):
                return self._read(name, [(offset, width)])
            case ("qemu.drain", (str(name), int(offset), int(width), int(count))):
                return self._read(name, [(offset, width)] * count)
            case ("qemu.probe", (str(name),)):
                return self._read(name, self._one(name).registers)
            case ("qemu.write", (str(name), int(offset), int(width), int(value))):
                return self._region(name).write(offset, width, value), _nothing
            case ("qemu.burst", (str(name), int(offset), int(width), tuple(values))):
                region, numbers = self._region(name), (value for value in values if isinstance(value, int))
                return [line for value in numbers for line in region.write(offset, width, value)], _nothing
            case ("qemu.store", (int(address), bytes(data))):
                return [f"write {address:#x} {len(data)} 0x{data.hex()}"] if data else [], _nothing
            case ("qemu.fetch", (int(address), int(size))):
                lines = [f"read {address:#x} {size}"] if size > 0 else []
                return lines, lambda answers: [*(("line", "memory", _memory(text)) for text in answers), None]
        if operation.name in ("qemu.read-indexed", "qemu.write-indexed", "qemu.sweep"):
            return self._indexed(operation)
        raise _unknown(operation)

    def duration(self, operation: Operation) -> int:
        """Return how long a step is, in ns. Raises TargetError when it is no step of this machine's."""
        match operation:
            case ("qemu.step", (int(nanoseconds),)) if self._timed:
                return nanoseconds
        raise TargetError(f"the clock of this machine stands still: {operation!r:.80}; is time=on possible?")

    def known_to_lose(self, hidden: Collection[str]) -> bool:
        """Return whether outputs that known findings are about are some of a configuration space."""
        return any(name.startswith(f"{_CONFIG}+") for name in hidden)

    def put_back(self, run: Run) -> list[str]:
        """Return the commands that give the stressed function its present base addresses, and its
        present command register: when they are known to be lost, other bugs show only with them."""
        one = self._learnt.get(_CONFIG)
        if one is None:
            return []
        kept = []
        for offset in (*self._assigned, COMMAND):
            value = int(run(one.region.read(offset, 4))[-1], 16)
            kept += one.region.write(offset, 4 if offset != COMMAND else 2, value)
        return kept

    def parts(self, operation: Operation) -> Sequence[Operation]:
        """Return what may stand for an operation that consists of several, the simplest first."""
        match operation:
            case ("qemu.probe", (str(name),)):
                return [Operation("qemu.read", (name, *register)) for register in self._one(name).registers]
            case ("qemu.drain", (str(name), int(offset), int(width), int(count))) if count > 0:
                return [Operation("qemu.read", (name, offset, width))]
            case ("qemu.modify", (str(name), int(offset), int(width), int(_), int(change))):
                write = Operation("qemu.write", (name, offset, width, change))
                return [Operation("qemu.read", (name, offset, width)), write]
            case ("qemu.burst", (str(name), int(offset), int(width), tuple(values))):
                half = len(values) // 2
                each = [Operation("qemu.write", (name, offset, width, value)) for value in dict.fromkeys(values)]
                halves = (values[:half], values[half:]) if half else ()
                return [*each, *(Operation("qemu.burst", (name, offset, width, part)) for part in halves)]
            case ("qemu.sweep", (str(name), tuple(pair), int(width), int(count))):
                return [Operation("qemu.read-indexed", (name, pair, width, index)) for index in range(count)]
            case ("qemu.fetch", (int(address), int(size))) if size > _SHOWN:
                step = max(size // _PARTS, _SHOWN)
                return [Operation("qemu.fetch", (at, step)) for at in range(address, address + size, step)]
        return ()

    def _read(self, name: str, places: Sequence[tuple[int, int]]) -> tuple[list[str], Answer]:
        region = self._region(name)
        parts = [region.read(offset, width) for offset, width in places]
        shown = [self._shown_as(name, offset) for offset, _ in places]
        lines = [line for part in parts for line in part]
        each = len(parts[0]) if parts else 1
        return lines, lambda answers: [
            *(("line", what, int(answer, 16)) for what, answer in zip(shown, answers[each - 1 :: each], strict=True)),
            None,
        ]

    def _indexed(self, operation: Operation) -> tuple[list[str], Answer]:
        match operation.arguments:
            case (str(name), (int(at), str(data_name), int(data)), int(width), int(given), *values):
                pair = Pair(name, at, data_name, data, width)
            case _:
                raise _unknown(operation)
        region, other = self._region(name), self._region(data_name)
        for value in values:
            if isinstance(value, int):
                return region.write(at, width, given) + other.write(data, width, value), _nothing
        indexes = range(given) if operation.name == "qemu.sweep" else (given,)
        lines = []
        for index in indexes:
            lines += region.write(at, width, index) + other.read(data, width)
        return lines, lambda answers: [
            *(("line", pair.shown(index), int(answer, 16)) for index, answer in zip(indexes, answers[1::2], strict=True)),
            None,
        ]

    def _shown_as(self, name: str, offset: int) -> str:
        """Return what a report calls a register; all that never answer have one name together."""
        return f"{name}+{offset:#x}" if offset in self._answering[name] else f"{name}+(silent)"

    def _region(self, name: str) -> Region:
        return self._one(name).region

    def _one(self, name: str) -> Learnt:
        one = self._learnt.get(name)
        if one is None:
            raise TargetError(f"this machine has no region {name!r}; was it found on another?")
        return one


def _nothing(answers: Sequence[str]) -> list[object]:
    return [None]


def _memory(answer: str) -> object:
    """Return what was read of memory: 16 bytes as they are, more of them as a digest."""
    data = bytes.fromhex(answer.removeprefix("0x"))
    return data.hex() if len(data) <= _SHOWN else hashlib.blake2b(data, digest_size=8).hexdigest()


def _unknown(operation: Operation) -> TargetError:
    return TargetError(f"this machine takes no operation {operation!r:.80}; was it found on another?")
