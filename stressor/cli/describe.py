"""`stressor describe`: state descriptions as JSON."""

from __future__ import annotations

import click

from stressor.cli.common import verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.errors import UsageError
from stressor.report.text import clean

__all__ = ["describe"]


@click.command("describe", epilog="Exit codes: 0 printed, 2 usage, 3 a device broke, 4 no device.")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@verbose_option
def describe(targets: tuple[str, ...]) -> int:
    """Print the state descriptions of TARGETs as JSON, in the shape of QEMU's -dump-vmstate.

    A TARGET is a file, a folder, FILE::Class or package.module:Class. Keep the output of each
    release: `stressor check` says whether its states still load.
    """
    from stressor.targets.loader import find_models
    from stressor.targets.model import Model
    from stressor.vmstate.dump import Dump, dump_of, encode_dump

    devices = {}
    for model in find_models(targets):
        if not isinstance(model, Model):
            left_out = f"stressor: {model.name} is left out: ask the binary, with -dump-vmstate"
            click.echo(clean(left_out), err=True)
        elif model.description is None:
            left_out = f"stressor: {model.name} is left out: it is adapted, and has no description"
            click.echo(clean(left_out), err=True)
        else:
            devices[model.name] = dump_of(model.description, model.name)
    if not devices:
        raise UsageError("none of these has a state description; give a subclass of Device")
    click.echo(encode_dump(Dump("", devices)), nl=False)
    return ExitCode.CLEAN
