"""Traces given by hand are tried before anything is drawn."""

from __future__ import annotations

import pytest

HEAD = """
from hypothesis import Phase, example, settings
from stressor import stress_test
from stressor.loop.trace import Cycle, Operation, ResetMode
from devices.forgetful import Forgetful
from devices.sound import Sound

FIRST = [Operation("io.write", (0, 1, 5)), Operation("io.read", (1, 1)), Cycle(ResetMode.FRESH)]
SECOND = [Operation("io.write", (1, 1, 6)), Cycle(ResetMode.FRESH)]
ONLY = settings(phases=[Phase.explicit])
"""
RESTORES = 'oracles=["load-restores"]'


def run(project: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    project.makepyfile(test_it=f"{HEAD}\n{test}\n")
    return project.runpytest("test_it.py", *arguments)


@pytest.mark.parametrize(
    "test",
    [
        f"test_it = stress_test(Forgetful, settings=ONLY, {RESTORES}, examples=[FIRST, SECOND])",
        f"test_it = ONLY(example(FIRST)(example(SECOND)(stress_test(Forgetful, {RESTORES}))))",
        f"@ONLY\n@example(FIRST)\n@example(plan=SECOND)\n@stress_test(Forgetful, {RESTORES})\ndef test_it(device): ...",
    ],
)  # fmt: skip
def test_each_that_fails_is_shown_as_it_was_given(project: pytest.Pytester, test: str) -> None:
    result = run(project, test)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "Failing explicit example:",
            "____* forgetful . load-restores _*",
            "F-6981e976   cycle 1 (0.0 s)   seed 0   3 steps",
            "*first divergence   forgetful/0.first",
            "     2  read   second",
            "Failing explicit example:",
            "F-5c15e3b2   cycle 1 (0.0 s)   seed 0   2 steps",
            "*first divergence   forgetful/0.second",
        ]
    )
    assert str(result.stdout).count("Reproduce with:") == 2


def test_they_are_stored_and_run_again_by_their_id(project: pytest.Pytester) -> None:
    run(project, f"test_it = stress_test(Forgetful, settings=ONLY, {RESTORES}, examples=[FIRST])")

    project.runpytest("--stressor-replay", "F-6981e976").assert_outcomes(failed=1)


def test_without_the_explicit_phase_they_are_left_out(project: pytest.Pytester) -> None:
    result = run(
        project,
        "drawn = settings(phases=[Phase.generate], max_examples=2)\n"
        'test_it = stress_test(Forgetful, settings=drawn, oracles=["save-is-pure"], examples=[FIRST])\n'
        f"test_left = stress_test(Forgetful, settings=settings(phases=[]), {RESTORES}, examples=[FIRST])",
    )

    result.assert_outcomes(passed=1, skipped=1)


def test_those_that_pass_are_followed_by_what_is_drawn(project: pytest.Pytester) -> None:
    result = run(
        project,
        f"test_it = stress_test(Sound, {RESTORES}, examples=[FIRST, SECOND])",
        "--hypothesis-show-statistics",
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*4 passing, 0 failing*"])


def test_the_number_of_a_plan_is_an_explicit_example_too(project: pytest.Pytester) -> None:
    result = run(
        project,
        f"test_it = ONLY(example(3)(stress_test(Forgetful, {RESTORES})))\n"
        f"test_sound = ONLY(example(3)(stress_test(Sound, {RESTORES})))",
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*first divergence   forgetful/0.*"])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("test_it = stress_test(Sound, examples=[FIRST[0]])", "*examples: Operation(*is no trace; give*"),
        ("test_it = stress_test(Sound, examples=FIRST)", "*is no trace; give a list of traces*"),
        ('test_it = ONLY(example("x")(stress_test(Sound)))', "'x' is no example: give a plan's number*"),
        (
            'test_it = ONLY(example([Operation("jump")])(stress_test(Sound)))',
            "sound takes no operation 'jump' with ()*",
        ),
        (
            "test_it = ONLY(stress_test(Sound, settings=ONLY))",
            "*settings were given twice; leave out @settings, or settings=*",
        ),
    ],
)  # fmt: skip
def test_what_is_no_example_is_refused(
    project: pytest.Pytester, test: str, message: str
) -> None:
    run(project, test).stdout.fnmatch_lines([message])
