"""`stressor audit`: would a run have noticed?"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from stressor.audit.mutant import Loss, Mutant
from stressor.cli.common import Session, configured, print_error, profile_option, verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.cli.interruption import Interruption
from stressor.errors import StressorError, UsageError
from stressor.loop.plain import section_of

__all__ = ["audit"]

_EQUIVALENT = "audit.toml"
_CYCLES = 2_000
_QEMU_CYCLES = 100
_LOSSES = [str(loss) for loss in Loss]


@click.command(
    "audit",
    epilog="Exit codes: 0 enough was noticed, 1 too little was, 2 usage, 3 a target broke, or nothing "
    "at all was noticed, 4 nothing ran, 130 interrupted.",
)
@click.argument("targets", nargs=-1)
@click.option("--seed", metavar="N", help="What everything drawn derives from (default: 1).")
@click.option("--cycles", metavar="N", help="Cycles a loss (default 2000; of a QEMU device 100).")
@click.option(
    "--loss", "losses", multiple=True, type=click.Choice(_LOSSES), metavar="KIND",
    help=f"How fields are lost; repeatable (default: all of {', '.join(_LOSSES)}).",
)  # fmt: skip
@click.option(
    "--section", "sections", multiple=True, metavar="NAME",
    help="Lose fields of these sections only, such as serial or serial/0; repeatable.",
)  # fmt: skip
@click.option(
    "--equivalent", "equivalent", metavar="FILE",
    help="A TOML file of losses that make no difference, each with its reason (default: audit.toml, "
    "here and beside the devices).",
)  # fmt: skip
@click.option(
    "--require", type=click.FloatRange(0, 100), default=100.0, metavar="PERCENT",
    help="How much has to be noticed of what is not equivalent (default 100).",
)  # fmt: skip
@profile_option
@verbose_option
@click.pass_obj
def audit(
    session: Session,
    targets: tuple[str, ...],
    seed: str | None,
    cycles: str | None,
    losses: tuple[str, ...],
    sections: tuple[str, ...],
    equivalent: str | None,
    require: float,
    profile: str | None,
) -> int:
    """Lose every field of TARGETS, one at a time and in several ways; tell which losses a run notices.

    A device is changed in memory alone; of a QEMU device, fields are lost in the stream. With -v every loss
    is a line.
    """
    configuration = configured(targets=targets, seed=seed or "1", cycles=cycles, profile=profile)
    # Imported late: they load hypothesis.
    from stressor.audit.audit import Audit, Outcome
    from stressor.audit.audit import audit as outcomes_of
    from stressor.audit.equivalent import read_equivalents
    from stressor.audit.hunt import Hunter
    from stressor.loop.runs_itself import RunsItself
    from stressor.report.audit import audit_lines, counts, verdict
    from stressor.targets.loader import find_models

    files = [Path(equivalent)] if equivalent is not None else _beside(configuration.targets)
    entries = [entry for file in files for entry in read_equivalents(file)]
    everything: list[Outcome] = []
    seen: set[str] = set()

    def chosen(mutant: Mutant) -> bool:
        section = section_of(mutant.field)
        seen.add(section)
        return not sections or _is_asked_for(section, sections)

    broken = interrupted = False
    with Interruption() as interruption:
        for target in find_models(_narrowed(configuration.targets, sections)):
            if interruption.requested():
                break
            if isinstance(target, RunsItself):
                raise UsageError(f"{target.name} runs by itself, and nothing can be lost of it")
            begun, own = None, list[Outcome]()
            usual = _QEMU_CYCLES if target.specification.startswith("qemu:") else _CYCLES
            hunter = Hunter(
                configuration.seed, configuration.cycles if cycles and configuration.cycles else usual,
                configuration.oracles, configuration.reset_modes, configuration.batch_timeout,
                interruption.requested,
            )  # fmt: skip
            try:
                for event in outcomes_of(
                    target, hunter, equivalents=entries,
                    losses=[Loss(loss) for loss in losses] or tuple(Loss),
                    chosen=chosen,
                ):  # fmt: skip
                    if isinstance(event, Audit):
                        begun = event
                    else:
                        own.append(event)
            except StressorError as error:
                broken = True
                print_error(error, verbose=session.verbose)
            finally:
                target.close()
            if begun is not None:
                click.echo("\n".join(audit_lines(begun, own, whole=session.verbose)) + "\n")
            everything += own
        interrupted = interruption.requested()
    if sections and seen and not any(_is_asked_for(section, sections) for section in seen):
        raise UsageError(f"no section is called {' or '.join(sections)}; there are {', '.join(sorted(seen)[:12])}")
    click.echo(verdict(everything))
    lost, noticed, _ = counts(everything)
    if interrupted:
        return ExitCode.INTERRUPTED
    if broken or (lost and not noticed):
        return ExitCode.BROKEN
    if not lost:
        return ExitCode.NOTHING_RAN
    return ExitCode.CLEAN if 100 * noticed >= require * lost else ExitCode.FINDINGS


def _beside(targets: Sequence[str]) -> list[Path]:
    """Return the files of equivalents that are there: in this folder, and in those of the devices."""
    devices = [Path(target.partition("::")[0]) for target in targets]
    folders = [Path(), *(device if device.is_dir() else device.parent for device in devices)]
    files = (folder / _EQUIVALENT for folder in folders)
    return list({file.resolve(): file for file in files if file.is_file()}.values())


def _is_asked_for(section: str, sections: Sequence[str]) -> bool:
    """Return whether a section is one of those, by its name: with the instance or without, and with the address that
    QEMU puts in front or without."""
    label, _, instance = section.rpartition("/")
    name = label.rpartition("/")[2]
    return any(fnmatchcase(each, pattern) for each in (section, label, name, f"{name}/{instance}") for pattern in sections)


def _narrowed(targets: Sequence[str], sections: Sequence[str]) -> list[str]:
    """Have a QEMU machine driven where the sections are, as its other regions would take the time."""
    from stressor.targets.qemu.specification import PREFIX, parse_specification, written

    regions = [f"{name.partition('/')[0]}*" for name in sections]
    return [
        written(target, regions, (), ())
        if sections and target.startswith(PREFIX) and parse_specification(target).device is None
        and not parse_specification(target).regions
        else target
        for target in targets
    ]  # fmt: skip
