from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CommandLine

PROJECT = """
[tool.stressor]
seed = 7
findings = "found"

[tool.stressor.profiles.nightly]
for = "1h"
oracles = ["load-restores", "resumes-alike", "reset-is-fresh", "refuses-damage"]

[tool.stressor.profiles.mine]
cycles = 12
"""


@pytest.fixture(autouse=True)
def _project(command: CommandLine) -> None:
    (command.folder / "pyproject.toml").write_text(PROJECT)


def test_each_value_and_where_it_came_from(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRESSOR_RESET_MODES", "fresh,poison")

    code = command("config").code

    command.stored("config.txt", command.raw("config"))
    assert code == 0


def test_a_profile_shows_what_it_changes(command: CommandLine) -> None:
    command.stored("config-nightly.txt", command.raw("config", "--profile", "nightly"))


def test_a_project_without_a_file_says_so(command: CommandLine) -> None:
    (command.folder / "pyproject.toml").unlink()

    lines = command.raw("config").splitlines()

    assert lines[0] == "file      none: no pyproject.toml here or above has [tool.stressor]"
    assert "seed              default  a new one each time" in lines


def test_the_settings_as_json(command: CommandLine) -> None:
    found = json.loads(command.raw("config", "--json", "--profile", "mine"))

    assert (found["file"], found["profiles"]) == (
        "pyproject.toml", ["default", "quick", "nightly", "mine"]
    )  # fmt: skip
    assert found["settings"]["cycles"] == {"value": 12, "source": "pyproject.toml [profiles.mine]"}
    assert found["settings"]["seed"] == {"value": 7, "source": "pyproject.toml"}
    assert found["settings"]["for"] == {"value": None, "source": "default"}


def test_a_run_takes_what_the_profile_says(command: CommandLine) -> None:
    code, out, _ = command("run", "devices/counter.py::Whole", "--profile", "mine")

    assert code == 0
    assert "  ran            12 cycles" in out
    assert "pyproject.toml [profiles.mine]" in out


def test_a_replay_takes_what_the_profile_says(command: CommandLine) -> None:
    with (command.folder / "pyproject.toml").open("a") as file:
        file.write('findings = "elsewhere"\n')
    _, out, _ = command("run", "devices/counter.py::Counter", "--profile", "mine", "--cycles", "200")
    (line,) = [line for line in out.splitlines() if "stressor replay" in line]

    (stored,) = (command.folder / "elsewhere").iterdir()

    assert line.split()[-1] == f"elsewhere/{stored.name}"  # that way it needs no profile
    assert command("replay", stored.stem, "--profile", "mine").out.startswith("FAILED")
    assert command("replay", stored.stem).code == 2


@pytest.mark.parametrize("verb", [("run",), ("replay", "F-1"), ("config",)])
def test_an_unknown_profile_is_refused(command: CommandLine, verb: tuple[str, ...]) -> None:
    code, out, errors = command(*verb, "--profile", "mien")

    assert (code, out) == (2, "")
    assert errors == (
        "stressor: error: --profile: there is no profile 'mien', did you mean 'mine'? "
        "(profiles: default, quick, nightly, mine)\n"
    )
