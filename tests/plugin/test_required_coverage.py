"""`require-coverage`: a session whose tests passed, and hardly touched the device, is no green one."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import FORGETFUL

IDLE = FORGETFUL.replace("Forgetful", "Idle").replace('"forgetful"', '"idle"')
IDLE = IDLE.replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))').replace(
    'setattr(self, ("first", "second", "kept")[offset], value)', "self.first = value"
)
"""Two of its three fields never move."""


@pytest.fixture
def idle(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("STRESSOR_REQUIRE_COVERAGE", raising=False)
    (project.path / "devices" / "idle.py").write_text(IDLE)
    (project.path / "pyproject.toml").write_text("[tool.stressor.profiles.strict]\nrequire-coverage = 75\n")
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_session_that_exercised_too_little_fails_and_names_what_is_missing(
    idle: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    result = idle.runpytest("--stressor", "devices/idle.py", "--stressor-profile", "strict", *workers)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "failed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(
        [
            "idle  *, 1 of 3 fields exercised, 0 findings",
            "  not exercised  second, kept",
            "too little was exercised: less than 75 % of the fields of idle",
        ]
    )


def test_one_that_exercised_enough_passes_and_so_does_one_that_requires_nothing(
    idle: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = idle.runpytest("--stressor", "devices/idle.py")
    monkeypatch.setenv("STRESSOR_REQUIRE_COVERAGE", "75")
    enough = idle.runpytest("--stressor", "devices/sound.py")

    assert (nothing.ret, enough.ret) == (0, 0)
    enough.stdout.no_fnmatch_line("*too little*")


def test_a_finding_is_what_fails_first(idle: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSOR_REQUIRE_COVERAGE", "100")

    result = idle.runpytest("--stressor", "devices/forgetful.py", "--stressor", "devices/idle.py")

    assert result.parseoutcomes()["failed"]
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["too little was exercised: less than 100 % of the fields of idle"])
