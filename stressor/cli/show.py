"""`stressor show`: one finding, as text or as a test."""

from __future__ import annotations

import click

from stressor.cli.common import (
    configured,
    findings_option,
    operations_of,
    stored_file,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode
from stressor.findings.record import read
from stressor.findings.store import Store
from stressor.report.block import failure_block
from stressor.report.python_file import standalone

__all__ = ["show"]


@click.command("show")
@click.argument("what", metavar="ID|FILE")
@click.option(
    "--python", is_flag=True, help="Print a pytest file that fails until the finding is fixed."
)
@findings_option
@verbose_option
def show(what: str, python: bool, findings: str | None) -> int:
    """Print a finding, with every step of its trace."""
    store = Store(configured(findings=findings).findings)
    finding = read(stored_file(what, store))
    operations = operations_of(finding)
    if python:
        click.echo(standalone(finding, failure_block(finding, operations)), nl=False)
    else:
        click.echo(failure_block(finding, operations, whole=True), nl=False)
    return ExitCode.CLEAN
