"""What the page about nights tells to be run is there to be run."""

from __future__ import annotations

import re

import click
import pytest

from stressor.cli.application import stressor
from tests.repo.project import ROOT

PAGE = "docs/nightly.md"


def commands(text: str) -> list[list[str]]:
    """Return the words of each `stressor VERB ...` in a page's code."""
    code = [line.partition(" # ")[0] for line in text.splitlines() if line.startswith(" ") or "Exec" in line]
    found = [match[1] for line in code for match in re.finditer(r"\bstressor ((?:soak|report|replay|run) .*?)(?:;|>>|$)", line)]
    return [words.split() for words in found]


def unknown_options(words: list[str]) -> list[str]:
    """Return the options that a verb does not have."""
    context = click.Context(stressor)
    verb = stressor.get_command(context, words[0])
    assert verb is not None
    there = {option for parameter in verb.params for option in parameter.opts}
    return [word for word in words[1:] if word.startswith("--") and word not in there]


def test_every_command_of_a_night_has_its_options() -> None:
    found = commands((ROOT / PAGE).read_text(encoding="utf-8"))

    assert len(found) >= 7
    assert [unknown_options(words) for words in found] == [[]] * len(found)


@pytest.mark.parametrize("line", ["        run: stressor soak --fore 5h", "ExecStart=%h/bin/stressor report --htm x"])
def test_an_option_that_is_not_there_is_seen(line: str) -> None:
    (words,) = commands(line)

    assert unknown_options(words) == [words[1]]
