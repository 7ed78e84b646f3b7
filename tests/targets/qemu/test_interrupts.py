"""Which sections are interrupt controllers', and what their bits are called."""

from __future__ import annotations

from stressor.targets.qemu.interrupts import interrupt_sections, named_lines
from stressor.vmstate.stream.parts import DeviceSection, Tag
from stressor.vmstate.wire import NamedField


class Section(DeviceSection):
    """A section with fields that are given."""

    def fields(self) -> tuple[NamedField, ...]:
        return (
            NamedField(f"{self.label}.irr", "uint8", 40, 1, 0b1000),
            NamedField(f"{self.label}.imr", "uint8", 41, 1, 0xFF),
        )


def section(name: str, instance: int) -> Section:
    return Section(0, 60, Tag.FULL, 1, name, instance, 1, 0, True, b"\x08\xff", None)


def test_interrupt_controllers_are_found_by_their_names() -> None:
    labels = ("timer/0", "i8259/1", "0000:00:03.0/PCIBUS/0", "0000:00:02.0/e1000/0", "arm_gic/0")

    assert interrupt_sections(labels) == {"i8259/1", "0000:00:03.0/PCIBUS/0", "arm_gic/0"}


def test_each_interrupt_has_its_number() -> None:
    fields = {field.path: field.value for field in named_lines(section("i8259", 1))}

    assert fields["i8259/1.irr[11]"] == 1
    assert fields["i8259/1.irr[8]"] == 0
    assert fields["i8259/1.imr"] == 0xFF


def test_other_sections_keep_their_fields() -> None:
    assert [field.path for field in named_lines(section("serial", 0))] == ["serial/0.irr", "serial/0.imr"]
