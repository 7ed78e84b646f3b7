"""The last lines of a soak."""

from __future__ import annotations

import io

import pytest

from stressor.report.soak_lines import SoakLines
from stressor.soak.events import SoakFinished
from stressor.soak.history import SessionEnd


def last_lines(cut: int) -> list[str]:
    stream = io.StringIO()
    SoakLines(stream).handle(
        SoakFinished(SessionEnd.DONE, 60.0, 12, 3_000, 40_000, 0.95, {}, cut=cut)
    )
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (1, ["1 job did not end in time, and counts as not run"]),
        (2, ["2 jobs did not end in time, and count as not run"]),
        (0, []),
    ],
)
def test_jobs_that_were_cut_off_are_told(cut: int, said: list[str]) -> None:
    lines = last_lines(cut)

    assert [line for line in lines if "in time" in line] == said
    assert lines[-1] == "nothing diverged"
    assert max(map(len, lines)) <= 80


def test_findings_at_which_nobody_looked_are_told() -> None:
    stream = io.StringIO()
    SoakLines(stream).handle(
        SoakFinished(SessionEnd.DONE, 60.0, 12, 3_000, 40_000, 0.95, {}, elsewhere=("F-00000001", "F-00000002"))
    )

    assert stream.getvalue().splitlines()[-2:] == [
        "2 open findings of targets that are not in this soak: F-00000001, F-00000002", "nothing diverged",
    ]  # fmt: skip
