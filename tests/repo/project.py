"""The project's own files, as the house rules see them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.repo.rules import Source

__all__ = ["ROOT", "python_sources", "text_files"]

ROOT = Path(__file__).resolve().parents[2]

_FOLDERS = ("stressor", "devices", "tests", "benchmarks", "docs", "changelog.d", ".ci")
_ENDINGS = {".py", ".md", ".toml", ".ini", ".txt", ".json", ".html", ".cfg", ".yml", ""}


@cache
def text_files() -> tuple[Source, ...]:
    """Every file of the project that is text, in a stable order."""
    paths = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    for folder in _FOLDERS:
        paths += (ROOT / folder).rglob("*")
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(paths)
        if path.is_file()
        and path.suffix in _ENDINGS
        and not path.name.startswith(".coverage")
        and not {"__pycache__", ".stressor", ".hypothesis"} & set(path.parts)
    )


@cache
def python_sources() -> tuple[Source, ...]:
    """Every Python file of the project."""
    return tuple(source for source in text_files() if source.path.endswith(".py"))
