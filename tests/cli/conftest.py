from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import stressor
from stressor.cli import main
from tests.stored import assert_stored

HERE = Path(__file__).parent


class Result(NamedTuple):
    """What a command did. `out` has the times, counts and random seeds of a run as N."""

    code: int
    out: str
    errors: str


class CommandLine:
    """The command line in a project of its own, which holds `devices/counter.py`."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *arguments: str) -> Result:
        """Run it in this process."""
        self._capture.readouterr()
        code = main(arguments)
        out, errors = self._capture.readouterr()
        return Result(code, normalised(out), errors)

    def start(
        self,
        *arguments: str,
        stdout: int = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start it as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "stressor", *arguments],
            cwd=self.folder,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **(environment or {})},
        )

    def raw(self, *arguments: str) -> str:
        """Return what it prints, as it is."""
        self._capture.readouterr()
        main(arguments)
        return self._capture.readouterr().out

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a process that imports the Stressor under test."""
        return {**os.environ, "PYTHONPATH": str(Path(stressor.__file__).parent.parent)}

    def stored(self, name: str, out: str) -> None:
        """Compare whole output with the stored text."""
        assert max(map(len, out.splitlines())) <= 80
        assert_stored(HERE / name, out)


def normalised(out: str) -> str:
    out = re.sub(r"\b\d+(?:\.\d+)? (?:s|min|h)\b", "N s", out)
    out = re.sub(r"(\(| in )\d+ ms\b", r"\1N s", out)  # other milliseconds are a device's own
    out = re.sub(r"\b[\d,]+ (operations?)\b", r"N \1", out)
    out = re.sub(r"\bcycle \d+( of|:| \()", r"cycle N\1", out)
    return re.sub(r"\bshrunk \d+ ->", "shrunk N ->", out)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    (tmp_path / "devices").mkdir()
    shutil.copy(HERE / "devices" / "counter.py", tmp_path / "devices")
    (tmp_path / "pyproject.toml").write_text("[tool.stressor]\n")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("STRESSOR_", "NO_COLOR"))]:
        if name != "STRESSOR_REWRITE":
            monkeypatch.delenv(name)
    return CommandLine(tmp_path, capsys)
