"""Virtual time on real QEMU: it is exact, timers fire in it, and cycles bring it back."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from stressor.errors import TargetError
from stressor.loop.cycle import Checks
from stressor.loop.finding import Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.clock import ClockLost, Countdown
from stressor.targets.qemu.lines import qtest_lines
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.target import QemuTarget
from stressor.targets.qemu.timekeeping import virtual_time

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
    pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="no qemu-system-arm on the PATH"),
]

STARTED = tuple(
    Operation("qemu.write", ("pit", offset, 1, value)) for offset, value in ((3, 0x34), (0, 0), (0, 0))
)
"""Channel 0 of the timer counts down from 65,536, again and again."""
COUNTED = (
    Operation("qemu.write", ("pit", 3, 1, 0)),
    Operation("qemu.read", ("pit", 0, 1)),
    Operation("qemu.read", ("pit", 0, 1)),
)
IN_EACH_MODE = [
    Cycle(ResetMode.IN_PLACE),
    Cycle(ResetMode.FRESH),
    Cycle(ResetMode.DONOR, (Operation("qemu.step", (1 << 20,)), *STARTED)),
]


def step(nanoseconds: int) -> Operation:
    return Operation("qemu.step", (nanoseconds,))


def values(observations: list[object]) -> list[object]:
    return [observation[2] for observation in observations if isinstance(observation, tuple)]


@pytest.fixture(scope="module")
def pc() -> Iterator[QemuModel]:
    model = qemu_model("qemu:machine=pc,region=pit,region=rtc*")
    yield model
    model.close()


@pytest.fixture
def twins(pc: QemuModel) -> Iterator[tuple[QemuTarget, QemuTarget]]:
    one, other = pc.open(), pc.open()
    yield one, other
    one.close()
    other.close()


def test_two_processes_show_the_same_after_each_of_40_steps(
    pc: QemuModel, twins: tuple[QemuTarget, QemuTarget]
) -> None:
    drawn = random.Random(5)
    shown = set()
    for twin in twins:
        twin.execute(STARTED)
    for nanoseconds in (512 * drawn.randrange(10, 40_000) for _ in range(40)):
        one, other = (twin.execute([step(nanoseconds), *COUNTED, *pc.opening]) for twin in twins)
        assert one == other
        shown.add(str(one))

    assert len(shown) == 40
    assert twins[0].examine() == twins[1].examine()


def test_a_second_goes_by_in_the_clock_of_the_pc(twins: tuple[QemuTarget, QemuTarget]) -> None:
    one = twins[0]
    seconds = Operation("qemu.write", ("rtc-index", 0, 1, 0)), Operation("qemu.read", ("rtc", 0, 1))

    before = one.execute(seconds)
    one.step(1_000_000_000)
    after = one.execute(seconds)

    assert [*values(before), *values(after)] == [0, 1]


@pytest.mark.parametrize("cycle", IN_EACH_MODE, ids=lambda cycle: cycle.mode.value)
def test_a_cycle_brings_the_time_back(cycle: Cycle, twins: tuple[QemuTarget, QemuTarget]) -> None:
    subject, twin = twins
    for one in twins:
        one.execute([*STARTED, step(1_000_448)])

    snapshot = subject.save()
    subject.reset(cycle, snapshot)
    subject.load(snapshot)
    shown = [one.execute([step(123_392), *COUNTED]) for one in twins]

    assert shown[0] == shown[1]
    machines = [Machine(one._machine.process, subject.birth.frame) for one in (subject, twin)]
    assert [virtual_time(machine) for machine in machines] == [1_123_840, 1_123_840]


@pytest.mark.parametrize("cycle", IN_EACH_MODE, ids=lambda cycle: cycle.mode.value)
def test_a_cycle_between_steps_is_clean_for_the_timer_of_a_pc(cycle: Cycle, pc: QemuModel) -> None:
    steps: Trace = (*STARTED, step(1 << 20), cycle, *pc.opening, step(1 << 20), *COUNTED, cycle, *pc.opening)
    without: Trace = (*STARTED, cycle)

    found, known = (
        {(each.oracle, each.first.path) for each in investigate(pc, trace, Checks(list(Oracle)), Watchdog(5.0))}
        for trace in (steps, without)
    )

    # a reset leaves the timer's mode alone, and the clock on the wall; the first is so without time as well
    assert found - known <= {(Oracle.RESET_IS_FRESH, "mc146818rtc/0")}
    assert {oracle for oracle, _ in found} <= {Oracle.RESET_IS_FRESH}


def test_resuming_lets_no_time_pass_and_no_instruction_be_executed(
    twins: tuple[QemuTarget, QemuTarget]
) -> None:
    one = twins[0]
    before = one.examine()

    for _ in range(20):
        one.resume()

    assert one.examine() == before
    assert virtual_time(one._machine) == 0


def test_an_interrupt_of_a_timer_is_pending_after_a_step() -> None:
    model = qemu_model("qemu:machine=versatilepb,region=sp804,region=pl190")
    target = model.open()
    status = Operation("qemu.read", ("sp804", 0x14, 4))
    raw = Operation("qemu.read", ("pl190", 0x08, 4))
    try:
        target.execute([Operation("qemu.write", ("sp804", 0, 4, 1000))])  # of 1 us
        target.execute([Operation("qemu.write", ("sp804", 8, 4, 0xE2))])  # on, periodic, interrupt, 32 bits
        early = target.execute([step(900_096), status, raw])
        late = target.execute([step(102_400), status, raw])
        for cycle in (Cycle(ResetMode.IN_PLACE),) * 3:  # a parallel flash crashes at two loads in a row
            snapshot = target.save()
            target.reset(cycle, snapshot)
            target.load(snapshot)
            target.resume()
        still = target.execute([step(4096), status, raw])
    finally:
        target.close()
        model.close()

    assert values(early) == [0, 0]
    assert values(late) == values(still) == [1, 0x10]


HPET = ((0x10, 0), (0xF0, 0), (0x20, 1), (0x100, 0x06), (0x10C, 0), (0x108, 390), (0x10, 1))
"""Halted, at 0, nothing pending; timer 0 at 3,900 ns, to be seen in the status; let go."""
SP804 = ((8, 0), (0xC, 0), (0, 4), (8, 0xA3))
"""Off, nothing pending; 4,000 ns, once."""


@pytest.mark.parametrize(
    ("board", "region", "writes", "status"),
    [("pc", "hpet", HPET, 0x20), ("versatilepb", "sp804", SP804, 0x10), ("vexpress-a9", "sp804", SP804, 0x10)],
)
def test_a_timer_that_falls_due_with_the_last_instruction_has_fired(
    board: str, region: str, writes: tuple[tuple[int, int], ...], status: int
) -> None:
    model = qemu_model(f"qemu:machine={board},region={region}")
    target = model.open()
    setting_up = [Operation("qemu.write", (region, offset, 4, value)) for offset, value in writes]
    try:
        shown = [
            values(target.execute([*setting_up, step(4096), Operation("qemu.read", (region, status, 4))]))[-1]
            for _ in range(100)
        ]
    finally:
        target.close()
        model.close()

    assert shown == [1] * 100


def test_a_processor_that_is_taken_away_is_told(twins: tuple[QemuTarget, QemuTarget]) -> None:
    one = twins[0]
    one.step(4096)
    one._machine.process.execute("inject-nmi")
    one.step(4096)  # is returned from
    clock = one._machine.process.clock
    assert isinstance(clock, Countdown)
    assert clock.firmware is not None
    nothing = tuple((address, bytes(len(data))) for address, data in clock.firmware.memory)
    one._machine.process.clock = Countdown(replace(clock.firmware, memory=nothing))

    with pytest.raises(ClockLost, match="was taken away from the clock's countdown, to 0x"):
        one.step(4096)


def test_a_board_without_an_exact_clock_says_why_and_refuses_steps() -> None:
    model = qemu_model("qemu:machine=mps2-an385,memory=16M,region=*timer*")
    target = model.open()
    try:
        assert not any(kind.name == "qemu.step" for kind in model.operations)
        (note,) = model.notes
        assert note.startswith("time stands still, no timer fires: a Cortex-M cannot wait")
        with pytest.raises(TargetError, match="the clock of this machine stands still"):
            target.execute([step(4096)])
    finally:
        target.close()
        model.close()


def test_a_step_is_shown_as_a_line_for_a_bug_report(pc: QemuModel) -> None:
    text = qtest_lines(pc, (step(4096), Cycle(ResetMode.IN_PLACE)))

    assert "-icount shift=8,sleep=off" in text
    assert "# clock_step 4096, where the accelerator qtest is built in\n# savevm" in text
