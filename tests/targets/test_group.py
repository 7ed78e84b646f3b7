"""A machine of several devices is stressed as one, and one of them is blamed."""

from __future__ import annotations

import pytest

from stressor.device import Line
from stressor.errors import DescriptionError
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.machine import Machine
from stressor.search.campaign import Campaign
from stressor.targets.loader import find_models
from stressor.targets.model import Model, model_of
from tests.repo.project import ROOT
from tests.targets.desk import Bell, Desk, ForgetfulDesk, ForgetfulOffice, Office


def desk(cls: type[Machine] = Desk) -> Model:
    return model_of(cls, f"tests/targets/desk.py::{cls.__name__}", "desk")


def found_in(model: Model, cycles: int) -> list[Finding]:
    campaign = Campaign(
        model, seed=1, oracles=list(Oracle), reset_modes=list(ResetMode), watchdog=Watchdog(5.0)
    )
    return [finding for finding in campaign.run(cycles) if finding is not None]


# the machine


def test_an_output_drives_the_input_that_it_is_connected_to() -> None:
    machine = Desk()

    machine.near.write(0, 1, 5)
    machine.clock.advance(6_000)

    assert (machine.controller.first.level, machine.controller.pending) == (1, 1)
    assert ("line", "near.irq", 1) in machine.outputs
    assert ("line", "controller.interrupt", 1) in machine.outputs


def test_parts_share_the_clock_and_the_memory_of_the_machine() -> None:
    machine = Desk()

    machine.far.write(0, 1, 0)
    machine.clock.expire()

    assert machine.far.clock is machine.clock
    assert machine.near.ram is machine.ram
    assert machine.ram.read(32, 1) == b"\x01"


@pytest.mark.parametrize(
    ("source", "end", "message"),
    [("irq", "irq", "near.irq is no input"), ("first", "second", "controller.first is an input and drives nothing")],
)
def test_a_line_that_leads_nowhere_is_refused(source: str, end: str, message: str) -> None:
    machine = Desk()
    lines: dict[str, Line] = machine.near.lines | machine.controller.lines

    with pytest.raises(ValueError, match=message):
        machine.connect(lines[source], lines[end])


def test_an_input_has_one_driver() -> None:
    machine = Desk()

    with pytest.raises(ValueError, match=r"controller\.first is driven already"):
        machine.connect(machine.far.irq, machine.controller.first)


# as a target


def test_sections_stand_one_after_another_and_instances_are_counted() -> None:
    target = desk().open()

    paths = [field.path for field in target.saved_fields(target.save()) if field.kind not in ("header", "footer")]

    assert paths == [
        "bell/0.delay", "bell/0.rung", "bell/0.timer",
        "bell/1.delay", "bell/1.rung", "bell/1.timer",
        "controller/0.pending", "controller/0.mask",
    ]  # fmt: skip


def test_what_is_driven_and_what_is_shared_is_operated_once() -> None:
    names = [kind.label for kind in desk().operations]

    assert "set controller.second" in names
    assert "set controller.first" not in names
    assert [name for name in names if "store" in name or name in ("advance", "expire")] == [
        "store ram", "advance", "expire",
    ]  # fmt: skip


def test_a_machine_without_a_bug_is_clean() -> None:
    assert found_in(desk(), 2_000) == []


def test_the_instance_that_forgets_is_blamed() -> None:
    findings = found_in(desk(ForgetfulDesk), 500)

    assert [(one.divergence.cause, one.divergence.first.path) for one in findings] == [
        (Cause.NEVER_SAVED, "bell/1.rung")
    ]


def test_machines_of_a_file_are_found_as_devices_are() -> None:
    models = find_models([str(ROOT / "tests/targets/desk.py")], ROOT)

    assert "desk" in [model.name for model in models]


def test_a_machine_of_nothing_is_refused() -> None:
    class Empty(Machine):
        pass

    with pytest.raises(DescriptionError, match="no part has a state description"):
        model_of(Empty, "empty", "empty")


def test_a_part_alone_is_a_device_as_ever() -> None:
    assert Bell().lines["irq"].name == "irq"


# a machine within a machine


def test_the_parts_of_an_inner_machine_are_on_the_outer_ones_clock_memory_and_lines() -> None:
    office = Office()

    office.door.write(0, 1, 5)
    office.desk.far.write(0, 1, 5)
    office.clock.advance(6_000)

    assert office.desk.far.ram is office.ram
    assert (office.desk.controller.pending, office.ram.read(32, 1), office.ram.read(48, 1)) == (2, b"\x01", b"\x01")
    assert ("line", "desk.controller.interrupt", 1) in office.outputs


def test_an_input_that_an_inner_machine_drives_has_its_driver() -> None:
    office = Office()

    with pytest.raises(ValueError, match=r"desk\.controller\.first is driven already"):
        office.connect(office.desk.far.irq, office.desk.controller.first)


def test_sections_of_an_inner_machine_are_counted_with_the_others() -> None:
    assert [(name, section.prefix) for name, section in Office.sections()] == [
        ("desk.near", "bell/0."), ("desk.far", "bell/1."), ("desk.controller", "controller/0."), ("door", "bell/2."),
    ]  # fmt: skip


def test_what_an_inner_machine_drives_and_shares_is_operated_once() -> None:
    names = [kind.label for kind in desk(Office).operations]

    assert [name for name in names if "store" in name or "set" in name or name in ("advance", "expire")] == [
        "store ram", "advance", "expire",
    ]  # fmt: skip
    assert "read desk.controller.mask" in names


def test_machines_within_machines_are_clean_and_the_instance_that_forgets_is_blamed() -> None:
    findings = found_in(desk(ForgetfulOffice), 500)

    assert found_in(desk(Office), 2_000) == []
    assert [one.divergence.first.path for one in findings] == ["bell/1.rung"]
