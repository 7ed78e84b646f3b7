"""What save points saw of each field: counted by columns, it is what one finds one by one."""

from __future__ import annotations

from random import Random

import pytest

from stressor import vmstate as vm
from stressor.device import Device
from stressor.loop import coverage
from stressor.loop.coverage import (
    MOST_VALUES,
    CoveredElement,
    CoveredField,
    FieldCoverage,
    saved_at_reset,
)
from stressor.loop.target import Snapshot
from stressor.loop.watchdog import Watchdog
from stressor.targets.in_process import InProcessTarget
from stressor.targets.model import model_of
from stressor.vmstate.live import without_indexes


class Registers(Device):
    """One that nobody writes, one that moves once, arrays, a queue, and one that only sometimes travels."""

    state = vm.Description(
        "registers",
        fields=[
            vm.u8("idle"), vm.u16("control"), vm.array("levels", vm.u16, 3), vm.buffer("memory", 80),
            vm.u32("often"), vm.timer("alarm"), vm.boolean("busy"), vm.queue("waiting", vm.u8, maximum=5),
            vm.u8("size"), vm.variable_buffer("packet", length="size", maximum=4),
        ],
        subsections=[
            vm.Description("registers/late", fields=[vm.u8("late")], needed=lambda device: device.late != 7),
            vm.Description("registers/far", fields=[vm.buffer("far", 40)], needed=lambda device: device.far[0] != 5),
        ],
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.alarm = self.clock.timer(lambda: None)
        self.reset()

    def reset(self) -> None:
        self.idle = self.often = 0
        self.control = 0x8000
        self.levels = [1, 2, 3]
        self.memory = bytearray(80)
        self.alarm.cancel()
        self.busy = False
        self.waiting: list[int] = []
        self.late = 7
        self.far = bytearray(range(5, 45))
        self.size = 0
        self.packet = bytearray()


MODEL = model_of(Registers, "tests/loop/test_coverage.py::Registers", "registers")


def opened() -> tuple[InProcessTarget, Registers, FieldCoverage]:
    target = MODEL.open()
    return target, target.device, FieldCoverage(MODEL.prefix, saved_at_reset(target, Watchdog(5.0)))


def one_by_one(target: InProcessTarget, reset: Snapshot, snapshots: list[Snapshot]) -> dict[str, tuple[int, int, int]]:
    """Return points, values and toggled bits of each field, the slow way."""

    def pieces(snapshot: Snapshot) -> dict[str, bytes]:
        return {
            field.path.removeprefix(MODEL.prefix): snapshot.data[field.offset : field.offset + field.size]
            for field in target.saved_fields(snapshot)
        }

    resets = pieces(reset) | {"late": b"\7"} | {f"far[{index}]": bytes([5 + index]) for index in range(40)}
    states = [pieces(snapshot) for snapshot in snapshots]
    found = {}
    for name in MODEL.fields:
        paths = {path for state in [resets, *states] for path in state if without_indexes(path) == name}
        moved = [any(path in state and state[path] != resets.get(path) for path in paths) for state in states]
        values = {state[path] for state in [resets, *states] for path in paths if path in state}
        toggled = 0
        for path in paths:
            numbers = [int.from_bytes(state[path]) for state in [resets, *states] if path in state]
            for bit in range(64):
                toggled += {number >> bit & 1 for number in numbers} == {0, 1}
        found[name] = sum(moved), min(len(values), MOST_VALUES + 1), toggled
    return found


@pytest.mark.parametrize("many", [7, 100_000])
def test_columns_count_what_a_look_at_each_save_point_counts(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(coverage, "_POINTS", many)
    random, far = Random(4), Random(5)
    target, device, seen = opened()
    reset = target.save()
    snapshots = []
    for point in range(400):
        if point == 200:
            device.control = 0x8001  # once, at one save point
        device.levels[random.randrange(3)] = random.randrange(4)
        device.memory[random.randrange(80)] = random.randrange(256)
        device.often = random.getrandbits(32)
        device.busy = random.random() < 0.1
        device.waiting = [random.randrange(9) for _ in range(random.randrange(6))]
        device.late = random.choice([7, 7, 8, 9])
        device.far[0], device.far[far.randrange(1, 40)] = far.choice([5, 5, 6]), far.randrange(256)
        device.size = far.randrange(5)
        device.packet = bytearray(far.randrange(16) for _ in range(device.size))
        device.alarm.deadline = random.choice([None, 1 << 40])
        snapshots.append(target.save())
        seen.add(snapshots[-1])
        seen.settle(target)
        device.control = 0x8000
        if point % 5 == 0:
            device.reset()

    fields = seen.fields(target)

    expected = one_by_one(target, reset, snapshots)
    assert {name: (field.points, field.values, field.toggled) for name, field in fields.items()} == expected
    assert sorted(fields) == sorted(MODEL.fields)
    assert seen.points == 400
    assert fields["idle"] == CoveredField("idle", points=0, values=1, toggled=0, width=8)
    assert fields["control"] == CoveredField("control", points=1, values=2, toggled=1, width=16)
    assert fields["busy"].width == 1
    assert fields["often"].values == MOST_VALUES + 1


def test_each_element_tells_which_of_its_bits_toggled() -> None:
    target, device, seen = opened()
    for value in (2, 6, 0x102):
        device.levels[1] = value
        seen.add(target.save())

    elements = seen.elements(target)

    assert elements["levels[1]"] == CoveredElement("levels[1]", bits=0x104, width=16)
    assert elements["levels[2]"] == CoveredElement("levels[2]", bits=0, width=16)
    assert elements["memory[79]"] == CoveredElement("memory[79]", bits=0, width=8)


def test_a_buffer_that_grows_has_names_for_all_its_bytes() -> None:
    target, device, seen = opened()
    for packet in (b"\1", b"\1\2\4"):
        device.size, device.packet = len(packet), bytearray(packet)
        seen.add(target.save())

    elements = seen.elements(target)

    assert [path for path in elements if path.startswith("packet")] == ["packet[0]", "packet[1]", "packet[2]"]
    assert seen.fields(target)["packet[]"].width == 24


def test_without_a_state_at_reset_the_attributes_of_a_new_device_tell() -> None:
    target, device, _ = opened()
    seen = FieldCoverage(MODEL.prefix)
    for late in (7, 8):
        device.late = late
        seen.add(target.save())

    fields = seen.fields(target)

    assert [field.path for field in fields.values() if field.points] == ["late"]
    assert fields["late"] == CoveredField("late", points=1, values=2, toggled=4, width=8)


def test_what_is_kept_is_bounded() -> None:
    target, device, seen = opened()
    for point in range(10_000):
        device.often = point
        seen.add(target.save())
        seen.settle(target)
        assert seen.pending <= 4097
    assert seen.fields(target)["often"].points == 9_999
