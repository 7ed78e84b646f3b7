"""What GitHub is told: workflow commands and Markdown, with everything escaped."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest

from stressor.loop.events import FindingFound, RunFinished, RunStarted, Statistics, TargetFinished
from stressor.loop.finding import Cause, Divergence, FieldChange, Finding, Oracle
from stressor.report.github import GitHub, GitHubReport, Place, place_of, summary

CHANGE = FieldChange("uart/0.fifo", 1, 0)
FINDING = Finding("uart", "uart.py::Uart", 7, Divergence(Oracle.LOAD_RESTORES, Cause.NEVER_SAVED, CHANGE, 0), ())
RAN = Statistics({"fresh": 1200}, {"read": 3400}, {}, 5, 4)


def about(path: str, detail: str = "") -> Finding:
    """Return a finding about a field of any name."""
    change = dataclasses.replace(CHANGE, path=path)
    return dataclasses.replace(FINDING, divergence=dataclasses.replace(FINDING.divergence, first=change, detail=detail))


def test_it_is_github_only_where_github_says_so() -> None:
    assert GitHub.of({"GITHUB_ACTIONS": "false", "GITHUB_STEP_SUMMARY": "file"}) is None
    assert GitHub.of({"GITHUB_ACTIONS": "true"}) == GitHub(Path("."), None)


def test_an_annotation_lies_at_a_line_of_the_workspace(tmp_path: Path) -> None:
    line = GitHub(tmp_path, None).annotation(FINDING, Place(tmp_path / "devices" / "uart.py", 12), "7")

    assert line == (
        f"::error file=devices/uart.py,line=12,title={FINDING.id} load-restores%3A never saved"
        f"::uart/0.fifo%0Aseed 7: stressor replay {FINDING.id}"
    )


def test_properties_and_message_are_escaped_each_in_its_way(tmp_path: Path) -> None:
    finding = about("a:b,c%d", "one\r\ntwo\x1b[31m")

    line = GitHub(tmp_path, None).annotation(finding, Place(tmp_path / "a:b,c%d.py", None), "7")

    assert line.startswith("::error file=a%3Ab%2Cc%25d.py,title=")
    assert "::a:b,c%25d (one" in line
    assert not {"\r", "\n", "\x1b"} & set(line)


def test_a_command_in_a_name_of_a_target_stays_text(tmp_path: Path) -> None:
    line = GitHub(tmp_path, None).annotation(about("x\n::set-output name=a::b"), Place(tmp_path / "a.py", 1), "7")

    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("uart.py:12", 12),
        ("uart.py:23 in _write", 23),
        ("other.py:23 in _write", None),
        ("gone.py:12", None),
        ("uart.py", None),
        (None, None),
    ],
)
def test_a_place_is_one_that_is_there(tmp_path: Path, declared: str | None, expected: int | None) -> None:
    device = tmp_path / "uart.py"
    device.touch()

    assert place_of(declared, tmp_path, device) == (None if expected is None else Place(device, expected))


def test_a_summary_has_the_devices_and_the_blocks() -> None:
    text = summary({"uart": RAN}, [(FINDING, "the block\n")], "7")

    assert text == (
        "## Stressor: 1 finding in 1 device\n\nSeed 7\n\n"
        "| device | cycles | operations | fields exercised | findings |\n|---|---:|---:|---:|---:|\n"
        "| uart | 1,200 | 3,400 | 4 of 5 | 1 |\n\n"
        f"### {FINDING.id} uart/0.fifo: never saved\n\n```text\nthe block\n```\n"
    )


def test_a_clean_run_says_so() -> None:
    assert summary({"uart": RAN}, [], "7").startswith("## Stressor: nothing diverged\n")


def test_too_little_is_said_where_it_was() -> None:
    text = summary({"uart": RAN}, [], "7", ["uart"])

    assert text.startswith("## Stressor: nothing diverged; too little of 1 device was exercised\n")
    assert "| 4 of 5, too few |" in text


def test_markdown_of_a_target_stays_text() -> None:
    text = summary({"a|b<script>": RAN}, [(about("[x](y)`z`"), "```\n</details>\n````")], "7")

    assert "| a\\|b\\<script\\> |" in text
    assert "\\[x\\]\\(y\\)\\`z\\`: never saved" in text
    assert "\n`````text\n```\n</details>\n````\n`````\n" in text


def test_a_summary_is_bounded() -> None:
    many = [(FINDING, "x" * 60_000)] * 49
    text = summary({f"device {number}": RAN for number in range(10_000)}, many, "7")

    assert len(text.encode()) < 600_000
    assert "9,500 devices more." in text
    assert text.endswith("\nThe rest is too long to be shown here.\n")


def test_a_run_is_told_at_its_end(tmp_path: Path) -> None:
    stream, file = io.StringIO(), tmp_path / "summary.md"
    report = GitHubReport(
        GitHub(tmp_path, file), stream, lambda finding: Place(tmp_path / "uart.py", 3), lambda finding: "the block"
    )

    report.handle(RunStarted("1", 9, ("uart",), (), (), ""))
    report.handle(FindingFound(FINDING))
    report.handle(TargetFinished("uart", RAN, 1))
    before = stream.getvalue()
    report.handle(RunFinished(1200, 3400, (FINDING.id,), (), 1.0))

    assert before == ""
    assert stream.getvalue().startswith("::error file=uart.py,line=3,title=F-")
    assert file.read_text() == summary({"uart": RAN}, [(FINDING, "the block")], "9")
