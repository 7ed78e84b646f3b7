"""The repository's own promises: commands, versions, links, and what the wheel holds."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

import stressor
from tests.repo.project import ROOT, text_files
from tests.repo.rules import Source

RUN_LINE = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/stressor run devices"
TEST_LINE = "python3 -m venv .venv && .venv/bin/pip install -q tox && .venv/bin/tox"

installed_only = pytest.mark.skipif(
    "STRESSOR_TEST_INSTALLED" not in os.environ, reason="needs the installed wheel; run tox"
)


def commands(script: str) -> list[str]:
    """Return the lines of a shell script, or of a Markdown page's code, that are commands."""
    lines = (line.strip() for line in script.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def broken_links(source: Source, existing: Iterable[str]) -> list[str]:
    """Return the relative links of a Markdown page that lead nowhere."""
    there = set(existing)
    folder = Path(source.path).parent
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", source.text):
        target = link.split("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        path = os.path.normpath(folder / target)
        if path not in there and not any(name.startswith(f"{path}/") for name in there):
            broken.append(f"{source.path}: {link}")
    return broken


def foreign_files(names: Iterable[str]) -> list[str]:
    """Return the installed files that are neither the package, its metadata nor its command."""
    own = re.compile(r"stressor/|stressor-[\d.a-z]+\.dist-info/|(\.\./)*(bin|Scripts)/stressor(\.exe)?$")
    return [name for name in names if not own.match(name)]


def missing_fragment_parts(name: str) -> str | None:
    """Return what is wrong with the name of a changelog fragment, or None."""
    if re.fullmatch(r"(\d+|\+[a-z-]+)\.(added|changed|fixed|removed)(\.\d+)?\.md", name):
        return None
    return f"{name} is not <issue>.<kind>.md"


def test_the_readme_has_the_two_lines() -> None:
    lines = commands((ROOT / "README.md").read_text())

    assert lines.count(RUN_LINE) == 1
    assert lines.count(TEST_LINE) == 1


def test_continuous_integration_ends_with_the_readmes_second_line() -> None:
    script = commands((ROOT / ".ci/run").read_text())

    assert script[-1] == TEST_LINE


def test_continuous_integration_is_executable() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_comments_are_no_commands() -> None:
    assert commands(f"# {TEST_LINE}\n\n    true\n") == ["true"]


def test_the_version_is_stated_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == stressor.__version__


def test_every_link_leads_somewhere() -> None:
    existing = {source.path for source in text_files()}
    pages = [source for source in text_files() if source.path.endswith(".md")]

    assert [link for page in pages for link in broken_links(page, existing)] == []


def test_a_broken_link_is_seen() -> None:
    page = Source("docs/page.md", "[a](gone.md) [b](../README.md#top) [c](https://example.org/x)")

    assert broken_links(page, ["README.md"]) == ["docs/page.md: gone.md"]


def test_every_fragment_of_the_changelog_has_a_kind() -> None:
    names = [path.name for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]

    assert [missing_fragment_parts(name) for name in names] == [None] * len(names)


@pytest.mark.parametrize("name", ["2.md", "two.added.md", "2.addded.md"])
def test_a_fragment_without_a_kind_is_seen(name: str) -> None:
    assert missing_fragment_parts(name) is not None


@installed_only
def test_the_wheel_is_what_is_tested() -> None:
    assert Path(stressor.__file__).is_relative_to(sys.prefix)


@installed_only
def test_the_wheel_holds_the_package_and_its_types_and_nothing_else() -> None:
    names = [path.as_posix() for path in importlib.metadata.files("stressor") or ()]

    assert "stressor/py.typed" in names
    assert foreign_files(names) == []


def test_a_foreign_file_is_seen() -> None:
    own = ["stressor/device.py", "stressor-0.1.0.dist-info/RECORD", "../../../bin/stressor"]

    assert foreign_files([*own, "devices/uart16550.py"]) == ["devices/uart16550.py"]
