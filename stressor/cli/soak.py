"""`stressor soak`: campaigns on all targets, for hours."""

from __future__ import annotations

import click

from stressor.cli.common import (
    Session,
    configured,
    findings_option,
    journal_option,
    profile_option,
    verbose_option,
)
from stressor.cli.interruption import Interruption
from stressor.config import parse_duration
from stressor.errors import UsageError

__all__ = ["soak"]


@click.command(
    "soak",
    epilog="Exit codes: 0 nothing but known findings, 1 findings that are not in known.toml, 2 usage or configuration, "
    "3 a target, the journal or the harness broke, 4 nothing ran, 130 interrupted.",
)
@click.argument("targets", nargs=-1)
@click.option("--for", "for_", metavar="TIME", help="How long, such as 30m, 8h (default: until Ctrl-C).")
@click.option("--jobs", metavar="N", help="How many jobs run at a time (default: as many as there are cores).")
@click.option("--cluster", metavar="ADDRESS", help="Run the jobs on a Dask cluster, such as tcp://scheduler:8786.")
@click.option("--resume", is_flag=True, help="Go on with the last soak of the journal: its targets, seed and time.")
@click.option("--stop-when-quiet", "quiet", metavar="TIME", help="End when nothing new was seen for so long.")
@click.option("--max-findings", type=click.IntRange(min=1), metavar="N", help="End after so many new findings.")
@click.option("--seed", metavar="N", help="What everything drawn derives from (default: a random one).")
@click.option(
    "--reset-mode", "reset_modes", multiple=True, metavar="MODE",
    help="What stands between save and load; repeatable (default: all).",
)
@click.option(
    "--oracle", "oracles", multiple=True, metavar="NAME", help="What must hold; repeatable (default: all).",
)
@journal_option
@click.option("--known", metavar="FILE", help="The findings that are accepted (default known.toml).")
@findings_option
@profile_option
@click.option("--batch-timeout", metavar="TIME", help="How long one batch of operations may take (default 5s).")
@verbose_option
@click.pass_obj
def soak(
    session: Session,
    targets: tuple[str, ...],
    for_: str | None,
    jobs: str | None,
    cluster: str | None,
    resume: bool,
    quiet: str | None,
    max_findings: int | None,
    seed: str | None,
    reset_modes: tuple[str, ...],
    oracles: tuple[str, ...],
    journal: str | None,
    known: str | None,
    findings: str | None,
    profile: str | None,
    batch_timeout: str | None,
) -> int:
    """Stress TARGETS (default: those of the configuration) until Ctrl-C, or for a time.

    Time goes where it pays. Everything is kept in a journal; killed at any moment, a soak goes on with
    --resume. Accepted findings are in known.toml, see `stressor findings`.
    """
    if resume and (targets or seed or reset_modes or oracles):
        raise UsageError("--resume goes on with the targets, the seed and the settings of the last soak; leave them out")
    configuration = configured(
        targets=targets, for_=for_, jobs=jobs, seed=seed, reset_modes=reset_modes, oracles=oracles, journal=journal,
        known=known, findings=findings, profile=profile, batch_timeout=batch_timeout,
    )  # fmt: skip
    from stressor.cli.soaking import Soaking  # loads hypothesis

    with Interruption() as interruption:
        return Soaking(session, configuration, interruption, quiet=_seconds(quiet), max_findings=max_findings).run(
            resume=resume, cluster=cluster
        )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--stop-when-quiet: {error}, not {text!r}") from None
