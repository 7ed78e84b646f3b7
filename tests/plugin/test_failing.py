"""What a failed stress test shows: the block, frames of a device that raised, and nothing of ours."""

from __future__ import annotations

import re

import pytest

from tests.plugin.crashing import add_crashing
from tests.plugin.found import store_finding

EXPLORED = ("--stressor", "devices/forgetful.py", "-k", "load-restores", "--stressor-seed", "1")
LOST = ("--stressor-replay", "F-6981e976")
CRASHED = ("--stressor-replay", "F-41c22bd6")
NOISE = r"Traceback|collection\.py|failing\.py|/_pytest/|Falsifying|reproduce_failure|StressFailure"
BLOCK = ["*F-6981e976*seed*", "*first divergence   forgetful/0.first", "    stressor replay F-6981e976"]


@pytest.fixture
def lost(project: pytest.Pytester) -> pytest.Pytester:
    """Return the project with a finding: a field that is never saved."""
    store_finding(project, "devices/forgetful.py", "load-restores", 1)
    return project


@pytest.fixture
def crashed(project: pytest.Pytester) -> pytest.Pytester:
    """Return the project with a finding: a device that raises."""
    add_crashing(project)
    store_finding(project, "devices/crashing.py", "runs-alone", 255)
    return project


@pytest.mark.parametrize(
    "style", ["--tb=auto", "--tb=long", "--tb=short", "--tb=native", "-l", "-q", "-v", "--color=yes"]
)
def test_the_block_and_nothing_else_is_shown(lost: pytest.Pytester, style: str) -> None:
    result = lost.runpytest(*LOST, style)

    result.stdout.fnmatch_lines(BLOCK)
    assert re.findall(NOISE, str(result.stdout) + str(result.stderr)) == []


def test_a_line_names_the_findings_at_the_device(lost: pytest.Pytester) -> None:
    result = lost.runpytest(*LOST, "--tb=line")

    place = "*devices?forgetful.py:6: "
    result.stdout.fnmatch_lines([f"{place}first: never saved (F-6981e976)"])
    result.stdout.no_fnmatch_line("*first divergence*")


def test_without_tracebacks_the_summary_still_names_the_findings(project: pytest.Pytester) -> None:
    result = project.runpytest(*EXPLORED, "--tb=no")

    result.stdout.no_fnmatch_line("*first divergence*")
    result.stdout.fnmatch_lines(
        ["    stressor replay F-*", "FAILED devices/forgetful.py::forgetful::load-restores - first, second: never*"]
    )


def test_a_full_trace_shows_the_stack_and_the_block(lost: pytest.Pytester) -> None:
    result = lost.runpytest(*LOST, "--full-trace")

    result.stdout.fnmatch_lines(["*failing.py:*", *BLOCK])


def test_how_it_was_explored_is_said(project: pytest.Pytester) -> None:
    seeded = project.runpytest(*EXPLORED)
    left_to_hypothesis = project.runpytest(*EXPLORED[:4], "--hypothesis-seed", "5")

    seeded.stdout.fnmatch_lines(["Explored with --stressor-seed 1"])
    left_to_hypothesis.stdout.fnmatch_lines(["Explored with --hypothesis-seed 5"])


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("--tb=long", "    def _check(self, value):"),
        ("--tb=short", "devices?crashing.py:* in _check"),
        ("--tb=native", '  File "*crashing.py", line *, in _check'),
        ("-l", "limit * = 254"),
    ],
)
def test_a_device_that_raised_is_shown_with_its_own_frames(
    crashed: pytest.Pytester, style: str, shown: str
) -> None:
    result = crashed.runpytest(*CRASHED, style)

    result.stdout.fnmatch_lines_random(["*F-*: what the device raised*", shown, "*ValueError: too much: *"])
    assert re.findall(NOISE.replace("Traceback|", ""), str(result.stdout)) == []


def test_what_a_device_raised_is_escaped(crashed: pytest.Pytester) -> None:
    result = crashed.runpytest(*CRASHED)

    assert not set(str(result.stdout)) & {"\x1b", "\0"}
    result.stdout.fnmatch_lines(["E *ValueError: too much: \\x1b[[]31m \\x00"])


def test_a_hung_device_is_shown_where_it_hangs(crashed: pytest.Pytester) -> None:
    file = crashed.path / "devices" / "crashing.py"
    file.write_text(re.sub(r"raise ValueError.*", "while True: pass", file.read_text()))
    crashed.makepyprojecttoml("[tool.stressor]\nbatch-timeout = 0.5\n")

    result = crashed.runpytest(*CRASHED, "--tb=short")

    result.stdout.fnmatch_lines(["*F-*: what the device raised*", "devices?crashing.py:* in _check"])
    result.stdout.no_fnmatch_line("*watchdog.py*")


def test_a_finding_that_is_run_again_is_shown_as_it_is_now(lost: pytest.Pytester) -> None:
    file = lost.path / "devices" / "forgetful.py"
    file.write_text(file.read_text().replace("self.kept = 0", "self.kept = 9  # now"))

    result = lost.runpytest(*LOST)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*after load       9*"])
    result.stdout.no_fnmatch_line("Explored with*")
