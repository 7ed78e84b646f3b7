"""The drivers of timers on real QEMU: they count, and say when they are done."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from stressor.loop.cycle import Checks
from stressor.loop.finding import Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.model import qemu_model

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(
        not (shutil.which("qemu-system-x86_64") and shutil.which("qemu-system-arm")),
        reason="no qemu-system-x86_64 and qemu-system-arm on the PATH",
    ),
]

HERE = "qemu:machine="


def shown(specification: str, *steps: Operation) -> list[dict[str, object]]:
    """Return what each of some transactions shows last of each register, by name."""
    model = qemu_model(HERE + specification)
    target = model.open()
    try:
        return [
            {one[1].partition("+")[2]: one[2] for one in target.execute([step]) if isinstance(one, tuple)}
            for step in steps
        ]
    finally:
        target.close()
        model.close()


@pytest.mark.parametrize(
    ("machine", "timer", "status"),
    [
        ("versatilepb,region=sp804", "sp804", "0x10 (raw 1)"),
        ("vexpress-a9,region=arm_mptimer*", "arm_mptimer_timer", "0xc (status)"),
        ("raspi2b,memory=1G,region=bcm2835-sys-timer", "bcm2835-sys-timer", "0x0 (control and status)"),
        ("sabrelite,memory=64M,region=imx.epit", "imx.epit", "0x4 (status)"),
        ("sabrelite,memory=64M,region=imx25.gpt", "imx25.gpt", "0x8 (status)"),
        ("npcm750-evb,memory=512M,region=npcm7xx-timer", "npcm7xx-timer", "0x18 (interrupts)"),
        ("pc,region=hpet", "hpet", "0x20 (status)"),
    ],
)  # fmt: skip
def test_a_timer_counts_and_tells(machine: str, timer: str, status: str) -> None:
    before, after, _, quiet = shown(
        machine,
        Operation(f"{timer}.start", (0, 1000, 3, 0)), Operation(f"{timer}.go_on", (1_100_288,)),
        Operation(f"{timer}.halt", (0,)), Operation(f"{timer}.acknowledge", (0, 0)),
    )  # fmt: skip

    assert before != after, "it counts"
    assert [int(str(one[status])) & 1 for one in (before, after, quiet)] == [0, 1, 0]


def test_an_aspeed_timer_counts_down_by_the_microsecond() -> None:
    before, after = shown(
        "palmetto-bmc,memory=256M,region=aspeed.timer",
        Operation("aspeed.timer.start", (0, 20_000, 1, 0)), Operation("aspeed.timer.go_on", (1_000_448,)),
    )  # fmt: skip

    assert int(str(before["0x0 (timer 1)"])) - int(str(after["0x0 (timer 1)"])) in range(1000, 1004)


def test_a_clock_s_alarm_is_told_after_a_second() -> None:
    steps = Operation("pl031.set_alarm", (1, True)), Operation("pl031.let_a_second_pass")

    set_, passed = shown("versatilepb,region=pl031", *steps)

    assert [set_["0x14 (raw interrupt)"], passed["0x14 (raw interrupt)"]] == [0, 1]


def test_the_beginning_of_an_aspeed_timer_is_lost() -> None:
    """A counter is worked out from when it was started, which is not saved, nor touched by a reset."""
    model = replace(
        qemu_model("qemu:machine=palmetto-bmc,memory=256M,region=aspeed.timer"), excluded=frozenset()
    )
    trace = (
        Operation("qemu.step", (1 << 20,)), Operation("aspeed.timer.start", (0, 20_000, 1, 0)),
        Cycle(ResetMode.FRESH), Operation("aspeed.timer.go_on", (0,)),
    )  # fmt: skip
    try:
        found = investigate(model, trace, Checks([Oracle.RESUMES_ALIKE, Oracle.LOAD_RESTORES]), Watchdog(20.0))
    finally:
        model.close()

    assert "aspeed.timer+0x0 (timer 1): never saved" in [f"{one.first.path}: {one.cause.value}" for one in found]
