"""`stressor replay`: run findings again."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import click

from stressor.cli.common import (
    Session,
    configured,
    findings_option,
    print_error,
    profile_option,
    store_of,
    stored_file,
    verbose_option,
)
from stressor.cli.exit_code import ExitCode
from stressor.config import Configuration
from stressor.errors import NoDeviceError, StressorError
from stressor.findings.record import read
from stressor.findings.store import Store
from stressor.loop.finding import Divergence, Finding
from stressor.report.block import failure_block
from stressor.report.text import clean, counted

__all__ = ["replay"]


@click.command(
    "replay",
    epilog="Exit codes: 0 all fixed, 1 any failed, 2 usage, 3 any error, 4 nothing to replay.",
)
@click.argument("what", nargs=-1, required=True, metavar="ID|FILE|DIR...")
@findings_option
@profile_option
@click.option(
    "--batch-timeout",
    metavar="TIME",
    help="How long one batch of operations may take (default 5s).",
)
@verbose_option
@click.pass_obj
def replay(
    session: Session,
    what: tuple[str, ...],
    findings: str | None,
    profile: str | None,
    batch_timeout: str | None,
) -> int:
    """Run the trace of each finding again; say FIXED, FAILED or ERROR.

    An ID may be any prefix that only one finding has.
    """
    configuration = configured(findings=findings, profile=profile, batch_timeout=batch_timeout)
    files = _files(what, store_of(configuration))
    results: Counter[str] = Counter()
    for file in files:
        if results["FAILED"]:
            click.echo()
        results[_replayed(file, configuration, session)] += 1
    if len(files) > 1:
        parts = [
            f"{results[word]} {word.lower()}"
            for word in ("FIXED", "FAILED", "ERROR")
            if results[word]
        ]
        click.echo(f"\n{counted(len(files), 'finding')}: {', '.join(parts)}")
    if results["ERROR"]:
        return ExitCode.BROKEN
    return ExitCode.FINDINGS if results["FAILED"] else ExitCode.CLEAN


def _files(what: tuple[str, ...], store: Store) -> list[Path]:
    files: dict[Path, None] = {}
    for name in what:
        path = Path(name)
        if path.is_dir():
            found = Store(path).paths()
            if not found:
                raise NoDeviceError(
                    f"no finding in {name}; give the folder that `stressor run` wrote to"
                )
            files.update(dict.fromkeys(found))
        else:
            files[stored_file(name, store)] = None
    return list(files)


def _replayed(file: Path, configuration: Configuration, session: Session) -> str:
    from stressor.search.replay import replay as diverges  # imports hypothesis
    from stressor.targets.loader import find_models

    try:
        finding = read(file)
        (model, *_) = find_models([finding.specification])
        divergence = diverges(finding, model, configuration.batch_timeout)
    except StressorError as error:
        click.echo(f"ERROR   {file.stem}")
        print_error(error, verbose=session.verbose)
        return "ERROR"
    line = f"{finding.id}  {clean(finding.target)}  {finding.divergence.cause}  {clean(finding.divergence.first.path)}"
    if divergence is None:
        click.echo(f"FIXED   {line}")
        return "FIXED"
    click.echo(f"FAILED  {line}{_otherwise(finding, divergence, model.name)}")
    again = dataclasses.replace(finding, divergence=divergence)
    click.echo(
        "\n"
        + failure_block(again, model.operations, replay=f"stressor replay {_name(finding, file, configuration)}"),
        nl=False,
    )
    return "FAILED"


def _otherwise(finding: Finding, divergence: Divergence, target: str) -> str:
    if divergence.fingerprint(target) == finding.fingerprint:
        return ""
    return "\n        not as it was found: what diverges now is another finding"


def _name(finding: Finding, file: Path, configuration: Configuration) -> str:
    stored = configuration.stores_by_id and file == configuration.findings / f"{finding.id}.json"
    return finding.id if stored else str(file)
