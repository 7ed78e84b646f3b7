"""Stress tests on GitHub: annotations once, from the controller, and the job's summary."""

from __future__ import annotations

from pathlib import Path

import pytest

EXPLORED = ("--stressor", "devices/", "-k", "forgetful and load-restores or silent", "--stressor-seed", "1")
NOTES = [
    "::error file=devices/forgetful.py,line=6,title=F-5c15e3b2 load-restores%3A never saved"
    "::forgetful/0.second (no saved field carries it)%0Aseed 1: stressor replay F-5c15e3b2",
    "::error file=devices/forgetful.py,line=6,title=F-6981e976 load-restores%3A never saved"
    "::forgetful/0.first (no saved field carries it)%0Aseed 1: stressor replay F-6981e976",
]


@pytest.fixture
def summary(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the job's summary, to which an earlier step wrote already."""
    file = project.path / "summary.md"
    file.write_text("# Earlier\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    return file


def notes(result: pytest.RunResult) -> list[str]:
    """Return the annotations that a run printed."""
    return [line for line in (*result.outlines, *result.errlines) if line.startswith("::")]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_each_finding_is_annotated_once(
    project: pytest.Pytester, summary: Path, workers: tuple[str, ...]
) -> None:
    result = project.runpytest_subprocess(*EXPLORED, *workers)

    assert notes(result) == NOTES
    text = summary.read_text()
    assert text.startswith("# Earlier\n## Stressor: 2 findings in 1 device\n\nSeed 1\n\n| device |")
    assert "\n| sound | " in text
    assert text.count("stressor replay F-") == 2


def test_a_crash_is_annotated_where_it_raised(project: pytest.Pytester, summary: Path) -> None:
    file = project.path / "devices" / "sound.py"
    file.write_text(file.read_text().replace("        setattr(", "        assert value < 255\n        setattr("))
    line = file.read_text().splitlines().index("        assert value < 255") + 1

    result = project.runpytest("--stressor", "devices/sound.py", "-k", "runs-alone", "--stressor-seed", "1")

    assert notes(result)[0].startswith(f"::error file=devices/sound.py,line={line},title=F-")


def test_elsewhere_nothing_is_said(
    project: pytest.Pytester, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")

    result = project.runpytest(*EXPLORED)

    assert notes(result) == []
    assert summary.read_text() == "# Earlier\n"


def test_a_summary_that_cannot_be_written_is_no_failure(
    project: pytest.Pytester, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "nowhere" / "summary.md"))

    result = project.runpytest("--stressor", "devices/sound.py", "-k", "silent")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["problem: the job's summary cannot be written: No such file*"])
