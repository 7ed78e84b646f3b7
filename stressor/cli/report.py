"""`stressor report`: what the soaks of a journal found, as a page or as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import click

from stressor.cli.common import (
    configured,
    journal_option,
    operations_of,
    profile_option,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode
from stressor.errors import NotInstalledError, RecordError, UsageError
from stressor.findings.store import write_atomically
from stressor.loop.finding import Finding
from stressor.loop.operations import OperationType
from stressor.report.block import failure_block
from stressor.report.soak_summary import soak_summary
from stressor.report.soak_verdict import since, verdict
from stressor.soak.history import History
from stressor.soak.journal import Journal
from stressor.soak.known import read_known

__all__ = ["report"]

Operations: TypeAlias = Callable[[Finding], Sequence[OperationType]]


@click.command("report")
@click.option(
    "--since", "since_", metavar="last|N",
    help="Tell of the last session alone, or of session N and all later ones.",
)
@click.option("--html", metavar="FILE", help="Write one page with everything, to be read in a browser.")
@journal_option
@click.option("--known", metavar="FILE", help="The findings that are accepted (default known.toml).")
@profile_option
@verbose_option
def report(
    since_: str | None, html: str | None, journal: str | None, known: str | None, profile: str | None
) -> int:
    """Tell what the soaks of a journal came to: new, open, gone and known findings, and what was reached.

    Prints Markdown, for the summary of a job; with --html alone it writes the page, and one line.
    """
    configuration = configured(journal=journal, known=known, profile=profile)
    accepted = read_known(configuration.known)
    with Journal(configuration.journal) as opened:
        history = opened.history(accepted)
    shown = history if since_ is None else since(history, _session(since_, history))
    operations = _operations()
    if html is not None:
        _write(Path(html), history, operations)
    if html is None or since_ is not None:
        click.echo(soak_summary(shown, lambda finding: failure_block(finding, operations(finding))), nl=False)
    else:
        click.echo(f"{html}: {verdict(history)}")
    return ExitCode.CLEAN if history.sessions else ExitCode.NOTHING_RAN


def _session(given: str, history: History) -> int:
    last = history.sessions[-1].number if history.sessions else 0
    if given == "last":
        return last
    if not given.isdecimal() or not 1 <= int(given) <= last:
        raise UsageError(f"--since: there is no session {given}; say last" + (f", or 1 to {last}" if last else ""))
    return int(given)


def _write(file: Path, history: History, operations: Operations) -> None:
    try:
        from stressor.report.html.page import render_page
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"--html: needs the package {error.name}; install jinja2 (the extra `report`)"
        ) from error
    try:
        write_atomically(file, render_page(history, operations).encode())
    except OSError as error:
        raise RecordError(
            str(file), f"the page cannot be written: {error.strerror or error}", "name another file with --html"
        ) from error


def _operations() -> Operations:
    """Return what names the steps of findings; each target is loaded once."""
    found: dict[str, Sequence[OperationType]] = {}

    def of(finding: Finding) -> Sequence[OperationType]:
        if finding.specification not in found:
            found[finding.specification] = operations_of(finding)
        return found[finding.specification]

    return of
