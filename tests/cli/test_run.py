from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressor.findings.store import Store
from tests.cli.conftest import CommandLine
from tests.findings.test_store import full_disk

QUICK = ("--seed", "1", "--cycles", "200")
FORGETFUL = "devices/counter.py::Counter"
WHOLE = "devices/counter.py::Whole"


def test_a_clean_run(command: CommandLine) -> None:
    code, out, errors = command("run", WHOLE, *QUICK)

    command.stored("clean.txt", out)
    assert (code, errors) == (0, "")


def test_a_run_with_a_finding(command: CommandLine) -> None:
    code, out, errors = command("run", *QUICK)

    command.stored("findings.txt", out)
    assert (code, errors) == (1, "")
    (finding,) = Store().all()
    assert finding.divergence.first.path == "counter/0.step"


def test_a_guest_is_asked_for_with_the_cure(command: CommandLine) -> None:
    code, out, errors = command("run", "qemu:live", "--period", "50ms")

    assert (code, out) == (2, "")
    assert errors == (
        "stressor: error: qemu:live,period=50ms: there is no guest; give --kernel vmlinuz (on Debian `apt-get "
        "install linux-image-cloud-amd64 busybox-static`, then --kernel /boot/vmlinuz-VERSION), or behind -- "
        "a disk that it boots from\n"
    )


def test_options_of_a_guest_are_for_one(command: CommandLine) -> None:
    code, _, errors = command("run", WHOLE, "--kernel", "vmlinuz")

    assert code == 2
    assert errors == "stressor: error: --kernel is for one qemu:live target, and there are 0; give one\n"


def test_a_seed_gives_the_same_run_again(command: CommandLine) -> None:
    first = command("run", *QUICK)
    second = command("run", *QUICK)

    assert first == second


def test_a_seed_is_chosen_and_printed_when_none_is_given(command: CommandLine) -> None:
    (command.folder / "pyproject.toml").write_text("[tool.stressor]\ncycles = 5")

    lines = command("run", WHOLE).out.splitlines()

    (seed,) = [line for line in lines if line.startswith("  seed")]
    assert int(seed.split()[1]) >= 0
    assert "  configuration  options (targets), pyproject.toml (cycles), defaults" in lines


def test_a_run_limited_by_time_ends(command: CommandLine) -> None:
    code, out, _ = command("run", WHOLE, "--for", "200ms")

    assert code == 0
    assert out.splitlines()[-1].endswith("nothing diverged")


def test_modes_and_oracles_are_chosen(command: CommandLine) -> None:
    _, out, _ = command(
        "run",
        WHOLE,
        *QUICK,
        "--reset-mode",
        "fresh",
        "--reset-mode",
        "donor",
        "--oracle",
        "save-is-pure",
    )

    assert "  reset modes    fresh, donor\n" in out
    assert "  oracles        save-is-pure, runs-alone\n" in out
    assert "  cycles         100 donor, 100 fresh\n" in out


def test_a_run_in_which_no_oracle_had_anything_to_look_at_is_not_clean(command: CommandLine) -> None:
    code, out, _ = command("run", WHOLE, *QUICK, "--oracle", "invariants-hold")

    assert code == 4
    assert "not exercised  oracles      invariants-hold\n" in out
    assert "\nnothing was checked (" in out


def test_the_events_go_to_a_file(command: CommandLine) -> None:
    command("run", *QUICK, "--json", "events.jsonl")

    events = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["run-started", "run-finished"]
    assert events[-1]["findings"] == [finding.id for finding in Store().all()]


def test_with_events_on_stdout_the_report_goes_to_stderr(command: CommandLine) -> None:
    code, out, errors = command("run", WHOLE, *QUICK, "--json", "-", "-v")

    assert (code, "error" in errors) == (0, False), errors
    assert [json.loads(line)["event"] for line in out.splitlines()][-1] == "run-finished"
    assert errors.splitlines()[-1].endswith("nothing diverged")


def test_with_another_folder_the_line_to_replay_names_the_file(command: CommandLine) -> None:
    _, out, _ = command("run", FORGETFUL, *QUICK, "--findings", "kept here")

    (file,) = Store(Path("kept here")).paths()
    assert f"\n    stressor replay '{file}'\n" in out


def test_without_shrinking_the_trace_stays_long(command: CommandLine) -> None:
    command("run", FORGETFUL, *QUICK, "--no-shrink")

    (finding,) = Store().all()
    assert len(finding.trace) == finding.found_in > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["devcies"], "no such file or folder: devcies; did you mean devices?"),
        (["devices/counter.py::Conter"], "no Conter in devices/counter.py; did you mean Counter?"),
        (["--seed", "x"], "--seed: a seed is a whole number from 0 up to 2**64 - 1, not 'x'"),
        (["--for", "soon"], "--for: a duration is a number and a unit"),
        (["--oracle", "load-restore"], "--oracle: there is no 'load-restore', did you mean"),
        (["--reset-mode", "hot"], "--reset-mode: there is no 'hot'"),
        (["qemu:e1000", "--reset-mode", "poison"], "qemu:e1000 can do none of the chosen reset modes; it has in-place"),
        (["--sed", "1"], "No such option '--sed'"),
        (
            ["--json", "missing/folder/x"],
            "--json missing/folder/x: No such file or directory; name a file",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line_and_exit_code_2(
    command: CommandLine, arguments: list[str], message: str
) -> None:
    code, out, errors = command("run", *arguments)

    assert code == 2
    assert out == ""
    assert errors.startswith("stressor: error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_an_unknown_key_of_the_configuration_is_exit_code_2(command: CommandLine) -> None:
    (command.folder / "pyproject.toml").write_text("[tool.stressor]\ncycels = 5")

    code, _, errors = command("run")

    assert (code, "did you mean 'cycles'?" in errors) == (2, True)


def test_the_traceback_is_there_for_those_who_ask(command: CommandLine) -> None:
    _, _, errors = command("run", "-v", "devcies")

    assert errors.startswith("Traceback (most recent call last):")
    assert errors.splitlines()[-1].startswith("stressor: error: no such file")


def test_a_folder_without_a_device_is_exit_code_4(command: CommandLine) -> None:
    (command.folder / "empty").mkdir()

    code, _, errors = command("run", "empty")

    assert code == 4
    assert errors.startswith("stressor: error: no device in empty")


def test_a_device_that_cannot_be_made_is_exit_code_3(command: CommandLine) -> None:
    file = command.folder / "devices" / "counter.py"
    file.write_text(file.read_text().replace("self.reset()", "1 / 0"))

    code, _, errors = command("run")

    assert code == 3
    assert "devices/counter.py:20: a new device cannot be made: ZeroDivisionError" in errors


def test_what_breaks_while_it_runs_names_the_line_and_with_v_shows_the_traceback(command: CommandLine) -> None:
    file = command.folder / "devices" / "counter.py"
    text = file.read_text().replace("    def __init__", "    made = 0\n\n    def __init__", 1)
    file.write_text(text.replace("self.reset()", 'self.reset()\n        Counter.made += 1\n        if Counter.made > 3:\n            json.loads("{")', 1).replace("import hypo", "import json\n\nimport hypo", 1))
    line = file.read_text().splitlines().index('            json.loads("{")') + 1
    said = f"\nbroke: counter: devices/counter.py:{line}: JSONDecodeError: "

    code, out, _ = command("run", "devices/counter.py::Counter", *QUICK)
    _, verbose, _ = command("run", "devices/counter.py::Counter", *QUICK, "-v")

    assert (code, said in out, "Traceback" in out) == (3, True, False)
    assert "\nTraceback (most recent call last):\n" in verbose
    assert f'counter.py", line {line}, in __init__\n' in verbose
    assert said in verbose


def test_a_device_that_never_returns_is_a_finding(command: CommandLine) -> None:
    file = command.folder / "devices" / "counter.py"
    file.write_text(file.read_text().replace("self.count = value", "while value: pass"))

    code, out, _ = command("run", FORGETFUL, *QUICK, "--batch-timeout", "100ms")

    assert code == 1
    assert "hung" in out


def test_a_full_disk_loses_no_finding(command: CommandLine) -> None:
    with full_disk():
        code, out, errors = command("run", FORGETFUL, *QUICK)

    assert code == 3
    assert errors.startswith("stressor: error: .stressor/findings/F-")
    assert "the finding cannot be written: File too large; make room" in errors
    assert '"path": "counter/0.step"' in errors
    assert "\n    stressor run devices/counter.py::Counter --seed 1\n" in out
    assert out.splitlines()[-1].startswith("1 finding in 1 device")


def test_hypothesis_can_be_asked_to_draw(command: CommandLine) -> None:
    code, out, _ = command("run", FORGETFUL, "--seed", "1", "--cycles", "60", "--engine", "hypothesis")

    assert code == 1
    assert "counter/0.step" in out


def test_github_is_told_where_the_run_is_a_step_of_a_job(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(command.folder))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, errors = command("run", *QUICK)

    (finding,) = Store().all()
    notes = [line for line in out.splitlines() if line.startswith("::")]
    assert len(notes) == 1
    assert notes[0].startswith(f"::error file=devices/counter.py,line=13,title={finding.id} load-restores%3A")
    assert f"stressor replay {finding.id}\n```" in summary.read_text()
    assert (code, errors) == (1, "")


def test_a_summary_that_cannot_be_written_breaks_the_run(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere" / "summary.md"))
    code, _, errors = command("run", WHOLE, *QUICK)

    assert code == 3
    assert errors.startswith("stressor: error: GITHUB_STEP_SUMMARY: cannot be written: No such file")
