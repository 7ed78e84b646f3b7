"""What Hypothesis' own settings, options and reports do to stress tests is what they do to its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

SOUND = ("--stressor", "devices/sound.py", "-k", "load-restores")
FORGETFUL = ("--stressor", "devices/forgetful.py", "-k", "load-restores")
VERBOSE = ("--hypothesis-verbosity", "verbose", "-rP")
PROFILES = """
from hypothesis import HealthCheck, Phase, Verbosity, settings
settings.register_profile("few", max_examples=4, deadline=None, **{few})
settings.register_profile("seven", max_examples=7)
settings.register_profile("reuse", max_examples=1, phases=[Phase.reuse])
settings.register_profile("unshrunk", phases=[Phase.generate], database=None)
settings.register_profile("quiet", max_examples=4, verbosity=Verbosity.quiet)
settings.register_profile("hasty", deadline=0.001, max_examples=1)
settings.load_profile("few")
"""


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run in a process of its own: profiles stay in the process that registers them."""
    return project.runpytest_subprocess(*arguments)


def profiles(project: pytest.Pytester, few: str = "{}") -> None:
    project.makeconftest(PROFILES.replace("{few}", few))


def plans(result: pytest.RunResult) -> list[int]:
    """Return the plans that a verbose run tried."""
    found = re.findall(r"Test case: \w+\(\s*plan=<plan (\d+):", str(result.stdout))
    return list(map(int, found))


def forget_findings() -> None:
    for file in Path(".stressor/findings").glob("*"):
        file.unlink()


def test_a_profile_is_chosen_on_the_command_line(project: pytest.Pytester) -> None:
    profiles(project)
    result = run(project, *SOUND, "--hypothesis-profile", "seven", "--hypothesis-show-statistics")

    result.stdout.fnmatch_lines(["*7 passing, 0 failing*", "*settings.max_examples=7*"])


@pytest.mark.parametrize(
    "test",
    [
        "test_it = settings(max_examples=3)(stress_test(Sound, oracles=['load-restores']))",
        "test_it = stress_test(Sound, oracles=['load-restores'], settings=settings(max_examples=3))",
        "test_it = stress_test(Sound, oracles=['load-restores'], cycles=96)",
    ],
)
def test_settings_of_a_test_win_over_the_profile(project: pytest.Pytester, test: str) -> None:
    project.makepyfile(
        test_it="from hypothesis import settings\nfrom stressor import stress_test\n"
        f"from devices.sound import Sound\n{test}\n"
    )
    result = run(project, "--hypothesis-show-statistics")

    result.stdout.fnmatch_lines(["*3 passing, 0 failing*"])


@pytest.mark.parametrize(
    ("few", "arguments"),
    [
        ("dict(derandomize=True)", ()),
        ("{}", ("--hypothesis-seed", "5")),
        ("{}", ("--stressor-seed", "5")),
    ],
)
def test_what_makes_hypothesis_repeat_makes_it_repeat(
    project: pytest.Pytester, few: str, arguments: tuple[str, ...]
) -> None:
    profiles(project, few)
    first, again = (plans(run(project, *SOUND, *VERBOSE, *arguments)) for _ in range(2))

    assert len(first) == 4
    assert first == again


def test_else_each_run_draws_its_own(project: pytest.Pytester) -> None:
    first, again = (plans(run(project, *SOUND, *VERBOSE)) for _ in range(2))

    assert first != again


def test_the_seed_of_a_test_is_its_own_unless_one_is_given(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        from hypothesis import seed
        from stressor import stress_test
        from devices.sound import Sound
        test_it = seed(3)(stress_test(Sound, oracles=["load-restores"]))
        """
    )
    first, again = (plans(run(project, *VERBOSE)) for _ in range(2))

    assert first == again
    assert plans(run(project, *VERBOSE, "--stressor-seed", "5")) != first


def test_what_failed_is_tried_first_from_the_database(project: pytest.Pytester) -> None:
    profiles(project)
    run(project, *FORGETFUL)
    forget_findings()

    again = run(project, *FORGETFUL, "--hypothesis-profile", "reuse")

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*first divergence   forgetful/0.*"])


def test_without_a_database_nothing_is_kept_there(project: pytest.Pytester) -> None:
    profiles(project, "dict(database=None)")
    run(project, *FORGETFUL)
    forget_findings()

    run(project, *FORGETFUL, "--hypothesis-profile", "reuse").assert_outcomes(skipped=1)


def test_without_the_shrink_phase_traces_stay_as_they_were_found(project: pytest.Pytester) -> None:
    profiles(project)
    result = run(project, *FORGETFUL, "--hypothesis-profile", "unshrunk")

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*shrunk*->*")


def test_a_deadline_that_is_set_holds(project: pytest.Pytester) -> None:
    profiles(project)
    result = run(project, *SOUND, "--hypothesis-profile", "hasty")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*DeadlineExceeded: *"])


def test_a_failure_says_only_what_its_block_says(project: pytest.Pytester) -> None:
    result = run(project, *FORGETFUL)

    for pattern in ("*test case*", "*reproduce_failure*", "*plan=*", "*Hypothesis*", "*Captured*"):
        result.stdout.no_fnmatch_line(pattern)


def test_plans_are_named_when_hypothesis_is_verbose_and_not_when_quiet(
    project: pytest.Pytester,
) -> None:
    profiles(project)
    loud = run(project, *SOUND, *VERBOSE)
    quiet = run(project, *FORGETFUL, "--hypothesis-profile", "quiet", "-rP")

    loud.stdout.re_match_lines([r".*plan=<plan \d+: \d+ operations, \d+ save points>"])
    quiet.assert_outcomes(failed=1)
    quiet.stdout.no_fnmatch_line("*plan=*")


def test_a_blob_is_printed_when_asked_for_and_brings_the_failure_back(
    project: pytest.Pytester,
) -> None:
    profiles(project, "dict(print_blob=True, database=None)")
    result = run(project, *FORGETFUL)
    forget_findings()
    (blob,) = re.findall(r"adding (@reproduce_failure\(.*\)) as a decorator", str(result.stdout))
    project.makepyfile(
        test_it=f"""
        from hypothesis import reproduce_failure
        from stressor import stress_test
        from devices.forgetful import Forgetful

        {blob}
        @stress_test(Forgetful, oracles=["load-restores"])
        def test_it(device): ...
        """
    )
    again = run(project, "test_it.py")

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*first divergence   forgetful/0.*"])


def test_no_patch_is_made_for_what_is_no_source_of_the_user(project: pytest.Pytester) -> None:
    project.makeconftest(
        PROFILES.replace("{few}", "{}")
        + """
def pytest_runtest_teardown(item):
    assert not hasattr(item, "_hypothesis_failing_examples")
"""
    )
    run(project, *FORGETFUL).assert_outcomes(failed=1)


def test_each_plan_is_observed_by_a_useful_name(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY_NOCOVER", "1")
    run(project, *SOUND, "--stressor-seed", "1").assert_outcomes(passed=1)

    (file,) = (project.path / ".hypothesis" / "observed").glob("*_testcases.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    cases = [line for line in lines if line["type"] == "test_case"]
    assert len(cases) == 4
    for case in cases:
        assert case["property"] == "devices/sound.py::sound::load-restores"
        assert re.search(r"plan=<plan \d+: \d+ operations, \d+ save points>", case["representation"])
        assert case["arguments"]["plan"].startswith("<plan ")


def test_statistics_of_a_failure_are_shown(project: pytest.Pytester) -> None:
    result = run(project, *FORGETFUL, "--hypothesis-show-statistics")

    result.stdout.fnmatch_lines(["*Hypothesis Statistics*", "*1 failing*"])


def test_a_strategy_of_an_operation_is_no_matter_for_health_checks(
    project: pytest.Pytester,
) -> None:
    file = project.path / "devices" / "sound.py"
    text = file.read_text().replace("import Device, Line, Region", "import Device, Line, Region, operation")
    text = "from hypothesis import strategies as st\n" + text
    file.write_text(text + "\n    @operation(by=st.integers(0, 3))\n    def bump(self, by):\n        self.kept = by\n")
    profiles(project)

    result = run(project, *SOUND, "--hypothesis-profile", "default")

    result.assert_outcomes(passed=1)
