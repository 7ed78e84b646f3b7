"""`stressor findings`: what soaks found, what is accepted of it, and what can go."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from stressor.cli.common import (
    Session,
    configured,
    findings_option,
    journal_option,
    operations_of,
    print_error,
    profile_option,
    store_of,
    stored_file,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode
from stressor.config import Configuration
from stressor.errors import StressorError, UsageError
from stressor.findings.record import read
from stressor.loop.finding import Finding
from stressor.report.block import failure_block
from stressor.report.text import WIDTH, clean, counted, middle
from stressor.soak.history import FindingHistory, FindingStatus, History
from stressor.soak.journal import Journal
from stressor.soak.known import accept, read_known

__all__ = ["findings"]

_KNOWN = click.option("--known", metavar="FILE", help="The findings that are accepted (default known.toml).")


@click.group("findings")
def findings() -> None:
    """What soaks found: list it, show it, accept it, or let go of what is fixed."""


@findings.command("list")
@click.argument("targets", nargs=-1)
@journal_option
@_KNOWN
@profile_option
@verbose_option
def list_findings(targets: tuple[str, ...], journal: str | None, known: str | None, profile: str | None) -> int:
    """List the findings of the journal: new, open, not replaying, gone, known; of TARGETS by name only."""
    history = _history(configured(journal=journal, known=known, profile=profile))
    named = [one for one in history.findings if not targets or one.finding.target in targets]
    for status in FindingStatus:
        for one in named:
            if one.status is status:
                click.echo(_row(one))
    counts = [(sum(one.status is status for one in named), str(status)) for status in FindingStatus]
    said = ", ".join(f"{count} {status}" for count, status in counts if count)
    click.echo(f"{counted(len(named), 'finding')}{': ' if said else ''}{said}")
    return ExitCode.CLEAN


@findings.command("show")
@click.argument("what", metavar="ID")
@journal_option
@_KNOWN
@profile_option
@verbose_option
def show_finding(what: str, journal: str | None, known: str | None, profile: str | None) -> int:
    """Print a finding of the journal with every step of its trace, and what became of it."""
    one = _one(_history(configured(journal=journal, known=known, profile=profile)), what)
    finding = one.finding
    click.echo(failure_block(finding, operations_of(finding), whole=True), nl=False)
    sessions = f"session {one.first_session}"
    if one.last_session != one.first_session:
        sessions += f", last in session {one.last_session}"
    click.echo(f"\n{one.status}: seen {counted(one.sightings, 'time')}, first in {sessions}")
    if one.reason:
        click.echo(f"accepted on {one.date}: {clean(one.reason)}")
    return ExitCode.CLEAN


@findings.command("known")
@click.argument("what", metavar="ID|FILE")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is accepted.")
@_KNOWN
@findings_option
@profile_option
@verbose_option
def accept_finding(
    what: str, reason: str, known: str | None, findings: str | None, profile: str | None
) -> int:
    """Accept a finding: write it into known.toml, with a reason and the date.

    It is still replayed and counted, and makes no soak fail.
    """
    configuration = configured(known=known, findings=findings, profile=profile)
    finding = read(stored_file(what, store_of(configuration)))
    if accept(configuration.known, finding, reason, datetime.date.today()):
        click.echo(f"{finding.id}  is known from now on: {configuration.known}")
    else:
        click.echo(f"{finding.id}  is in {configuration.known} already; edit it there")
    return ExitCode.CLEAN


@findings.command("prune")
@click.option("--dry-run", is_flag=True, help="Replay, and remove nothing.")
@journal_option
@_KNOWN
@findings_option
@profile_option
@click.option("--batch-timeout", metavar="TIME", help="How long one batch of operations may take (default 5s).")
@verbose_option
@click.pass_obj
def prune(
    session: Session,
    dry_run: bool,
    journal: str | None,
    known: str | None,
    findings: str | None,
    profile: str | None,
    batch_timeout: str | None,
) -> int:
    """Replay every finding of the journal, and remove those that are fixed, with their files."""
    configuration = configured(
        journal=journal, known=known, findings=findings, profile=profile, batch_timeout=batch_timeout
    )
    store = store_of(configuration)
    accepted = read_known(configuration.known)
    removed = 0
    with Journal(configuration.journal, writing=True) as book:
        for one in book.history(accepted).findings:
            finding = one.finding
            try:
                fixed = one.status is not FindingStatus.NOT_REPLAYING and _is_fixed(finding, configuration)
            except StressorError as error:
                print_error(error, verbose=session.verbose)
                continue
            if not fixed:
                continue
            removed += 1
            cure = f"; take it out of {configuration.known}" if finding.id in accepted else ""
            click.echo(f"{finding.id}  fixed  {clean(finding.target)}  {clean(finding.divergence.first.path)}{cure}")
            if not dry_run:
                book.remove(finding.id)
                store.remove(finding)
    done = "would be removed" if dry_run else "removed"
    click.echo(f"{counted(removed, 'finding')} {done}")
    return ExitCode.CLEAN


def _history(configuration: Configuration) -> History:
    with Journal(configuration.journal) as journal:
        return journal.history(read_known(configuration.known))


def _one(history: History, prefix: str) -> FindingHistory:
    wanted = "F-" + prefix.strip().lower().removeprefix("f-")
    found = [one for one in history.findings if one.finding.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{prefix} is ambiguous: {', '.join(one.finding.id for one in found[:5])}; give more digits")
    raise UsageError(f"no finding {prefix} in the journal; `stressor findings list` names all")


def _is_fixed(finding: Finding, configuration: Configuration) -> bool:
    from stressor.search.replay import replay  # imports hypothesis
    from stressor.targets.loader import find_models

    (model, *_) = find_models([finding.specification], Path())
    try:
        return replay(finding, model, configuration.batch_timeout) is None
    finally:
        model.close()


def _row(one: FindingHistory) -> str:
    finding = one.finding
    start = f"{finding.id}  {one.status:<13}  {one.sightings:>4}x  {finding.divergence.cause}  "
    return start + middle(clean(f"{finding.target}  {finding.divergence.first.path}"), max(24, WIDTH - len(start)))
