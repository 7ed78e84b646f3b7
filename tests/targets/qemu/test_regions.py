"""What the human monitor prints of memory and PCI, read."""

from __future__ import annotations

from stressor.targets.qemu.regions import Bar, Region, pci_functions, regions_in

MTREE = """FlatView #0
 AS "e1000", root: bus master container
 Root memory region: (none)
  No rendered FlatView

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000fffff (prio 0, ram): pc.ram
  00000000e0000000-00000000e001ffff (prio 1, i/o): e1000-mmio
  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic

FlatView #2
 AS "I/O", root: io
 Root memory region: io
  0000000000000060-0000000000000060 (prio 0, i/o): i8042-data
  0000000000000061-0000000000000061 (prio 0, i/o): io @0000000000000061
  00000000000001f0-00000000000001f7 (prio 0, i/o): ide
  00000000000003f6-00000000000003f6 (prio 0, i/o): ide

"""

PCI = [
    {
        "bus": 0,
        "devices": [
            {
                "bus": 0, "slot": 1, "function": 1, "qdev_id": "",
                "regions": [{"bar": 4, "size": 16, "address": -1, "type": "io"}],
            },
            {
                "bus": 0, "slot": 2, "function": 0, "qdev_id": "", "regions": [],
                "pci_bridge": {
                    "devices": [
                        {
                            "bus": 1, "slot": 0, "function": 0, "qdev_id": "stressed",
                            "regions": [
                                {"bar": 0, "size": 0x20000, "address": -1, "type": "memory", "mem_type_64": False},
                                {"bar": 2, "size": 0x4000, "address": -1, "type": "memory", "mem_type_64": True},
                            ],
                        }
                    ]
                },
            },
        ],
    }
]  # fmt: skip


def test_registers_are_found_in_memory_and_in_io_space_by_name() -> None:
    assert regions_in(MTREE) == (
        Region("e1000-mmio", 0xE000_0000, 0x20000, False),
        Region("ioapic", 0xFEC0_0000, 0x1000, False),
        Region("i8042-data", 0x60, 1, True),
        Region("ide", 0x1F0, 8, True),
        Region("ide#2", 0x3F6, 1, True),
    )


def test_patterns_choose_among_them() -> None:
    assert [region.name for region in regions_in(MTREE, ("e1000*", "ioapic"))] == ["e1000-mmio", "ioapic"]


def test_base_address_registers_have_their_sizes() -> None:
    ide, bridge, ethernet = pci_functions(PCI)

    assert ide.bars == (Bar(4, 16, True, False),)
    assert ethernet.id == "stressed"
    assert ethernet.bars == (Bar(0, 0x20000, False, False), Bar(2, 0x4000, False, True))
    assert (bridge.bars, bridge.address) == ((), 2 << 11)
    assert ethernet.address == 1 << 16
