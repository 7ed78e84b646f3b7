"""The screen of a soak: in place on a terminal, elsewhere a plain line a minute."""

from __future__ import annotations

import dataclasses
import io

import pytest

from stressor.report.soak_screen import SoakScreen, screen_lines, screen_row
from stressor.soak.progress import SoakProgress, TargetHealth

PROGRESS = SoakProgress(
    elapsed=5_025.0,
    limit=28_800.0,
    cycles=12_345_678,
    operations=1_234_567_890,
    cycles_per_second=3_421.4,
    jobs=412,
    workers=2,
    busy=2,
    seen=812,
    fields=1_003,
    findings=7,
    new=2,
    since_new=720.0,
    targets=(
        TargetHealth("qemu:e1000", 34_567, 1, restarts=3, memory=212 << 20),
        TargetHealth("uart16550", 12_311_111, 6, trouble="hung"),
    ),
)


def test_a_terminal_is_shown_the_work_its_state_and_the_targets() -> None:
    assert list(screen_lines(PROGRESS)) == [
        "1:23:45 of 8:00:00  12,345,678 cycles       3,421/s     1.23 G operations",
        "412 jobs            2 of 2 workers busy                 812 of 1,003 fields seen",
        "7 findings (2 new, the last 12 min ago)",
        "  qemu:e1000                      34.6 k cycles  1 finding  3 restarts  212 MB",
        "  uart16550                       12.3 M cycles  hung  6 findings",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_number_is_lost_however_narrow_the_terminal_is(width: int) -> None:
    long = TargetHealth("qemu:virtio-balloon-pci-transitional", 12_345, 2, 5, 310 << 20, trouble="3 jobs came to nothing " * 4)
    lines = list(screen_lines(dataclasses.replace(PROGRESS, targets=(*PROGRESS.targets, long)), width))

    assert max(map(len, lines)) <= width
    shown = " ".join(" ".join(lines).split())
    for number in (
        "1:23:45 of 8:00:00", "12,345,678 cycles", "3,421/s", "1.23 G operations", "412 jobs", "2 of 2 workers busy",
        "812 of 1,003 fields seen", "7 findings (2 new, the last 12 min ago)", "34.6 k cycles", "1 finding 3 restarts 212 MB",
        "12.3 M cycles hung 6 findings", "12.3 k cycles 3 ", "2 findings 5 restarts 310 MB",
    ):  # fmt: skip
        assert number in shown


@pytest.mark.parametrize("columns", [40, 100])
def test_the_view_is_as_wide_as_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    screen = SoakScreen(stream, live=True)
    screen.show(PROGRESS)
    screen.close()

    assert "\n".join(screen_lines(PROGRESS, columns)) in stream.getvalue().replace("\r", "")


def test_a_line_says_what_matters_first() -> None:
    assert screen_row(PROGRESS) == (
        "1:23:45  12.3 M cycles (3,421/s), 7 findings (2 new, the last 12 min ago)"
    )
    assert screen_row(dataclasses.replace(PROGRESS, new=0, since_new=None)) == (
        "1:23:45  12.3 M cycles (3,421/s), 7 findings, uart16550: hung, 412 jobs"
    )


def test_everything_fits_80_columns_and_obeys_nobody() -> None:
    hostile = TargetHealth("\x1b[2J" * 40, 10**15, 10**6, 10**6, 10**13, trouble="\x07" * 90)
    huge = SoakProgress(
        10**7, 10**7, 10**15, 10**18, 10**9, 10**9, 10**5, 10**5, 10**7, 10**7, 10**6, 10**6, 10**7, (hostile,) * 40
    )
    lines = [*screen_lines(huge), screen_row(huge)]

    assert max(map(len, lines)) <= 80
    assert len(lines) <= 12
    assert "\x1b" not in "".join(lines)


def test_elsewhere_there_is_a_line_a_minute() -> None:
    stream = io.StringIO()
    screen = SoakScreen(stream, clock=iter([0.0, 1.0, 61.0, 61.0, 62.0]).__next__)
    for _ in range(3):
        screen.show(PROGRESS)

    assert stream.getvalue() == screen_row(PROGRESS) + "\n"


def test_what_is_said_stays_above_the_view_and_the_view_leaves_nothing() -> None:
    stream = io.StringIO()
    screen = SoakScreen(stream, live=True)
    screen.show(PROGRESS)
    screen.say("a finding\n")
    screen.show(PROGRESS)
    screen.close()
    drawn = stream.getvalue()

    assert "12,345,678 cycles" in drawn
    assert "a finding\n" in drawn
    assert drawn.endswith("\x1b[2K")  # the last line of the view is erased
