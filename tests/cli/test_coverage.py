"""What a run says of fields that hardly moved, and a run that has to exercise a share of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

QUICK = ("--seed", "1", "--cycles", "400")
IDLE = """
import stressor.vmstate as vm
from stressor.device import Device, Region

class Idle(Device):
    \"\"\"Nobody writes `spare` and `tail`, and `mode` moves once in a while.\"\"\"

    state = vm.Description("idle", fields=[vm.u8("count"), vm.u8("spare"), vm.u8("mode"), vm.array("tail", vm.u16, 4)])
    io = Region(size=1, registers={0: "count"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count = self.spare = self.mode = 0
        self.tail = [0] * 4

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        return self.count

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        self.count = value
        self.mode = int(value % 5 == 4)
"""
PLAIN = """
import hypothesis.strategies as st
from stressor import adapt

class Plain:
    def __init__(self):
        self.reset()

    def reset(self):
        self.count = 0

    def add(self, number):
        self.count = (self.count + number) & 0xFF

    def save(self):
        return bytes([self.count])

    def load(self, state):
        (self.count,) = state

plain = adapt(Plain, save="save", load="load", reset="reset", operations={"add": {"number": st.integers(0, 9)}})
"""


@pytest.fixture
def idle(command: CommandLine) -> CommandLine:
    (command.folder / "devices" / "idle.py").write_text(IDLE)
    (command.folder / "plain.py").write_text(PLAIN)
    return command


def test_a_run_that_exercised_too_little_fails_and_names_what_is_missing(idle: CommandLine) -> None:
    code, out, errors = idle("run", "devices/idle.py", *QUICK, "--require-coverage", "75")

    idle.stored("too-little.txt", out)
    assert (code, errors) == (1, "")


def test_a_run_that_exercised_enough_is_clean(idle: CommandLine) -> None:
    code, out, _ = idle("run", "devices/idle.py", *QUICK, "--require-coverage", "50%")

    assert (code, "required" in out) == (0, False)


def test_a_table_says_how_far_each_field_was_exercised(idle: CommandLine) -> None:
    out = idle.raw("run", "devices/idle.py", *QUICK, "-v")

    lines = out[out.index("\n  field ") :].splitlines()[2:6]
    assert [line.split()[0] for line in lines] == ["spare", "tail[]", "mode", "count"]
    assert lines[1].split()[1:] == ["0", "1", "0", "of", "64"]
    assert lines[2].split()[2:] == ["2", "1", "of", "8"]


def test_the_key_and_the_variable_require_it_too(idle: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (idle.folder / "pyproject.toml").write_text("[tool.stressor.profiles.strict]\nrequire-coverage = 90.5\n")
    run = ("run", "devices/idle.py", *QUICK)

    assert idle(*run).code == 0
    assert idle(*run, "--profile", "strict").code == 1
    monkeypatch.setenv("STRESSOR_REQUIRE_COVERAGE", "60")
    assert idle(*run).code == 1
    assert idle(*run, "--require-coverage", "40").code == 0


@pytest.mark.parametrize("percent", ["0", "101", "many", "-5"])
def test_what_is_no_percentage_is_refused(idle: CommandLine, percent: str) -> None:
    code, _, errors = idle("run", "devices/idle.py", "--require-coverage", percent)

    assert code == 2
    assert errors == (
        "stressor: error: --require-coverage: a share of the fields is a number of percent above 0, "
        f"up to 100, not {percent!r}\n"
    )


def test_with_findings_they_come_first(idle: CommandLine) -> None:
    code, out, _ = idle("run", "devices/counter.py::Counter", "devices/idle.py", *QUICK, "--require-coverage", "75")

    last = " ".join(out.splitlines()[-2:])
    assert code == 1
    assert "1 finding in 1 device: F-" in last
    assert "; too little was exercised: less than 75 %" in last


def test_a_target_without_named_fields_says_so_and_does_not_fail(idle: CommandLine) -> None:
    code, out, _ = idle("run", "plain.py", *QUICK, "--require-coverage", "100")

    assert code == 0
    assert "  exercised      unknown: no saved field has a name\n" in out


def test_the_events_say_what_was_seen_of_each_field(idle: CommandLine) -> None:
    idle("run", "devices/idle.py", *QUICK, "--require-coverage", "75", "--json", "events.jsonl")

    events = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    finished = next(event for event in events if event["event"] == "target-finished")
    assert events[0]["required_coverage"] == 75
    assert (finished["uncovered"], events[-1]["uncovered"]) == (True, ["idle"])
    covered = {field["path"]: field for field in finished["statistics"]["covered"]}
    assert covered["spare"] == {"path": "spare", "points": 0, "values": 1, "toggled": 0, "width": 8}
    assert covered["mode"]["values"] == 2
    assert 0 < covered["mode"]["points"] < covered["count"]["points"] <= finished["statistics"]["save_points"]
