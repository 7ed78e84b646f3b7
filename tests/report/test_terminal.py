from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from stressor.loop.coverage import CoveredField
from stressor.loop.events import Event, Progress, RunStarted, Statistics, TargetFinished
from stressor.report.statistics import statistics_lines
from stressor.report.terminal import TerminalReport
from tests.report.script import BROKEN, CLEAN, EMPTY, FINDINGS, INTERRUPTED, MANY, STARTED
from tests.stored import assert_stored


def reported(events: tuple[Event, ...], *, colour: bool = False, live: bool = False) -> str:
    stream = io.StringIO()
    report = TerminalReport(
        stream, colour=colour, live=live, clock=iter(range(0, 10_000, 61)).__next__
    )
    for event in events:
        report.handle(event)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("clean", CLEAN),
        ("findings", FINDINGS),
        ("broken", BROKEN),
        ("interrupted", INTERRUPTED),
        ("empty", EMPTY),
        ("many", MANY),
    ],
)
def test_whole_reports(name: str, events: tuple[Event, ...]) -> None:
    text = reported(events)

    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert_stored(Path(__file__).parent / f"{name}.txt", text)


def test_of_many_targets_everything_is_said_when_asked_for() -> None:
    stream = io.StringIO()
    report = TerminalReport(stream, verbose=True)
    for event in MANY:
        report.handle(event)
    text = stream.getvalue()

    assert max(map(len, text.splitlines())) <= 80
    assert "device-l: qemu-system-x86_64: -device device-l: drive property not set" in text
    assert "first divergence" in text


def test_the_verdict_is_the_last_line() -> None:
    assert reported(CLEAN).splitlines()[-1] == (
        "clean: 2 devices, 10,000 cycles, 102,468 operations, nothing diverged"
    )


def test_colour_changes_nothing_but_colour() -> None:
    coloured = reported(FINDINGS, colour=True)

    assert "\x1b[31;1m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == reported(FINDINGS)


def test_there_is_one_plain_line_a_minute() -> None:
    stream = io.StringIO()
    times = iter([0.0, 30.0, 60.0, 60.0, 90.0, 121.0, 121.0])
    report = TerminalReport(stream, clock=times.__next__)

    for cycles in (1, 2, 3, 4):
        report.handle(Progress("uart16550", cycles, 0, 10 * cycles, 0, 30.0 * cycles))

    assert stream.getvalue() == (
        "uart16550: cycle 2, 20 operations, 0 findings, 60 s\n"
        "uart16550: cycle 4, 40 operations, 0 findings, 120 s\n".replace("120 s", "2 min")
    )


def test_live_progress_shows_the_cycles_and_leaves_the_report_whole() -> None:
    text = reported(FINDINGS, live=True)

    assert "1,200 cycles" in text
    assert text.endswith(reported(FINDINGS)[-300:])


def test_what_was_not_exercised_is_named_in_full_when_verbose() -> None:
    stream = io.StringIO()
    report = TerminalReport(stream, verbose=True)
    statistics = Statistics(
        {"fresh": 1}, {f"operation {index}": 0 for index in range(30)}, {}, 0, 0
    )

    report.handle(STARTED)
    lines = list(statistics_lines(statistics, STARTED.oracles, STARTED.reset_modes))

    assert "operation 29" in "".join(lines)
    assert "and" not in "".join(lines)


def test_when_all_was_exercised_it_says_so() -> None:
    statistics = Statistics({"fresh": 1}, {"write": 1}, {}, 3, 3)

    assert list(statistics_lines(statistics, (), ()))[-1] == "  not exercised  nothing"


def test_what_hardly_moved_is_named_the_weakest_first() -> None:
    covered = [
        CoveredField("idle", 0, 1, 0, 8), CoveredField("much", 50, 9, 8, 8), CoveredField("enough", 6, 2, 1, 8),
        *(CoveredField(f"weak{points}", points, values, 1, 8) for points, values in ((5, 3), (4, 2), (2, 258), (3, 2))),
    ]  # fmt: skip
    statistics = Statistics({"fresh": 1}, {"write": 1}, {}, 7, 6, ("idle",), tuple(covered), save_points=500)

    lines = list(statistics_lines(statistics, (), (), limit=6))

    assert lines[-4:] == [
        "  barely         weak2: 256+ values at 2 of 500 save points",
        "                 weak3: one value at 3 of 500 save points",
        "                 weak4: one value at 4 of 500 save points",
        "                 and 1 more",
    ]


def test_a_table_of_fields_names_their_section_once() -> None:
    paths = ("0000:00:02.0/card/0.mode", "0000:00:02.0/card/0." + "deep." * 9 + "count")
    covered = tuple(CoveredField(path, points, 3, 2, 16) for points, path in enumerate(paths, 1))
    statistics = Statistics({"fresh": 1}, {"write": 1}, {}, 2, 2, (), covered, save_points=30)

    lines = list(statistics_lines(statistics, (), ()))[-3:]

    assert [line.split()[0] for line in lines[:2]] == ["0000:00:02.0/card/0", "mode"]
    assert max(map(len, lines)) <= 80
    assert lines[2].endswith("2        3         2 of 16")


def test_in_many_targets_one_that_lacks_fields_is_shown_whole() -> None:
    started = MANY[0]
    assert isinstance(started, RunStarted)
    events = [
        replace(event, uncovered=event.target == started.targets[1]) if isinstance(event, TargetFinished) else event
        for event in MANY[1:]
    ]

    assert reported((replace(started, required_coverage=90.0), *events)).count("(64 %, 90 % required)") == 1


def test_neighbours_in_an_array_are_one() -> None:
    names = ("a[0]", "a[1]", "a[2]", "a[4]", "b", "c[1].x", "c[2].x", "c[3].y")
    statistics = Statistics({"fresh": 1}, {}, {}, 9, 1, names)

    lines = list(statistics_lines(statistics, (), ()))

    assert lines[-1].endswith("a[0..2], a[4], b, c[1..2].x, c[3].y")


def test_notes_have_lines_of_their_own_and_obey_no_escapes() -> None:
    notes = (("guest", "booted, " + "and goes on " * 8), ("last heartbeat", "beat \x1b[2J"))

    lines = list(statistics_lines(Statistics({"in-place": 1}, notes=notes), (), ()))

    assert lines[2:4] == [
        "  guest          booted, and goes on and goes on and goes on and goes on and\n"
        "                 goes on and goes on and goes on and goes on",
        "  last heartbeat beat \\x1b[2J",
    ]
