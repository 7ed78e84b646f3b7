"""`stressor list qemu`: which devices of a binary can be stressed, with what beside them, and which not."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from stressor.report.text import WIDTH, clean, counted
from stressor.targets.qemu.specification import PREFIX

if TYPE_CHECKING:
    from stressor.targets.qemu.inventory import Entry

__all__ = ["list_qemu"]


def list_qemu(specification: str, *, verbose: bool, as_json: bool) -> None:
    """Print one line for each target of `specification`, tried on a machine of its own.

    Raises UsageError and TargetError for a machine that is not there or does not start.
    """
    from stressor.targets.qemu.inventory import inventory  # needs qemu.qmp

    entries = []
    for entry in inventory(_swept(specification)):
        entries.append(entry)
        if as_json:
            click.echo(json.dumps(entry._asdict()))
    if not as_json:
        for line in _lines(entries, verbose):
            click.echo(line)


def _swept(text: str) -> str:
    """Return what was written as a sweep: `qemu` is all of it, `qemu:machine=q35` all of that."""
    front, equals, _ = text.removeprefix("qemu").removeprefix(":").partition(",")[0].partition("=")
    if not front:
        return f"{PREFIX}*"
    return text.replace(PREFIX, f"{PREFIX}*,", 1) if equals else text


def _lines(entries: Sequence[Entry], verbose: bool) -> Iterator[str]:
    good = [entry for entry in entries if not entry.reason]
    yield f"can be stressed ({len(good)})"
    column = min(36, max((len(entry.name) for entry in good), default=0) + 2)
    for entry in good:
        beside = ", ".join(entry.companions)
        what = f"{counted(entry.regions, 'region')}{f'; with {beside}' if beside else ''}"
        yield from _row(entry.name, what, column)
    for reason in dict.fromkeys(entry.reason for entry in entries if entry.reason):
        those = [entry for entry in entries if entry.reason == reason]
        yield ""
        yield f"{clean(reason)} ({len(those)})"
        if verbose:
            for entry in those:
                yield from _row(entry.name, entry.problem, 6)
        else:
            yield from _wrapped(", ".join(clean(entry.name) for entry in those), "  ", "  ")
    if len(good) < len(entries) and not verbose:
        yield ""
        yield "-v says why, in QEMU's words"


def _row(name: str, text: str, column: int) -> list[str]:
    start = f"  {clean(name):<{column}}"
    if not start.endswith(" "):  # the name is too long to stand beside anything
        return [start.rstrip(), *_wrapped(clean(text), " " * (column + 2), " " * (column + 2))]
    return _wrapped(start + clean(text), "", " " * (column + 2)) or [start.rstrip()]


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others,
        break_long_words=False, break_on_hyphens=False, drop_whitespace=True,
    )  # fmt: skip
