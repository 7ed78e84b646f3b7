"""`stressor show`: one finding, as text or as a test."""

from __future__ import annotations

import click

from stressor.cli.common import (
    configured,
    findings_option,
    operations_of,
    store_of,
    stored_file,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode
from stressor.errors import UsageError
from stressor.findings.record import read
from stressor.loop.finding import Finding
from stressor.report.block import failure_block
from stressor.report.python_file import standalone
from stressor.targets.qemu.specification import PREFIX

__all__ = ["show"]


@click.command("show")
@click.argument("what", metavar="ID|FILE")
@click.option(
    "--python", is_flag=True, help="Print a pytest file that fails until the finding is fixed."
)
@click.option(
    "--qtest", is_flag=True, help="Print the lines for QEMU's qtest, of a finding on a qemu: target."
)
@findings_option
@verbose_option
def show(what: str, python: bool, qtest: bool, findings: str | None) -> int:
    """Print a finding, with every step of its trace."""
    finding = read(stored_file(what, store_of(configured(findings=findings))))
    if qtest:
        click.echo(_qtest(finding), nl=False)
        return ExitCode.CLEAN
    operations = operations_of(finding)
    if python:
        click.echo(standalone(finding, failure_block(finding, operations)), nl=False)
    else:
        click.echo(failure_block(finding, operations, whole=True), nl=False)
    return ExitCode.CLEAN


def _qtest(finding: Finding) -> str:
    if not finding.specification.startswith(PREFIX):
        raise UsageError(f"{finding.id} is no finding on a qemu: target; use --python")
    from stressor.targets.loader import find_models
    from stressor.targets.qemu.lines import qtest_lines
    from stressor.targets.qemu.model import QemuModel

    (model,) = find_models([finding.specification])
    assert isinstance(model, QemuModel)
    try:
        return qtest_lines(model, finding.trace)
    finally:
        model.close()
