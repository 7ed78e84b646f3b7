"""What was learnt of a region: which registers answer, at which widths, and which kill QEMU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stressor.loop.trace import Argument
from stressor.targets.qemu.configuration import HEADER
from stressor.targets.qemu.regions import Region

__all__ = ["Deadly", "Learnt", "Pair", "Register"]

_LISTED: Final = 4096


class Register(NamedTuple):
    """Something that answers: `width` bytes at `offset` of its region."""

    offset: int
    width: int


class Deadly(NamedTuple):
    """One access that ends or hangs QEMU, done as the first one of all; `value` is None for a read."""

    offset: int
    width: int
    value: int | None


class Pair(NamedTuple):
    """A register that chooses what another one, mostly of the same region, answers."""

    region: str
    chooser: int
    data_region: str
    data: int
    width: int

    @property
    def leading(self) -> tuple[Argument, ...]:
        """The arguments of an operation on it."""
        return self.region, (self.chooser, self.data_region, self.data), self.width

    def shown(self, index: int) -> str:
        """Return what a report calls what is behind an index."""
        return f"{self.data_region}+{self.data:#x}[{index:#x}]"


@dataclass(frozen=True)
class Learnt:
    """A region with its registers by offset, each at the width at which it is best reached.

    `width` is that of most of them, `narrow` says for further widths at which offsets they answer.
    """

    region: Region
    width: int
    registers: tuple[Register, ...] = ()
    narrow: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    deadly: tuple[Deadly, ...] = ()

    @property
    def silent(self) -> tuple[int, ...]:
        """The first offsets of which nothing was ever heard, and that do not kill; at `width`."""
        heard = {at for offset, width in self.registers for at in range(offset, offset + width)}
        size = HEADER if self.region.config else self.region.size
        last = size - self.width
        offsets = range(0, min(last, _LISTED * self.width) + 1, self.width)
        return tuple(
            offset for offset in offsets if offset not in heard and not self.kills(offset, self.width)
        )

    def kills(self, offset: int, width: int) -> bool:
        """Return whether an access touches a place that kills."""
        return any(
            offset < deadly.offset + deadly.width and deadly.offset < offset + width
            for deadly in self.deadly
        )
