"""Operations on registers that nothing is known of: their kinds, and the qtest commands that do them.

    qemu.read    (region, offset, width)      what is there
    qemu.write   (region, offset, width, value)
    qemu.probe   (region,)                    reads every register that answers, one after another
    qemu.store   (address, bytes)             what the guest puts into its memory

What a read shows is an output under the register's name, so that a report names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from stressor.errors import TargetError
from stressor.loop.operations import OneOf, OperationType, RegisterValue
from stressor.loop.trace import Operation
from stressor.targets.qemu.pipeline import Answer
from stressor.targets.qemu.regions import Region, access

__all__ = ["Traffic"]

_EACH: Final = 64
"""Up to so many registers of a region, each one is a kind of operation of its own."""

_MADE: Final = 4096
"""Operations whose commands are kept: the same ones come again and again, and to make them is half of
what they cost."""

_PATTERNS: Final = (*tuple(bytes([byte]) * 16 for byte in (0, 255, 165)), bytes(range(16)))


class Traffic:
    """The operations of a set of regions. `registers` are the offsets that answer, by region."""

    def __init__(
        self,
        regions: Sequence[Region],
        registers: Mapping[str, Sequence[int]],
        widths: Mapping[str, int],
        memory: int,
    ) -> None:
        self._regions: Final = {region.name: region for region in regions}
        self._registers: Final = registers
        self._answering: Final = {name: frozenset(offsets) for name, offsets in registers.items()}
        self._widths: Final = widths
        self._memory: Final = memory
        self._made: Callable[[Operation], tuple[Sequence[str], Answer]] = lru_cache(_MADE)(self._make)
        self.kinds: Final = tuple(self._kinds())
        self.probes: Final = tuple(
            Operation("qemu.probe", (region.name,)) for region in regions if registers[region.name]
        )

    def commands(self, operation: Operation) -> tuple[Sequence[str], Answer]:
        """Return the qtest commands of an operation, and what makes observations of their answers.

        Raises TargetError for an operation that is none of this machine's.
        """
        return self._made(operation)

    def _make(self, operation: Operation) -> tuple[Sequence[str], Answer]:
        match operation:
            case ("qemu.read", (str(name), int(offset), int(width))):
                return [self._access(name, offset, width)], lambda answers: [
                    ("line", self._shown_as(name, offset), int(answers[0], 16)),
                    None,
                ]
            case ("qemu.write", (str(name), int(offset), int(width), int(value))):
                return [self._access(name, offset, width, value)], lambda answers: [None]
            case ("qemu.probe", (str(name),)):
                width = self._widths[self._region(name).name]
                offsets = self._registers[name]
                return [self._access(name, offset, width) for offset in offsets], lambda answers: [
                    *(
                        ("line", f"{name}+{offset:#x}", int(answer, 16))
                        for offset, answer in zip(offsets, answers, strict=True)
                    ),
                    None,
                ]
            case ("qemu.store", (int(address), bytes(data))):
                return [f"write {address:#x} {len(data)} 0x{data.hex()}"], lambda answers: [None]
        raise TargetError(f"this machine takes no operation {operation!r:.80}; was it found on another?")

    def _shown_as(self, name: str, offset: int) -> str:
        """Return what a report calls a register; all that never answer have one name together."""
        return f"{name}+{offset:#x}" if offset in self._answering[name] else f"{name}+(silent)"

    def parts(self, operation: Operation) -> Sequence[Operation]:
        """Return a read for each register that a probe reads."""
        if operation.name != "qemu.probe":
            return ()
        name = str(operation.arguments[0])
        width = self._widths[name]
        return [Operation("qemu.read", (name, offset, width)) for offset in self._registers[name]]

    def _region(self, name: str) -> Region:
        region = self._regions.get(name)
        if region is None:
            raise TargetError(f"this machine has no region {name!r}; was it found on another?")
        return region

    def _access(self, name: str, offset: int, width: int, value: int | None = None) -> str:
        return access(self._region(name), offset, width, value)

    def _kinds(self) -> Any:
        for region in self._regions.values():
            width = self._widths[region.name]
            answering = self._registers[region.name]
            if len(answering) <= _EACH:
                for offset in answering:
                    where = f"{region.name}+{offset:#x}"
                    yield OperationType("qemu.read", f"read {where}", (region.name, offset, width))
                    yield OperationType(
                        "qemu.write", f"write {where}", (region.name, offset, width), (RegisterValue(width),)
                    )
            else:
                yield from self._choosing(region, "answering", answering, width, 8.0)
            others = [offset for offset in range(0, region.size, width) if offset not in self._answering[region.name]]
            if others:
                yield from self._choosing(region, "silent", others[:4096], width, 1.0)
            narrow = [offset for offset in range(min(region.size, 4096)) if not offset % 2]
            if width > 1:
                yield from self._choosing(region, "by bytes", narrow, 1, 0.5)
            if answering:
                yield OperationType("qemu.probe", f"probe {region.name}", (region.name,), (), 0.5)
        addresses = tuple(range(0, self._memory, max(4096, self._memory // 64)))
        yield OperationType("qemu.store", "store memory", (), (OneOf(addresses), OneOf(_PATTERNS)), 0.5)

    def _choosing(
        self, region: Region, which: str, offsets: Sequence[int], width: int, weight: float
    ) -> Any:
        sources = (OneOf(tuple(offsets)), OneOf((width,)))
        label = f"{region.name} ({which})"
        yield OperationType("qemu.read", f"read {label}", (region.name,), sources, weight)
        yield OperationType(
            "qemu.write", f"write {label}", (region.name,), (*sources, RegisterValue(width)), weight
        )
