"""Findings that are kept beside their device."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stressor.findings.store import Store
from tests.cli.conftest import CommandLine
from tests.cli.test_findings import FORGETFUL, repair

KEPT = Path("devices/regressions/counter/F-45ef4b54.json")


@pytest.fixture
def promoted(command: CommandLine) -> str:
    """A project in which only what was promoted is left of earlier runs."""
    command("run", FORGETFUL, "--seed", "1", "--cycles", "200")
    command("promote", "F-45")
    shutil.rmtree(".stressor")
    return "F-45ef4b54"


def test_a_finding_is_copied_beside_its_device(command: CommandLine) -> None:
    command("run", FORGETFUL, "--seed", "1", "--cycles", "200")

    first = command("promote", "45ef")
    again = command("promote", "45ef")

    assert first == (0, f"F-45ef4b54  promoted to {KEPT}\n", "")
    assert again == (0, f"F-45ef4b54  is in {KEPT}\n", "")
    assert KEPT.read_bytes() == Store().find("F-45").read_bytes()


def test_a_promoted_finding_is_found_by_every_verb(command: CommandLine, promoted: str) -> None:
    listed = command("list").out
    replayed = command("replay", "F-45")

    assert listed.endswith(
        f"\npromoted in {KEPT.parent}\n  {promoted}  counter  counter/0.step  never saved\n"
    )
    assert replayed.code == 1
    assert f"\n    stressor replay {KEPT}\n" in replayed.out
    assert "first divergence   counter/0.step" in command("show", "F-45").out


def test_a_run_replays_it_first_and_finds_it_once(command: CommandLine, promoted: str) -> None:
    code, out, _ = command("run", FORGETFUL, "--seed", "2", "--cycles", "200")

    assert code == 1
    assert f"\ncounter: 1 promoted finding replayed\n  FAILED  {promoted}\n\n____" in out
    assert f"\n1 finding in 1 device: {promoted}\n" in out
    assert Store().find(promoted)  # a finding of this run as well


def test_a_run_says_that_it_is_fixed(command: CommandLine, promoted: str) -> None:
    repair(command.folder)

    code, out, _ = command("run", FORGETFUL, "--seed", "2", "--cycles", "200")

    assert code == 0
    assert f"\ncounter: 1 promoted finding replayed\n  FIXED   {promoted}\n" in out


def test_a_run_of_another_oracle_leaves_it_out(command: CommandLine, promoted: str) -> None:
    out = command("run", FORGETFUL, "--cycles", "40", "--oracle", "save-is-pure").out

    assert "replayed" not in out


def test_the_event_stream_has_the_verdicts(command: CommandLine, promoted: str) -> None:
    command("run", FORGETFUL, "--cycles", "40", "--json", "events.jsonl")

    events = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events[1:4]] == [
        "target-started",
        "regressions-replayed",
        "finding-found",
    ]
    assert events[2] | {"event": ""} == {
        "event": "", "target": "counter", "fixed": [], "failed": [promoted], "errors": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: "{}", "not a finding"),
        (lambda text: text[:200], "not a finding"),
        (lambda text: text.replace('"trace": [', '"trace": [["gone", 1], '), "no longer takes"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "by a newer Stressor"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_replayed_breaks_the_run_and_hides_nothing(
    command: CommandLine, promoted: str, change: object, problem: str
) -> None:
    assert callable(change)
    KEPT.write_text(change(KEPT.read_text()))

    code, out, _ = command("run", FORGETFUL, "--seed", "1", "--cycles", "200")

    assert code == 3
    assert f"  ERROR   {promoted}: " in out
    assert problem in " ".join(out.split())
    assert "first divergence   counter/0.step" in out


def test_one_in_the_folder_of_another_device_is_refused(command: CommandLine, promoted: str) -> None:
    KEPT.parent.rename("devices/regressions/counter.Whole")

    code, out, _ = command("run", "devices/counter.py::Whole", "--cycles", "40")

    assert code == 3
    assert "a finding of counter, in the folder of counter.Whole" in " ".join(out.split())


def test_a_finding_of_a_device_that_is_gone_is_not_promoted(
    command: CommandLine, promoted: str
) -> None:
    shutil.move(KEPT, "mine.json")
    Path("devices/counter.py").unlink()

    code, _, errors = command("promote", "mine.json")

    assert code == 2
    assert "its device is not there any more: no file devices/counter.py" in errors
