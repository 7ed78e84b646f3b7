"""`stressor inspect`: what a stream holds, and how two of them differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from itertools import islice
from typing import cast

import click

from stressor.cli.common import use_live, verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.errors import StreamError, UsageError
from stressor.report.inspection import comparison_text, stream_text
from stressor.report.inspection_json import comparison_json, stream_json
from stressor.report.reading import ReadingBar
from stressor.report.text import clean
from stressor.vmstate.stream import DeviceSection, Opened, Stream, compare_streams, read_stream

__all__ = ["inspect"]

_LINES = 1000
"""Lines printed at once."""


@click.command("inspect")
@click.argument("before", metavar="FILE")
@click.argument("after", metavar="[OTHER]", required=False)
@click.option(
    "--section",
    "sections",
    metavar="NAME",
    multiple=True,
    help="Only sections of this name, or name/instance; * and ? stand for others. Repeatable.",
)
@click.option("--snapshot", metavar="NAME", help="The snapshot in a qcow2 image, by name or id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@verbose_option
def inspect(
    before: str, after: str | None, sections: tuple[str, ...], snapshot: str | None, as_json: bool
) -> int:
    """Print every section and field of a QEMU stream, or how two of them differ.

    FILE is what a migration to a file wrote, a qcow2 image with an internal snapshot, or - for
    standard input. With OTHER, the exit code is 0 when both are equal and 1 when they are not.
    """
    if before == after == "-":
        raise UsageError("both streams are standard input; give a file for one of them")
    left = _read(before, snapshot)
    selected = _selection(sections)
    if after is None:
        _must_find(sections, selected, [left])
        if as_json:
            click.echo(stream_json(left, selected), nl=False)
        else:
            _print(stream_text(left, selected))
        return ExitCode.CLEAN
    right = _read(after, snapshot)
    _must_find(sections, selected, [left, right])
    comparison = compare_streams(left, right, selected)
    if as_json:
        click.echo(comparison_json(left, right, comparison), nl=False)
    else:
        _print(comparison_text(left, right, comparison))
    return ExitCode.CLEAN if comparison.equal else ExitCode.FINDINGS


def _read(name: str, snapshot: str | None) -> Stream:
    bar = ReadingBar(sys.stderr, name) if use_live(sys.stderr) else None
    try:
        return read_stream(
            cast(Opened, sys.stdin.buffer) if name == "-" else name,
            snapshot=snapshot,
            progress=None if bar is None else bar.show,
        )
    except StreamError as error:
        raise StreamError(f"{name}: {error.path}", error.offset, error.problem) from error
    finally:
        if bar is not None:
            bar.stop()


def _selection(patterns: tuple[str, ...]) -> Callable[[DeviceSection], bool] | None:
    """Return what tells whether a section is asked for; None when all are."""
    if not patterns:
        return None

    def selected(section: DeviceSection) -> bool:
        names = (section.name, f"{section.name}/{section.instance}", section.label)
        return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

    return selected


def _must_find(
    patterns: tuple[str, ...],
    selected: Callable[[DeviceSection], bool] | None,
    streams: Iterable[Stream],
) -> None:
    """Raise UsageError when no section is left."""
    if selected is None:
        return
    parts = [part for stream in streams for part in stream.sections]
    if not any(selected(part) for part in parts):
        there = ", ".join(clean(part.label) for part in parts[:8])
        more = ", ..." if len(parts) > 8 else ""
        raise UsageError(
            f"no section is called {' or '.join(map(clean, patterns))}; there are {there}{more}"
        )


def _print(lines: Iterable[str]) -> None:
    lines = iter(lines)
    while chunk := list(islice(lines, _LINES)):
        click.echo("\n".join(chunk))
