"""The options of `stressor run qemu:live`: each goes into the specification, which a finding keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from stressor.cli.common import Session
from stressor.errors import UsageError
from stressor.targets.qemu.live.specification import is_live, live_written

__all__ = ["live_options", "with_live_options"]

F = TypeVar("F", bound=Callable[..., Any])

_GUEST: Final = {
    "kernel": ("FILE", "Of qemu:live, the guest's kernel."),
    "initrd": ("FILE", "Of qemu:live, its initramfs (default: one made of BusyBox)."),
    "append": ("TEXT", "Of qemu:live, its kernel's command line (default console=ttyS0)."),
}
_SINGLE: Final = {
    "period": ("TIME", "Of qemu:live, how long the guest runs between two cycles (default 100ms)."),
    "heartbeat": ("REGEX", "Of qemu:live, lines on its console that say that it goes on (default: any)."),
    "silence": ("TIME", "Of qemu:live, how long without a heartbeat is a finding (default 10s)."),
}
_REPEATED: Final = {
    "only": ("PATTERN", "Of qemu:live, sections to compare, as in the shell; repeatable."),
    "except": ("PATTERN", "Of qemu:live, sections not to compare; repeatable."),
}


def live_options(function: F) -> F:
    """Add the options; what is given is kept in the session."""
    for table, multiple in ((_REPEATED, True), (_SINGLE, False), (_GUEST, False)):
        for name, (metavar, text) in reversed(table.items()):
            function = click.option(
                f"--{name}", metavar=metavar, help=text, multiple=multiple,
                expose_value=False, callback=_keep,
            )(function)  # fmt: skip
    return function


def with_live_options(session: Session, targets: Sequence[str]) -> list[str]:
    """Return the targets with the options in that of the guest.

    Raises UsageError when there is none that they are for.
    """
    given = session.live
    ours = [target for target in targets if is_live(target)]
    if given and len(ours) != 1:
        raise UsageError(f"--{next(iter(given))} is for one qemu:live target, and there are {len(ours)}; give one")
    options = {name: value for name, value in given.items() if name not in _GUEST}
    guest = {name: str(value) for name, value in given.items() if name in _GUEST}
    return [
        live_written(target, options, guest) if target in ours and given else target
        for target in targets
    ]


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name is not None:
        context.ensure_object(Session).live[parameter.name] = value
