"""What the README shows is what the program prints; `STRESSOR_REWRITE=1` records it anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stressor
from tests.repo.project import ROOT
from tests.repo.walkthrough import steady

README = ROOT / "README.md"
WRITING = ROOT / "docs/writing-a-device.md"


def shown(page: str, name: str) -> str:
    """Return the code between the markers `name:start` and `name:end` of a Markdown page."""
    found = re.search(rf"<!-- {name}:start -->\n```\w*\n(.*?)```\n<!-- {name}:end -->", page, re.DOTALL)
    assert found, f"the README has no part {name}"
    return found[1]


def check(name: str, printed: str, file: Path = README) -> None:
    """Compare a part of a page with what was printed, or record it."""
    page = file.read_text(encoding="utf-8")
    if os.environ.get("STRESSOR_REWRITE"):
        start = page.index(shown(page, name), page.index(f"<!-- {name}:start -->"))
        page = page[:start] + printed + page[start + len(shown(page, name)) :]
        file.write_text(page, encoding="utf-8")

    assert steady(printed) == steady(shown(page, name))


def stressor_run(folder: Path, *arguments: str) -> str:
    """Run `stressor run` in a folder; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "stressor", "run", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(stressor.__file__).parents[1]), "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def block_in(printed: str) -> str:
    """Return the first failure block of what a run printed."""
    found = re.search(r"^_+ .*? _+\n.*?Reproduce with:\n\n.*?\n", printed, re.DOTALL | re.MULTILINE)
    assert found, printed
    return found[0]


def test_the_first_device_runs_and_prints_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "alarm.py").write_text(shown(README.read_text(encoding="utf-8"), "first-device"))

    printed = stressor_run(tmp_path, "alarm.py", "--seed", "7")

    check("first-run", printed)


def test_the_failure_block_is_one_that_a_run_prints(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "devices", tmp_path / "devices")
    shutil.copytree(ROOT / "tests/museum", tmp_path / "tests/museum")

    bounds = ("--seed", "1", "--cycles", "1000", "--reset-mode", "fresh")

    printed = stressor_run(tmp_path, "tests/museum/forgetful.py::ForgetsFifos", *bounds)

    check("block", block_in(printed))


def test_the_adapted_class_runs_and_its_bug_is_named_as_shown(tmp_path: Path) -> None:
    (tmp_path / "mailbox.py").write_text(shown(WRITING.read_text(encoding="utf-8"), "adapted"))

    printed = stressor_run(tmp_path, "mailbox.py", "--seed", "1")

    check("adapted-block", block_in(printed), WRITING)


def test_a_stale_recording_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRESSOR_REWRITE", raising=False)

    with pytest.raises(AssertionError):
        check("block", "another block\n")
