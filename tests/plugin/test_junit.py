"""JUnit XML: seed and replay line in the text, and nothing that a strict reader refuses."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.plugin.crashing import add_crashing
from tests.plugin.found import store_finding
from tests.plugin.junit import strict

EXPLORED = ("--stressor", "devices/forgetful.py", "-k", "load-restores or load-is-silent", "--stressor-seed", "1")


def test_seed_and_replay_line_are_in_the_text(project: pytest.Pytester) -> None:
    project.runpytest(*EXPLORED, "--junitxml=report.xml")

    failure = strict(project.path / "report.xml").find(".//failure")
    assert failure is not None
    assert "Explored with --stressor-seed 1" in (failure.text or "")
    assert "    stressor replay F-6981e976" in (failure.text or "")
    assert (failure.get("message") or "").startswith("first, second: never saved (F-")
    assert "\n" not in (failure.get("message") or "")


@pytest.mark.slow
def test_workers_report_alike(project: pytest.Pytester) -> None:
    project.runpytest_subprocess(*EXPLORED, "-n", "2", "--junitxml=report.xml")

    root = strict(project.path / "report.xml")
    assert {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")} == {
        "load-restores": ["failure"], "load-is-silent": [],
    }  # fmt: skip
    assert "    stressor replay F-6981e976" in (root.find(".//failure").text or "")  # type: ignore[union-attr]


def test_what_a_device_says_breaks_no_reader(project: pytest.Pytester) -> None:
    add_crashing(project)
    file = project.path / "devices" / "crashing.py"
    file.write_text(file.read_text().replace("        limit", "        print('\\x00\\x1b[31m')\n        limit"))
    store_finding(project, "devices/crashing.py", "runs-alone", 255)

    project.runpytest("--stressor-replay", "F-41c22bd6", "--junitxml=report.xml", "-o", "junit_logging=all")

    root = strict(project.path / "report.xml")
    assert "too much: \\x1b[31m \\x00" in (root.find(".//failure").text or "")  # type: ignore[union-attr]
    assert "#x00#x1B[31m" in (root.find(".//system-out").text or "")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        '<testsuite name="a" tests="1" failures="0" errors="0"><case/></testsuite>',
        '<testsuite name="a" tests="1" failures="0"/>',
        '<testsuite name="a" tests="1" failures="0" errors="0" time="soon"/>',
        "<testsuites>\x01</testsuites>",
    ],
)
def test_the_strict_reader_is_strict(tmp_path: Path, text: str) -> None:
    file = tmp_path / "report.xml"
    file.write_text(text)

    with pytest.raises((AssertionError, KeyError, ElementTree.ParseError)):
        strict(file)
