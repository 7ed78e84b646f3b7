"""Which drivers are made for which regions, and what they learn, without any QEMU."""

from __future__ import annotations

from collections.abc import Sequence

from stressor.device import operation
from stressor.targets.qemu.driver import Driver, Machinery, drivers_for
from stressor.targets.qemu.regions import Region, regions_in

BUSES = [Region(name, 0x1000 * at, 0x100, False) for at, name in enumerate(["bus", "bus#2", "pool"], 1)]


class Bus(Driver):
    region = "bus"
    others = {"pool": "pool"}

    def __init__(self) -> None:
        self.slaves: list[int] = []
        self.buffer = self.allocate(16)

    @classmethod
    def fits(cls, region: Region) -> bool:
        return region.base != 0x2000

    def learn(self) -> bool:
        self.slaves = [self.registers.read(0, name="slave")]
        return self.slaves != [0]

    @operation
    def look(self) -> None:
        self.other["pool"].show(4)


class Everywhere(Bus):
    @classmethod
    def fits(cls, region: Region) -> bool:
        return True


def answering(value: int) -> object:
    def run(commands: Sequence[str]) -> list[str]:
        return [f"{value:#x}" for _ in commands]

    return run


def test_a_driver_says_more_than_the_name_which_region_it_drives() -> None:
    assert [list(found.names) for found in drivers_for([Bus], BUSES)] == [["bus.look"]]


def test_others_are_shared_where_there_are_too_few() -> None:
    found = drivers_for([Everywhere], [*BUSES, Region("pool#2", 0x5000, 16, False), Region("pool#3", 0x6000, 16, False)])

    made = [one.create(Machinery(range(1 << 20))) for one in found]

    assert [driver.other["pool"].name for driver in made] == ["pool", "pool"]


def test_each_gets_its_own_other_where_there_are_as_many() -> None:
    found = drivers_for([Everywhere], [*BUSES, Region("pool#2", 0x5000, 16, False)])

    made = [one.create(Machinery(range(1 << 20))) for one in found]

    assert [driver.other["pool"].name for driver in made] == ["pool", "pool#2"]


def test_drivers_start_with_what_one_learnt_and_with_memory_of_their_own() -> None:
    (found,) = drivers_for([Bus], BUSES)

    useful = found.learn(answering(0x50), range(0x8000, 0x9000))  # type: ignore[arg-type]
    driver = found.create(Machinery(range(0x10_0000, 0x20_0000)))

    assert useful
    assert isinstance(driver, Bus)
    assert (driver.slaves, driver.buffer) == ([0x50], 0x10_0000)


def test_a_driver_with_nothing_to_do_says_so() -> None:
    (found,) = drivers_for([Bus], BUSES)
    assert not found.learn(answering(0), range(0x8000, 0x9000))  # type: ignore[arg-type]


def test_a_rom_that_takes_commands_is_found_once() -> None:
    tree = """FlatView #1
 AS "memory", root: system
 Root memory region: system
  0000000000000000-0000000003ffffff (prio 0, romd): vexpress.flash0
  0000000010009000-0000000010009fff (prio 0, i/o): pl011
  0000000040000000-0000000043ffffff (prio 0, romd): vexpress.flash0
  0000000044000000-0000000047ffffff (prio 0, romd): vexpress.flash1
"""
    assert [(region.name, region.base, region.rom) for region in regions_in(tree)] == [
        ("pl011", 0x1000_9000, False),
        ("vexpress.flash0", 0x4000_0000, True),
        ("vexpress.flash1", 0x4400_0000, True),
    ]
