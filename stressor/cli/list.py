"""`stressor list`: devices, oracles, reset modes and findings."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from stressor.cli.common import Session, configured, findings_option, verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.cli.list_qemu import list_qemu
from stressor.config import Configuration, Origin
from stressor.errors import StressorError, UsageError
from stressor.findings.record import read
from stressor.findings.regressions import folders_near
from stressor.findings.store import Store
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.report.text import WIDTH, clean
from stressor.targets.qemu.specification import PREFIX

__all__ = ["list_all"]

_MODES = {
    ResetMode.IN_PLACE: "the device's own reset, on the same object",
    ResetMode.FRESH: "a new instance",
    ResetMode.POISON: "reset, then every field gets a value that it does not have",
    ResetMode.DONOR: "another instance that was driven by other operations, then reset",
}


@click.command("list")
@click.argument("targets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Of qemu: print a JSON object a line.")
@findings_option
@verbose_option
@click.pass_obj
def list_all(
    session: Session, targets: tuple[str, ...], as_json: bool, findings: str | None
) -> int:
    """List the devices of TARGETS (default: devices), oracles, reset modes and findings.

    Of qemu, qemu:machine=MACHINE or qemu:PATTERN: which devices of the binary, or which regions of
    the board, can be stressed, and what keeps the others from it. Each is tried.
    """
    ours = [target for target in targets if f"{target}:".startswith(PREFIX)]
    if ours or as_json:
        if len(targets) != 1:
            raise UsageError("list takes one qemu: target, alone; write `stressor list qemu`")
        if not ours:
            raise UsageError("--json is of `stressor list qemu`")
        list_qemu(ours[0], verbose=session.verbose, as_json=as_json)
        return ExitCode.CLEAN
    configuration = configured(targets=targets, findings=findings)
    _print("devices", _devices(configuration))
    _print("oracles", [(str(oracle), oracle.holds) for oracle in Oracle])
    _print("reset modes", [(str(mode), _MODES[mode]) for mode in ResetMode])
    _print(f"findings in {configuration.findings}", _findings(Store(configuration.findings)))
    for folder in folders_near(configuration.targets, Path()):
        if Store(folder).paths():
            _print(f"promoted in {folder}", _findings(Store(folder)))
    return ExitCode.CLEAN


def _devices(configuration: Configuration) -> Iterator[tuple[str, str]]:
    from stressor.targets.loader import find_models  # imports hypothesis with the devices

    given = configuration.settings["targets"].origin is Origin.OPTION
    try:
        for model in find_models(configuration.targets):
            yield model.name, model.specification
    except StressorError as error:
        if given:
            raise
        yield "none", str(error)


def _findings(store: Store) -> Iterator[tuple[str, str]]:
    for file in store.paths():
        try:
            finding = read(file)
        except StressorError as error:
            yield file.stem, str(error)
        else:
            divergence = finding.divergence
            yield finding.id, f"{finding.target}  {divergence.first.path}  {divergence.cause}"


def _print(title: str, rows: Iterable[tuple[str, str]]) -> None:
    found = [(clean(name), clean(text)) for name, text in rows] or [("none", "")]
    column = min(30, max(len(name) for name, _ in found) + 4)
    if title != "devices":
        click.echo()
    click.echo(title)
    for name, text in found:
        lines = textwrap.wrap(
            text,
            WIDTH - column,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        click.echo(f"  {name:<{column - 2}}{lines[0] if lines else ''}".rstrip())
        for line in lines[1:]:
            click.echo(" " * column + line)
