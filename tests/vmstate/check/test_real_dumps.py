"""What real QEMU binaries dumped: the stored dumps, and those that are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stressor.vmstate.check import Comparison, Direction, Kind, Severity, check_dumps
from stressor.vmstate.dump import Dump, encode_dump, parse_dump, read_dump
from tests.vmstate.check.dumps import stored_bytes, stored_dump

NAMES = ("qemu-7.2-x86_64", "qemu-7.2-arm", "qemu-10.0-x86_64", "qemu-10.0-arm")
X86_64_MACHINES = ("pc-i440fx-7.2", "pc-i440fx-5.2", "pc-q35-7.2", "microvm")
ARM_MACHINES = (
    "virt-7.2",
    "vexpress-a9",
    "versatilepb",
    "raspi2b",
    "mps2-an385",
    "sabrelite",
    "palmetto-bmc",
)
MACHINES = [("x86_64", name) for name in X86_64_MACHINES] + [("arm", name) for name in ARM_MACHINES]


@pytest.fixture(scope="module")
def x86_64() -> Comparison:
    return check_dumps(stored_dump("qemu-7.2-x86_64"), stored_dump("qemu-10.0-x86_64"))


@pytest.fixture(scope="module")
def arm() -> Comparison:
    return check_dumps(stored_dump("qemu-7.2-arm"), stored_dump("qemu-10.0-arm"))


def found(comparison: Comparison, section: str) -> list[tuple[Kind, str, Severity, Severity]]:
    return [
        (each.kind, each.path, each.forward.severity, each.backward.severity)
        for each in comparison.differences
        if each.section == section
    ]


def installed(target: str) -> str:
    """The installed binary, if it is a QEMU 7.2, the version that is stored."""
    binary = f"qemu-system-{target}"
    if shutil.which(binary) is None:
        pytest.skip(f"{binary} is not installed")
    version = subprocess.run(
        [binary, "--version"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    if "version 7.2." not in version:
        pytest.skip(f"{binary} is not a 7.2, which is stored: {version.splitlines()[0]}")
    return binary


def live_dump(target: str, machine: str, folder: Path) -> Dump:
    file = folder / "dump.json"
    subprocess.run(
        [installed(target), "-M", machine, "-dump-vmstate", os.fspath(file)],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return read_dump(file)


@pytest.mark.parametrize("name", NAMES)
def test_all_that_qemu_wrote_is_read(name: str) -> None:
    data = stored_bytes(name)

    again = json.loads(encode_dump(parse_dump(data)))

    assert without_empty_lists(again) == without_empty_lists(json.loads(data))


def without_empty_lists(value: object) -> object:
    """A description without fields has an empty list, or none at all: that means the same."""
    if isinstance(value, dict):
        return {key: without_empty_lists(inner) for key, inner in value.items() if inner != []}
    return [without_empty_lists(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_has_no_difference_to_itself(name: str) -> None:
    assert check_dumps(stored_dump(name), parse_dump(stored_bytes(name))).differences == ()


def test_the_other_way_round_the_same_breaks(arm: Comparison) -> None:
    back = check_dumps(arm.new, arm.old)

    assert back.count(Direction.BACKWARD, Severity.BREAKS) == arm.count(
        Direction.FORWARD, Severity.BREAKS
    ) - sum(each.kind is Kind.MISSING_SECTION for each in arm.differences)


@pytest.mark.qemu
@pytest.mark.parametrize(("target", "machine"), MACHINES)
def test_the_installed_qemu_dumps_what_is_stored_whatever_the_machine(
    tmp_path: Path, target: str, machine: str
) -> None:
    stored = stored_dump(f"qemu-7.2-{target}")

    live = live_dump(target, machine, tmp_path)

    assert live.machine == machine
    found = check_dumps(stored, live).differences
    # optional modules, such as qemu-system-modules-opengl, add devices to what was stored without them
    assert [each for each in found if each.kind is not Kind.NEW_SECTION] == []


# Between 7.2 and 10.0; what a real migration does there is in docs/check.md.


def test_a_scsi_adapter_of_the_pc_does_not_load(x86_64: Comparison) -> None:
    # Its first differing name is harmless; the field that breaks it comes behind two of those.
    assert found(x86_64, "am53c974") == [
        (Kind.VERSION, "esp", Severity.FINE, Severity.FINE),
        (Kind.RENAMED, "esp.data_ready", Severity.FINE, Severity.FINE),
        (Kind.RENAMED, "esp.mig_ti_cmd", Severity.FINE, Severity.FINE),
        (Kind.ADDED, "esp.drq_state", Severity.BREAKS, Severity.BREAKS),
        (Kind.MISSING_SUBSECTION, "esp.(esp/pdma)", Severity.MAYBE, Severity.FINE),
    ]


def test_five_fields_of_a_sound_card_became_padding(x86_64: Comparison) -> None:
    assert found(x86_64, "sb16") == [
        (Kind.PADDED, name, Severity.FINE, Severity.FINE)
        for name in ("irq", "dma", "hdma", "port", "ver")
    ]


def test_arrays_of_a_dump_without_lengths_may_have_become_padding(x86_64: Comparison) -> None:
    assert found(x86_64, "e1000e") == [
        (Kind.PADDED, "core.itr_intr_pending", Severity.FINE, Severity.FINE),
        (Kind.PADDED, "core.eitr_intr_pending", Severity.MAYBE, Severity.MAYBE),
        (Kind.ADDED, "core.timadj", Severity.MAYBE, Severity.MAYBE),
    ]


def test_a_field_of_a_newer_version_breaks_only_the_way_back(arm: Comparison) -> None:
    assert found(arm, "aspeed.smc-ast2400") == [
        (Kind.VERSION, "", Severity.FINE, Severity.BREAKS),
        (Kind.ADDED, "unselect", Severity.FINE, Severity.BREAKS),
    ]


def test_a_raised_minimum_refuses_the_old_version(arm: Comparison) -> None:
    assert found(arm, "musicpal_key")[:2] == [
        (Kind.VERSION, "", Severity.FINE, Severity.BREAKS),
        (Kind.MINIMUM_VERSION, "", Severity.BREAKS, Severity.FINE),
    ]


def test_a_field_that_grew_is_seen_behind_one_that_went(arm: Comparison) -> None:
    assert found(arm, "aspeed.rtc")[1:] == [
        (Kind.REMOVED, "offset", Severity.BREAKS, Severity.BREAKS),
        (Kind.RESIZED, "offset", Severity.BREAKS, Severity.BREAKS),
    ]


def test_a_renamed_section_breaks_both_ways(arm: Comparison) -> None:
    assert found(arm, "npcm7xx-clk")[0] == (Kind.RENAMED, "", Severity.BREAKS, Severity.BREAKS)
