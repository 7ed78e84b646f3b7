"""Interrupts as an observation: the interrupt controllers' own sections, beside those of a device.

A device-only save has them anyway, with names, in every reset mode. What qtest tells of intercepted
lines would be transitions, and a process that was just loaded does not know the levels before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stressor.vmstate.stream import DeviceSection
from stressor.vmstate.wire import NamedField

__all__ = ["interrupt_sections", "named_lines"]

_WATCHED: Final = frozenset(
    {
        "PCIBUS", "apic", "arm_gic", "arm_gicv3", "armv7m_nvic", "aspeed.new-vic", "bcm2835-ic",
        "bcm2836-control", "exynos4210.combiner", "i8259", "imx.avic", "pl190", "versatilepb_sic",
    }
)  # fmt: skip
"""What devices raise their interrupts at, by the last part of a section's name."""

_BITMAPS: Final = {
    "apic": {"irr": 32, "isr": 32, "tmr": 32},
    "aspeed.new-vic": {"level": 64, "raw": 64},
    "i8259": {"irr": 8, "isr": 8, "last_irr": 8},
    "pl190": {"level": 32, "soft_level": 32},
    "versatilepb_sic": {"level": 32},
}
"""Fields with one bit an interrupt, and how many of them."""


def interrupt_sections(labels: Iterable[str]) -> frozenset[str]:
    """Return those of a machine's sections that are interrupt controllers'."""
    return frozenset(label for label in labels if _name(label) in _WATCHED)


def named_lines(section: DeviceSection) -> Iterator[NamedField]:
    """Yield a section's fields; of a bitmap of interrupts each bit, under the interrupt's number.

    `i8259/1.irr[11]` is bit 3 of `i8259/1.irr`: the second controller begins with interrupt 8.
    """
    bitmaps = _BITMAPS.get(_name(section.label), {})
    first = 8 * section.instance if section.name == "i8259" else 0
    for field in section.fields():
        name, _, index = field.path.rpartition(".")[2].removesuffix("]").partition("[")
        count = bitmaps.get(name)
        if count is None:
            yield field
            continue
        start = first + count * int(index or 0)
        for bit in range(count):
            path = f"{section.label}.{name}[{start + bit}]"
            yield field._replace(path=path, value=field.value >> bit & 1)


def _name(label: str) -> str:
    return label.partition("#")[0].rpartition("/")[0].rpartition("/")[2]
