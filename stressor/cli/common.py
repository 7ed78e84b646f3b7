"""What the verbs share: options, configuration, streams, and how errors are printed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from stressor.config import Configuration, load
from stressor.errors import StressorError
from stressor.findings.regressions import folders_near
from stressor.findings.store import Store
from stressor.loop.finding import Finding
from stressor.loop.operations import OperationType

__all__ = [
    "Session",
    "configured",
    "findings_option",
    "journal_option",
    "operations_of",
    "print_error",
    "profile_option",
    "store_of",
    "stored_file",
    "use_colour",
    "use_live",
    "verbose_option",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """What an invocation knows beside its options; click's context object."""

    verbose: bool = False
    behind: Sequence[str] = ()
    """The words behind `--`."""
    live: dict[str, str | Sequence[str]] = field(default_factory=dict)
    """The options of a running guest."""


def _set_verbose(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.ensure_object(Session).verbose |= value
    return value


def verbose_option(function: F) -> F:
    """Add `-v`."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_set_verbose,
        help="Say everything; errors come with a traceback.",
    )(function)


def findings_option(function: F) -> F:
    """Add `--findings`."""
    return click.option(
        "--findings", metavar="DIR", help="The folder of findings (default .stressor/findings)."
    )(function)


def journal_option(function: F) -> F:
    """Add `--journal`."""
    return click.option(
        "--journal", metavar="FILE", help="The journal of all soaks (default .stressor/journal.sqlite)."
    )(function)


def profile_option(function: F) -> F:
    """Add `--profile`."""
    return click.option(
        "--profile", metavar="NAME",
        help="Settings that go together: default, quick, nightly, or one of yours in pyproject.toml.",
    )(function)  # fmt: skip


def configured(**options: object) -> Configuration:
    """Return the configuration; options that were not given are None or empty."""
    given = {
        name.rstrip("_").replace("_", "-"): value
        for name, value in options.items()
        if value is not None and value != ()
    }
    return load(given)


def store_of(configuration: Configuration) -> Store:
    """Return the store of findings, which also finds those that were promoted."""
    return Store(configuration.findings, folders_near(configuration.targets, Path()))


def stored_file(what: str, store: Store) -> Path:
    """Return the file that the user means: a path, or an id in the store."""
    path = Path(what)
    if path.is_file() or what.endswith(".json") or path.name != what:
        return path
    return store.find(what)


def operations_of(finding: Finding) -> Sequence[OperationType]:
    """Return the operations that name a finding's steps; none when its device is gone or broken."""
    from stressor.targets.loader import find_models  # imports hypothesis with the device

    try:
        models = find_models([finding.specification])
        try:
            return models[0].operations
        finally:
            for model in models:
                model.close()
    except StressorError:
        return ()


def use_colour(stream: TextIO) -> bool:
    """Return whether to colour: on a terminal, and NO_COLOR (no-color.org) is unset or empty."""
    return use_live(stream) and not os.environ.get("NO_COLOR")


def use_live(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_error(error: BaseException | str, *, verbose: bool = False) -> None:
    """Print one line on stderr, and the traceback when asked for."""
    if verbose and isinstance(error, BaseException):
        sys.stderr.write("".join(traceback.format_exception(error)))
    text = " ".join(str(error).split())
    sys.stderr.write(f"stressor: error: {text}\n")
    sys.stderr.flush()
