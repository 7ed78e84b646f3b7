"""A failed stress test as pytest prints it, in its summary of failures too."""

from __future__ import annotations

from collections.abc import Sequence

from _pytest._code.code import ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from stressor.loop.operations import OperationType
from stressor.plugin.exploration import StressFailure
from stressor.report.block import failure_block
from stressor.report.text import clean

__all__ = ["as_pytest_shows_it", "failure_text"]


def failure_text(failure: StressFailure, operations: Sequence[OperationType]) -> str:
    """Return the blocks of the findings, and what else there is to say."""
    parts = []
    for index, finding in enumerate(failure.findings):
        heading = "Failing explicit example:\n" if index < failure.explicit else ""
        parts.append(heading + failure_block(finding, operations, replay=failure.replay))
    return "\n".join([*parts, *getattr(failure, "__notes__", ())])


def as_pytest_shows_it(
    failure: StressFailure, operations: Sequence[OperationType], place: tuple[str, int]
) -> ReprExceptionInfo:
    """Return what stands in a test's report: the whole text, and for the one line of the summary (and the
    message in JUnit XML) the fields, at the first one's declaration or else at `place`.

    Of the kinds of text that a report can have this one alone goes to pytest-xdist's controller whole.
    """
    message = clean(str(failure))
    path, line = place
    declared = failure.findings[0].divergence.declared if failure.findings else None
    file, colon, number = (declared or "").rpartition(":")
    if colon and number.isdigit():
        path, line = file, int(number)
    text = failure_text(failure, operations)
    return ReprExceptionInfo(
        reprtraceback=ReprTraceback([ReprEntryNative([text])], None, style="native"),
        reprcrash=ReprFileLocation(path, line, message),
    )
