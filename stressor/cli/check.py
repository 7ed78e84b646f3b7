"""`stressor check`: would a state saved by one version load in another, and back?"""

from __future__ import annotations

import click

from stressor.cli.common import Session, verbose_option
from stressor.cli.exit_code import ExitCode

__all__ = ["check"]


@click.command(
    "check",
    epilog="Exit codes: 0 nothing breaks in the directions asked for, 1 something does, 2 usage, "
    "3 a file that is no dump.",
)
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
@click.option(
    "--direction",
    type=click.Choice(["both", "forward", "backward"]),
    default="both",
    show_default=True,
    help="Forward is from old to new.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
@click.option(
    "--ignore", metavar="FILE", help="A TOML file of accepted differences, each with its reason."
)
@verbose_option
@click.pass_obj
def check(
    session: Session, old: str, new: str, direction: str, as_json: bool, ignore: str | None
) -> int:
    """Compare two dumps of state descriptions.

    A dump is what `qemu-system-... -M MACHINE -dump-vmstate FILE` writes, or `stressor describe`.
    With -v, differences that load are listed as well.
    """
    from stressor.report.check import Checked, check_json, check_text
    from stressor.vmstate.check import Direction, check_dumps
    from stressor.vmstate.check.accepted import read_accepted, sort_out
    from stressor.vmstate.dump import read_dump

    accepted = [] if ignore is None else read_accepted(ignore)
    comparison = check_dumps(read_dump(old), read_dump(new))
    directions = tuple(Direction) if direction == "both" else (Direction[direction.upper()],)
    checked = Checked(comparison, sort_out(comparison.differences, accepted), old, new, directions)
    if as_json:
        click.echo(check_json(checked), nl=False)
    else:
        click.echo(check_text(checked, whole=session.verbose), nl=False)
    return ExitCode.FINDINGS if checked.breaks else ExitCode.CLEAN
