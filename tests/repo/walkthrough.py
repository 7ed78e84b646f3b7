"""A page of documentation as something that can be walked through: files, changes to them, and commands.

Below `<!-- alarm.py -->` stands a file, or as `diff` a change to it: what its lines that begin with a
blank or `-` say must be there once. `console` has commands behind `$`, each with what it prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import stressor

__all__ = ["Command", "Page", "change", "steady"]

_FENCE = re.compile(
    r"^(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
_COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_PROGRAMS = {"stressor": ["-m", "stressor"], "pytest": ["-m", "pytest"]}


@dataclass(frozen=True)
class Command:
    """A command of a page, and what the page says that it prints."""

    line: str
    shown: str

    def run(self, folder: Path) -> str:
        """Return what it prints, run in `folder`."""
        program, *arguments = shlex.split(self.line)
        done = subprocess.run(
            [sys.executable, *_PROGRAMS[program], *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            cwd=folder, env=_environment(), check=False, timeout=300,
        )  # fmt: skip
        return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE)


def _environment() -> dict[str, str]:
    """Return that of a new user: a terminal of 80 columns, and nothing of the run that tests this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GITHUB_"))}
    roots = [str(Path(stressor.__file__).parents[1]), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(roots), "NO_COLOR": "1", "COLUMNS": "80"}


@dataclass(frozen=True)
class Page:
    """A page; `walk` makes its files in a folder, one step after another."""

    text: str

    def walk(self, folder: Path) -> Iterator[Command]:
        """Yield each command when everything before it is done. Raises AssertionError for a change that does not fit."""
        for fence in _FENCE.finditer(self.text):
            name, language, body = fence.groups()
            if language == "console":
                for command in _COMMAND.finditer(body):
                    yield Command(command[1], command[2])
            elif language == "diff":
                file = folder / name
                file.write_text(change(file.read_text(encoding="utf-8"), body), encoding="utf-8")
            elif name:
                (folder / name).write_text(body, encoding="utf-8")

    def recorded(self, printed: Sequence[str]) -> str:
        """Return the page's text, with what its commands printed in their order."""
        outputs = iter(printed)

        def console(fence: re.Match[str]) -> str:
            if fence["language"] != "console":
                return fence[0]
            return _COMMAND.sub(lambda command: f"$ {command[1]}\n{next(outputs)}", fence[0])

        return _FENCE.sub(console, self.text)


def change(text: str, difference: str) -> str:
    """Return a file's text with a difference applied to it."""
    lines = [line if line.strip() else " \n" for line in difference.splitlines(keepends=True)]
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(old) == 1, f"to be changed, but there {text.count(old)} times:\n{old}"
    return text.replace(old, new)


def steady(text: str) -> str:
    """Replace durations, seeds, and the counts of how the search got there: another version of Hypothesis
    draws otherwise, and ends at the same finding."""
    text = re.sub(r"\d+(\.\d+)? ?(ms|s)\b", "#", text)
    text = re.sub(r"seed(:? +)\d+", r"seed\1#", text)
    return re.sub(r"(cycle|shrunk) [\d,]+|[\d,]+ (?=operations|cycles)", "#", text)
