"""What `qemu:...` means, and what is refused with the cure."""

from __future__ import annotations

import pytest

from stressor.errors import UsageError
from stressor.targets.qemu.specification import parse_specification, written


def test_a_device_with_its_board_and_properties() -> None:
    found = parse_specification("qemu:e1000,machine=q35,mac=52:54:00:12:34:56,memory=16M")

    assert (found.device, found.machine, found.memory) == ("e1000", "q35", "16M")
    assert found.properties == (("mac", "52:54:00:12:34:56"),)
    assert (found.binary, found.regions, found.arguments) == (None, (), ())


def test_a_board_with_chosen_regions() -> None:
    found = parse_specification("qemu:machine=versatilepb,region=pl011*,region=pl031")

    assert (found.device, found.machine) == (None, "versatilepb")
    assert found.regions == ("pl011*", "pl031")


def test_options_and_arguments_are_written_into_it_and_come_back() -> None:
    arguments = ["-device", "tmp105,address=0x4d", "-name", "a b"]

    text = written("qemu:machine=ast2500-evb -- -snapshot", ["i2c*"], ["i2c.py"], arguments)

    assert text == (
        "qemu:machine=ast2500-evb,region=i2c*,operations=i2c.py -- "
        "-snapshot -device tmp105,address=0x4d -name 'a b'"
    )
    found = parse_specification(text)
    assert found.arguments == ("-snapshot", *arguments)
    assert (found.regions, found.operations) == (("i2c*",), ("i2c.py",))


def test_nothing_is_written_into_it_where_nothing_is_given() -> None:
    assert written("qemu:edu", [], [], []) == "qemu:edu"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qemu:", "'' is no device; write qemu:e1000, or qemu:machine=pc"),
        ("qemu:e1000,q35", "'q35' is no option; write NAME=VALUE after the device"),
        ("qemu:e1000,machine=", "'machine=' is no option"),
        ("qemu:e1000,machine=pc,machine=q35", "machine is given twice; leave one"),
        ("qemu:memory=4M", "names nothing; write qemu:e1000, or qemu:machine=versatilepb"),
        ("qemu:mac=1", "mac= is a property of no device; name one first"),
        ("qemu:e1000,memory=much", "memory=much is no size; write 4M or 1G"),
        ("qemu:machine=pc -- 'a", "what follows -- cannot be split into words"),
        ("qemu:../bin/sh", "is no device"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_cure(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_specification(text)
    assert message in str(raised.value)
