"""Operations on registers as qtest commands, and how much there is of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from stressor.errors import TargetError
from stressor.loop.operations import Kinds
from stressor.loop.trace import Argument, Operation
from stressor.search.seeds import generator
from stressor.targets.qemu.guest_memory import Window
from stressor.targets.qemu.pipeline import Pipeline
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Deadly, Learnt, Pair, Register
from stressor.targets.qemu.traffic import Traffic

MANY = Learnt(Region("many", 0xE000_0000, 0x1000, False), 4, tuple(Register(4 * at, 4) for at in range(200)))
FEW = Learnt(Region("few", 0xC000, 8, True), 1, tuple(Register(at, 1) for at in range(3)))
CONFIG = Learnt(
    Region("config", 0x1000, 256, False, True), 4,
    (Register(0, 4), Register(4, 4), Register(0x10, 4), Register(0x3C, 4)), {1: (0, 4, 0x10, 0x3C)},
)  # fmt: skip
CLOCK = Pair("few", 0, "few", 1, 1)


@pytest.fixture
def traffic() -> Traffic:
    return Traffic((MANY, FEW, CONFIG), (CLOCK,), {0x10: 0xE000_0000}, Window(0x1000))


def sent(traffic: Traffic, *operation: Argument, answer: str = "0x05") -> tuple[list[str], list[object]]:
    """Return the commands of an operation, and its observations when each one answers the same."""
    name, *arguments = operation
    pipeline = Pipeline(lambda commands: [answer] * len(commands))
    traffic.perform(Operation(str(name), tuple(arguments)), pipeline)
    pipeline.flush()
    return pipeline.sent, pipeline.observations


def test_configuration_space_is_reached_through_its_ports(traffic: Traffic) -> None:
    commands, observations = sent(traffic, "qemu.read", "config", 0x3E, 1)

    assert commands == ["outl 0xcf8 0x8000103c", "inb 0xcfe"]
    assert observations == [("line", "config+0x3e", 5), None]
    assert sent(traffic, "qemu.write", "config", 4, 2, 0x407)[0] == ["outl 0xcf8 0x80001004", "outw 0xcfc 0x407"]


def test_a_probe_of_it_shows_every_register_once(traffic: Traffic) -> None:
    _, observations = sent(traffic, "qemu.probe", "config")

    assert observations == [
        ("line", "config+0x0", 5), ("line", "config+0x4", 5), ("line", "config+0x10", 5), ("line", "config+0x3c", 5), None,
    ]  # fmt: skip


def test_what_modify_writes_depends_on_what_it_read(traffic: Traffic) -> None:
    commands, observations = sent(traffic, "qemu.modify", "many", 8, 4, 0xFFFF_FFFE, 0x80, answer="0x3")

    assert commands == ["readl 0xe0000008", "writel 0xe0000008 0x82"]
    assert observations == [("line", "many+0x8", 3), None]


def test_what_is_known_to_part_decides_nothing(traffic: Traffic) -> None:
    pipeline = Pipeline(lambda commands: ["0x3"] * len(commands))
    traffic.perform(Operation("qemu.modify", ("many", 8, 4, 0xFF, 0x80)), pipeline, {"many+0x8"})
    pipeline.flush()

    assert pipeline.sent[-1] == "writel 0xe0000008 0x80"


def test_bursts_and_drains_stay_at_one_register(traffic: Traffic) -> None:
    assert sent(traffic, "qemu.burst", "few", 1, 1, (7, 8)) == (["outb 0xc001 0x7", "outb 0xc001 0x8"], [None])
    commands, observations = sent(traffic, "qemu.drain", "few", 1, 1, 2)
    assert commands == ["inb 0xc001", "inb 0xc001"]
    assert observations == [("line", "few+0x1", 5), ("line", "few+0x1", 5), None]


def test_what_is_behind_an_index_is_named_with_it(traffic: Traffic) -> None:
    commands, observations = sent(traffic, "qemu.read-indexed", *CLOCK.leading, 0x1A)

    assert commands == ["outb 0xc000 0x1a", "inb 0xc001"]
    assert observations == [("line", "few+0x1[0x1a]", 5), None]
    assert sent(traffic, "qemu.write-indexed", *CLOCK.leading, 2, 0xFF)[0] == ["outb 0xc000 0x2", "outb 0xc001 0xff"]


def test_guest_memory_is_one_output_however_much_of_it_is_fetched(traffic: Traffic) -> None:
    assert sent(traffic, "qemu.fetch", 0x1000, 2, answer="0xa5a5")[1] == [("line", "memory", "a5a5"), None]
    long = sent(traffic, "qemu.fetch", 0x1000, 64, answer="0x" + "a5" * 64)[1]
    other = sent(traffic, "qemu.fetch", 0x1000, 64, answer="0x" + "a5" * 63 + "5a")[1]
    assert long[1:] == [None]
    assert long != other


def test_operations_of_another_machine_are_refused(traffic: Traffic) -> None:
    for operation in (
        Operation("qemu.read", ("gone", 0, 4)),
        Operation("qemu.fly"),
        Operation("qemu.read-indexed", ("few", 1)),
    ):
        with pytest.raises(TargetError, match="was it found on another"):
            sent(traffic, operation.name, *operation.arguments)


def drawn(traffic: Traffic) -> Iterator[Operation]:
    """Yield some operations of every kind, drawn as the seeded engine does."""
    from stressor.search.seeded import _Kind

    for index, kind in enumerate(traffic.kinds):
        maker = _Kind(index, kind, 1, "test")
        for _ in range(8):
            yield maker.draw(generator(1, kind.label), [0] * 24)


def test_every_operation_that_is_drawn_can_be_done_and_so_can_its_parts(traffic: Traffic) -> None:
    kinds = Kinds(traffic.kinds)
    for operation in (*drawn(traffic), *traffic.probes):
        for part in (operation, *traffic.parts(operation)):
            commands, _ = sent(traffic, part.name, *part.arguments)
            assert commands
            assert kinds.of(part) is not None


def shares(traffic: Traffic) -> dict[str, float]:
    found: dict[str, float] = {}
    for kind in traffic.kinds:
        if kind.leading:
            name = str(kind.leading[0])
            found[name] = found.get(name, 0.0) + kind.weight
    return found


def test_a_region_with_three_registers_gets_its_share_beside_one_with_two_hundred(traffic: Traffic) -> None:
    share = shares(traffic)

    assert share["many"] < 2.5 * share["few"]
    assert share["few"] < 2.5 * share["many"]


def test_base_addresses_mostly_stay_and_are_written_by_nothing_else(traffic: Traffic) -> None:
    writing = [
        operation.arguments
        for operation in drawn(traffic)
        if operation.arguments[0] == "config" and operation.name not in ("qemu.read", "qemu.drain", "qemu.probe")
    ]
    moved = [arguments for arguments in writing if 0x10 <= int(arguments[1]) < 0x14]  # type: ignore[arg-type]

    assert all(arguments[1] != 4 or arguments[2] == 2 for arguments in writing)
    assert sum(arguments[3] == 0xE000_0000 for arguments in moved) > 0
    assert all(arguments[:3] == ("config", 0x10, 4) for arguments in moved)


def test_a_place_that_kills_is_an_operation_of_its_own() -> None:
    one = Learnt(FEW.region, 1, (Register(0, 1),), {}, (Deadly(4, 1, 0xFF),))
    traffic = Traffic((one,))

    touching = [
        (operation.name, operation.arguments[3:]) for operation in drawn(traffic) if operation.arguments[1:2] == (4,)
    ]

    assert set(touching) == {("qemu.write", (0xFF,))}
    assert "write few+0x4" in {kind.label for kind in traffic.kinds}


def test_descriptors_in_memory_point_into_the_window() -> None:
    window = Window(0x4000_1000)

    rings = [pattern for pattern in window.patterns if window.pages[2].to_bytes(4, "little") in pattern]

    assert len(rings) > 10
    assert max(map(len, window.patterns)) <= 256
    assert window.base == window.pages[0]


def test_labels_are_all_different(traffic: Traffic) -> None:
    labels: Sequence[str] = [kind.label for kind in traffic.kinds]

    assert len(labels) == len(set(labels))
