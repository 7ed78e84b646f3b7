"""`stressor promote`: keep findings beside their devices."""

from __future__ import annotations

from pathlib import Path

import click

from stressor.cli.common import configured, findings_option, store_of, stored_file, verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.findings.record import read
from stressor.findings.regressions import promote as copy

__all__ = ["promote"]


@click.command("promote")
@click.argument("what", nargs=-1, required=True, metavar="ID|FILE...")
@findings_option
@verbose_option
def promote(what: tuple[str, ...], findings: str | None) -> int:
    """Copy findings into the folder `regressions` beside their devices, to be committed.

    Later runs, and pytest, replay them before anything else. An ID may be any prefix that only one
    finding has.
    """
    store = store_of(configured(findings=findings))
    for file in [stored_file(name, store) for name in what]:
        finding = read(file)
        copied, new = copy(finding, Path())
        click.echo(f"{finding.id}  {'promoted to' if new else 'is in'} {copied}")
    return ExitCode.CLEAN
