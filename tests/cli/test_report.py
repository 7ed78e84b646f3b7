"""What is told of a journal that a real soak wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stressor.cli.exit_code import ExitCode
from stressor.soak.journal import Journal
from tests.cli.conftest import CommandLine


def test_a_night_is_told_as_markdown_and_as_a_page(command: CommandLine) -> None:
    command("soak", "devices/counter.py::Counter", "--for", "1s", "--jobs", "1", "--seed", "1")
    told = command("report", "--since", "last")
    written = command("report", "--html", "night/report.html")
    page = (command.folder / "night" / "report.html").read_text(encoding="utf-8")

    assert told.code == written.code == ExitCode.CLEAN
    assert told.out.startswith("## Stressor: 1 new finding\n")
    assert "| counter | counter/0.step | never saved |" in told.out
    assert "1 of 1 field left the reset value" in told.out
    assert "`stressor replay F-45ef4b54`" in told.out
    assert "write  step 0x00" in told.out
    assert written.out == "night/report.html: 1 new finding\n"
    assert "write  step 0x00" in page


def test_the_page_and_the_summary_are_had_in_one_go(command: CommandLine) -> None:
    empty_journal(command)
    result = command("report", "--since", "last", "--html", "report.html")

    assert result.out == "## Stressor: nothing ran: the journal holds no session\n\n"
    assert (command.folder / "report.html").exists()
    assert result.code == ExitCode.NOTHING_RAN


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--journal", "gone"], "gone: there is no such journal; `stressor soak` writes one; see --journal"),
        (["--since", "2"], "--since: there is no session 2; say last"),
        (["--since", "first"], "--since: there is no session first; say last"),
        (["--html", "devices"], "devices: the page cannot be written: Is a directory; name another file with --html"),
    ],
)
def test_what_cannot_be_told(command: CommandLine, arguments: list[str], problem: str) -> None:
    empty_journal(command)

    assert command("report", *arguments) == (ExitCode.USAGE, "", f"stressor: error: {problem}\n")


def test_a_page_needs_jinja(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_journal(command)
    for name in [name for name in sys.modules if name.startswith("stressor.report.html")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = command("report", "--html", "report.html")

    assert result.code == ExitCode.USAGE
    assert "--html: needs the package jinja2; install jinja2 (the extra `report`)" in result.errors


def empty_journal(command: CommandLine) -> None:
    """Make a journal of no session."""
    with Journal(command.folder / Path(".stressor/journal.sqlite"), writing=True):
        pass
