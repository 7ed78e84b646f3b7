"""What a path says."""

from __future__ import annotations

import pytest

from stressor.loop.plain import section_of


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("serial/0.fifo.data[3]", "serial/0"),
        ("0000:00:02.0/e1000/0.eecd_state.old_eecd", "0000:00:02.0/e1000/0"),
        ("cpu/1#2.env.regs[0]", "cpu/1#2"),
        ("edu-mmio+0x4", "edu-mmio+0x4"),
        ("timer/0", "timer/0"),
    ],
)
def test_the_section_of_a_field_path(path: str, section: str) -> None:
    assert section_of(path) == section
