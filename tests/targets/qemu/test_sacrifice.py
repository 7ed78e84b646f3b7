"""Damaged state in a real QEMU: refused or accepted without a trace, or the damage is named that ends it.

The USB controller of QEMU 7.2 ends over a state of its schedule that there is not, which is looked at
in the load; the SCSI controller over a message that it is not in the middle of, when its bus is read.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import cast

import pytest

from stressor.loop.cycle import Checks
from stressor.loop.finding import Cause, Divergence, Kind, Oracle
from stressor.loop.investigate import investigate
from stressor.loop.target import TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign
from stressor.search.replay import replay
from stressor.targets.qemu.damage import Damaged
from stressor.targets.qemu.lines import qtest_lines
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.sacrifice import Sacrifice
from stressor.targets.qemu.target import QemuTarget

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

EHCI = "0000:00:02.0/ehci/0"
SCHEDULE = (f"set {EHCI}.ehci.astate", 0)
"""A state of all ones."""
HARMLESS = (f"set {EHCI}.ehci.frindex", 0)
TRUNCATED = (f"truncate {EHCI}", 3)
TWICE = "repeat sd-card/0"
"""The card of QEMU 7.2 powers up before each load, and ends when it already has."""
MESSAGE = ("set 0000:00:02.0/lsiscsi/0.sstat1", 0)


@pytest.fixture(scope="module")
def ehci() -> Iterator[QemuModel]:
    model = qemu_model("qemu:usb-ehci")
    yield model
    model.close()


@pytest.fixture
def target(ehci: QemuModel) -> Iterator[QemuTarget]:
    opened = ehci.open()
    yield opened
    opened.close()


def damaging(damage: tuple[str, int], mode: ResetMode = ResetMode.IN_PLACE) -> Cycle:
    return Cycle(mode, (), damage)


def found_in(model: TargetType, *trace: Operation | Cycle) -> list[Divergence]:
    return investigate(model, trace, Checks([Oracle.REFUSES_DAMAGE]), Watchdog(30.0))


def test_what_ends_qemu_in_a_load_is_named_with_both_values(ehci: QemuModel) -> None:
    (found,) = found_in(ehci, damaging(SCHEDULE))

    assert (found.oracle, found.cause, found.kind) == (Oracle.REFUSES_DAMAGE, Cause.CRASHED, Kind.DAMAGE_KILLS)
    assert (found.first.path, found.first.before, found.first.after) == (f"{EHCI}.ehci.astate", 1000, 0xFFFF_FFFF)
    assert found.detail.startswith("when it was loaded: QemuDied: it was ended by signal 6; ")


def test_what_ends_qemu_at_a_later_operation_is_named_at_that() -> None:
    model = qemu_model("qemu:lsi53c895a,time=off")
    data = Operation("qemu.read", ("lsi-mmio", 0x58, 1))
    try:
        (found,) = found_in(model, damaging(MESSAGE), data)
    finally:
        model.close()

    assert (found.first.path, found.step) == ("0000:00:02.0/lsiscsi/0.sstat1", 1)
    assert found.detail.startswith("when it was driven on: QemuDied: it was ended by signal 6; ")


@pytest.mark.parametrize("damage", [HARMLESS, TRUNCATED, ("set nothing/0.of_this", 1)])
def test_refused_and_accepted_damage_is_no_finding(ehci: QemuModel, damage: tuple[str, int]) -> None:
    assert found_in(ehci, damaging(damage), *ehci.opening) == []


def test_a_refusal_ends_the_machine(target: QemuTarget) -> None:
    assert target.sacrifice(target.save(), TRUNCATED)

    assert target._sacrifice is not None
    assert not target._sacrifice.lives


def test_what_is_accepted_lives_up_to_the_next_save_and_no_longer(target: QemuTarget) -> None:
    target.sacrifice(target.save(), HARMLESS)
    sacrifice = target._sacrifice
    assert sacrifice is not None
    assert sacrifice.lives

    target.save()

    assert not sacrifice.lives


def test_a_state_that_ends_qemu_by_itself_is_not_blamed_on_the_damage(target: QemuTarget) -> None:
    deadly, harmless = target.damaged(SCHEDULE), target.damaged(HARMLESS)
    assert deadly is not None
    assert harmless is not None

    sacrifice = Sacrifice(target._waiting, deadly.stream, Damaged(deadly.stream, harmless.change))

    assert not sacrifice.lives


@pytest.mark.parametrize("mode", list(ResetMode)[:2])
def test_the_machine_under_test_is_left_alone(ehci: QemuModel, mode: ResetMode) -> None:
    trace: Trace = (*ehci.opening, damaging(HARMLESS, mode), *ehci.opening)
    plain: Trace = (*ehci.opening, Cycle(mode), *ehci.opening)

    with_damage, without = (investigate(ehci, each, Checks(list(Oracle)), Watchdog(30.0)) for each in (trace, plain))

    assert [found.first.path for found in with_damage] == [found.first.path for found in without]


def test_a_campaign_finds_it_makes_it_small_and_replays_it() -> None:
    whole = qemu_model("qemu:sdhci-pci,time=off")

    class Only:
        damages = (TWICE,)

        def __getattr__(self, name: str) -> object:
            return getattr(whole, name)

    campaign = Campaign(
        cast("TargetType", Only()), seed=1, oracles=[Oracle.REFUSES_DAMAGE], reset_modes=[ResetMode.IN_PLACE],
        watchdog=Watchdog(30.0),
    )  # fmt: skip
    try:
        ended = (each for each in campaign.run(60) if each and each.divergence.kind is Kind.DAMAGE_KILLS)
        found = next(ended)
        again = replay(found, whole, batch_timeout=30.0)
    finally:
        whole.close()

    assert found.divergence.first.path == "sd-card/0.(section)"
    assert len(found.trace) < found.found_in
    (cycle,) = (step for step in found.trace if isinstance(step, Cycle))
    assert cycle.damage[0] == TWICE
    assert again is not None
    assert again.fingerprint(whole.name) == found.fingerprint


def test_the_lines_for_a_bug_report_say_what_was_damaged(ehci: QemuModel) -> None:
    lines = qtest_lines(ehci, (damaging(SCHEDULE), *ehci.opening)).splitlines()

    assert f"# {EHCI}.ehci.astate: 1000 -> 4294967295" in lines
