"""What the process says when it ends."""

from __future__ import annotations

from enum import IntEnum

from stressor.report.verdict import Verdict

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """The exit codes of every verb; never 0 when not one cycle ran.

    When several apply: interrupted before broken before findings.
    """

    CLEAN = 0
    """Cycles ran and nothing diverged; every replayed finding is fixed; streams are equal; of two
    checked dumps nothing breaks."""
    FINDINGS = 1
    """Something diverged, or fewer fields were exercised than `--require-coverage` asks for; of two
    compared streams, some field or section; of two checked dumps, something breaks; of an audit, too little
    was noticed."""
    USAGE = 2
    """An option, path, name or configuration makes no sense."""
    BROKEN = 3
    """A target, the harness, or a file of its own broke; what was found until then is reported.

    Also a stream or an image to inspect that is damaged, a file to check that is no dump, and an audit that
    noticed nothing at all.
    """
    NOTHING_RAN = 4
    """There was nothing to run, or not one cycle ran, or no oracle that was asked for had anything to look at, or
    what there is cannot be stressed."""
    INTERRUPTED = 130
    """Ctrl-C, or whoever read the output went away; every report is written."""


def exit_code_of(verdict: Verdict) -> ExitCode:
    """Return how the process of a run with this verdict ends."""
    return {
        Verdict.INTERRUPTED: ExitCode.INTERRUPTED,
        Verdict.BROKEN: ExitCode.BROKEN,
        Verdict.FINDINGS: ExitCode.FINDINGS,
        Verdict.NOTHING_RAN: ExitCode.NOTHING_RAN,
        Verdict.TOO_LITTLE: ExitCode.FINDINGS,
        Verdict.CLEAN: ExitCode.CLEAN,
    }[verdict]
