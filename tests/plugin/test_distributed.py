"""Stress tests on workers: what they find and did is known where the run was started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stressor.findings.store import Store
from tests.plugin.conftest import FORGETFUL

LOST = ("--stressor=devices/forgetful.py", "-k", "load-restores or load-is-silent", "--stressor-seed", "3")
IDENTITIES = ["F-5c15e3b2", "F-6981e976"]


def stored(folder: Path) -> list[dict[str, Any]]:
    """Return the findings stored in a project, but for how long it took to find them."""
    found = [json.loads(file.read_bytes()) for file in Store(folder / ".stressor" / "findings").paths()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in found]


def section(text: str) -> list[str]:
    """Return the lines of the section `stressor`."""
    return re.split(r"\n=+ [^\n]*=+\n", text.partition(" stressor ==")[2])[0].splitlines()[1:]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the findings and the section of a run without workers."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "devices").mkdir()
    (folder / "devices" / "forgetful.py").write_text(FORGETFUL)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(
        "from hypothesis import settings\n"
        "settings.register_profile('few', max_examples=4, deadline=None)\nsettings.load_profile('few')\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *LOST]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return stored(folder), section(done.stdout)


def test_without_workers_the_section_says_what_was_done_and_found(
    alone: tuple[list[dict[str, Any]], list[str]],
) -> None:
    findings, lines = alone

    assert [finding["id"] for finding in findings] == IDENTITIES
    assert re.fullmatch(
        r"forgetful  [\d,]+ cycles, [\d,]+ operations, 1 of 1 field exercised, 2 findings", lines[0]
    )
    assert lines[1] == "stressor seed: 3, profile: default"
    assert lines[2:] == [
        "", "F-5c15e3b2  never saved  forgetful/0.second", "    stressor replay F-5c15e3b2",
        "", "F-6981e976  never saved  forgetful/0.first", "    stressor replay F-6981e976",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers", ["-n 1", "-n 2", "-n 3", "-n 2 --dist worksteal", "-n 2 --dist loadgroup", "-n 2 --dist load"]
)
def test_a_seed_gives_the_same_with_any_number_of_workers(
    project: pytest.Pytester, alone: tuple[list[dict[str, Any]], list[str]], workers: str
) -> None:
    result = project.runpytest_subprocess(*LOST, *workers.split())

    assert (stored(project.path), section(str(result.stdout))) == alone


@pytest.mark.slow
def test_what_each_of_two_workers_finds_is_shown_once(
    project: pytest.Pytester, alone: tuple[list[dict[str, Any]], list[str]]
) -> None:
    result = project.runpytest_subprocess(*LOST, "--dist=each", "--tx=2*popen")

    result.assert_outcomes(failed=2, passed=2)
    assert stored(project.path) == alone[0]
    assert section(str(result.stdout))[1:] == alone[1][1:]


@pytest.mark.slow
@pytest.mark.parametrize("copied", ["devices", "."])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_worker_elsewhere_sends_what_it_found(project: pytest.Pytester, copied: str) -> None:
    elsewhere = project.mkdir("elsewhere")
    folder = (project.path / copied).resolve()
    device = project.path / "devices" / "forgetful.py"

    result = project.runpytest_subprocess(
        "--dist=load", f"--tx=popen//python={sys.executable}//chdir={elsewhere}", f"--rsyncdir={folder}",
        "--rsyncignore=elsewhere", "--stressor", str(device), *LOST[1:],
    )  # fmt: skip
    again = project.runpytest("--stressor-replay", IDENTITIES[0])
    text = FORGETFUL.replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))')
    device.write_text(text)
    fixed = project.runpytest("--stressor-replay", IDENTITIES[0])

    assert (elsewhere / folder.name).is_dir()
    assert [line.split()[0] for line in section(str(result.stdout)) if line.startswith("F-")] == IDENTITIES
    assert [(record["id"], record["specification"]) for record in stored(project.path)] == [
        (identity, "devices/forgetful.py::Forgetful") for identity in IDENTITIES
    ]
    again.assert_outcomes(failed=1)
    fixed.assert_outcomes(passed=1)


def test_all_works_without_xdist(project: pytest.Pytester) -> None:
    result = project.runpytest("-p", "no:xdist", "-p", "no:xdist.looponfail", *LOST)

    assert [line.split()[0] for line in section(str(result.stdout)) if line.startswith("F-")] == IDENTITIES


def test_a_session_without_stress_tests_has_no_section(project: pytest.Pytester) -> None:
    project.makepyfile("def test_other(): pass")

    project.runpytest().stdout.no_fnmatch_line("*= stressor =*")
