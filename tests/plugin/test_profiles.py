"""The settings of `[tool.stressor]` in pytest, and the profiles that choose among them."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import FORGETFUL

PROJECT = """
[tool.stressor]
targets = ["devices/sound.py"]
oracles = ["load-restores", "save-is-pure"]
seed = 11

[tool.stressor.profiles.thorough]
oracles = ["load-restores"]
cycles = 96
reset-modes = ["fresh"]

[tool.stressor.profiles.timed]
for = "2h"
"""


@pytest.fixture
def configured(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("STRESSOR_PROFILE", raising=False)
    (project.path / "pyproject.toml").write_text(PROJECT)
    return project


def test_the_option_alone_takes_targets_oracles_and_seed_from_the_file(
    configured: pytest.Pytester,
) -> None:
    result = configured.runpytest("-v", "--stressor")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "stressor seed: 11, profile: default",
            "devices/sound.py::sound::load-restores PASSED*",
            "devices/sound.py::sound::save-is-pure PASSED*",
        ]
    )


def test_a_profile_is_chosen_and_named(configured: pytest.Pytester) -> None:
    result = configured.runpytest(
        "-v", "--stressor", "--stressor-profile", "thorough", "--hypothesis-show-statistics"
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "stressor seed: 11, stressor profile: thorough (from option)",
            "*3 passing, 0 failing*",  # 96 cycles are about three plans
        ]
    )


def test_options_and_variables_beat_the_profile(
    configured: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRESSOR_PROFILE", "thorough")
    monkeypatch.setenv("STRESSOR_ORACLES", "resumes-alike")
    result = configured.runpytest(
        "-v", "--stressor", "--stressor-cycles", "32", "--stressor-seed", "5",
        "--hypothesis-show-statistics",
    )  # fmt: skip

    result.stdout.fnmatch_lines(
        [
            "stressor seed: 5, stressor profile: thorough (from STRESSOR_PROFILE)",
            "*::sound::resumes-alike PASSED*",
            "*1 passing, 0 failing*",
        ]
    )


def test_what_a_test_asks_for_beats_the_settings(configured: pytest.Pytester) -> None:
    configured.makepyfile(
        test_sound="""
        from stressor import stress_test
        from devices.sound import Sound
        test_sound = stress_test(Sound, oracles=["reset-is-fresh"], reset_modes=["in-place"])
        """
    )
    result = configured.runpytest("-v", "--stressor-profile", "thorough")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::test_sound::reset-is-fresh PASSED*"])


@pytest.mark.parametrize(("mode", "outcome"), [("in-place", "passed"), ("fresh", "failed")])
def test_reset_modes_of_the_profile_hold(
    configured: pytest.Pytester, mode: str, outcome: str
) -> None:
    file = configured.path / "devices" / "forgetful.py"
    hiding = "self.first = self.second = 0\n        self.reset()"  # what reset forgets, a load need not bring
    text = FORGETFUL.replace("self.first = self.second = self.kept = 0", "self.kept = 0")
    file.write_text(text.replace("self.reset()", hiding, 1))
    (configured.path / "pyproject.toml").write_text(PROJECT.replace('"fresh"', f'"{mode}"'))

    result = configured.runpytest(
        "--stressor", "devices/forgetful.py", "--stressor-profile", "thorough"
    )

    result.assert_outcomes(**{outcome: 1})


def test_workers_have_the_settings_of_the_controller(configured: pytest.Pytester) -> None:
    configured.makeconftest(
        """
        import os
        import pytest
        from hypothesis import settings
        settings.register_profile("few", max_examples=4, deadline=None)
        settings.load_profile("few")

        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionstart(session):
            if not hasattr(session.config, "workerinput"):
                os.environ["STRESSOR_ORACLES"] = "none"  # workers inherit it, and are not to read it
        """
    )
    result = configured.runpytest_subprocess(
        "-n", "2", "-v", "--stressor", "--stressor-profile", "thorough"
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*PASSED*devices/sound.py::sound::load-restores*"])


def test_a_bound_of_time_is_said_to_be_the_command_line_s(configured: pytest.Pytester) -> None:
    result = configured.runpytest("--stressor-profile", "timed", "--collect-only")

    result.stdout.fnmatch_lines(
        ["*time bounds only `stressor run`: tests are bounded by cycles"]
    )


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (
            ["--stressor-profile", "through"], PROJECT,
            "*--stressor-profile: there is no profile 'through', did you mean 'thorough'? "
            "(profiles: default, quick, nightly, thorough, timed)*",
        ),
        (["--stressor"], "[tool.stressor]\ncyles = 3", "*pyproject.toml: [[]tool.stressor] has no key 'cyles'*"),
        (["--stressor-cycles", "0"], PROJECT, "*--stressor-cycles: the number of cycles*"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_end_the_session(
    configured: pytest.Pytester, arguments: list[str], text: str, message: str
) -> None:
    (configured.path / "pyproject.toml").write_text(text)
    result = configured.runpytest(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
