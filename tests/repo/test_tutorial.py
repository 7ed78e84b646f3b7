"""The tutorial is walked through as it stands; `STRESSOR_REWRITE=1` records what its commands print."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.repo.project import ROOT
from tests.repo.walkthrough import Page, change, steady

TUTORIAL = ROOT / "docs/tutorial/index.md"


@pytest.mark.slow
def test_every_command_of_the_tutorial_prints_what_is_shown(tmp_path: Path) -> None:
    page = Page(TUTORIAL.read_text(encoding="utf-8"))

    printed = [command.run(tmp_path) for command in page.walk(tmp_path)]
    recorded = page.recorded(printed)

    if os.environ.get("STRESSOR_REWRITE"):
        TUTORIAL.write_text(recorded, encoding="utf-8")
    assert steady(recorded) == steady(TUTORIAL.read_text(encoding="utf-8"))


def test_a_page_is_walked_through_in_its_order(tmp_path: Path) -> None:
    page = Page(
        "<!-- a.py -->\n```python\nx = 1\n```\n<!-- a.py -->\n```diff\n-x = 1\n+x = 2\n```\n"
        "```console\n$ stressor --version\nshown\n```\n"
    )

    (command,) = page.walk(tmp_path)

    assert (tmp_path / "a.py").read_text() == "x = 2\n"
    assert command.shown == "shown\n"
    assert command.run(tmp_path).startswith("stressor")
    assert "$ stressor --version\nanother\n```" in page.recorded(["another\n"])


def test_a_change_that_does_not_fit_is_no_step() -> None:
    with pytest.raises(AssertionError, match="there 0 times"):
        change("x = 1\n", "-x = 3\n+x = 2\n")
