"""The plugin as its user meets it: in projects of their own."""

from __future__ import annotations

import re

import pytest

RESTORES = "load-restores"


def test_every_device_of_a_folder_becomes_tests(project: pytest.Pytester) -> None:
    result = project.runpytest("--stressor", "devices/", "--collect-only", "-q")

    result.stdout.fnmatch_lines(
        [
            "devices/forgetful.py::forgetful::load-restores",
            "devices/forgetful.py::forgetful::resumes-alike",
            "devices/sound.py::sound::load-restores",
        ]
    )
    result.stdout.no_fnmatch_line("*invariants-hold")  # there are none


def test_an_item_lies_where_its_device_is_declared(project: pytest.Pytester) -> None:
    items, _ = project.inline_genitems("--stressor", "devices/sound.py")

    lines = (project.path / "devices" / "sound.py").read_text().splitlines()
    assert {item.location[:2] for item in items} == {
        ("devices/sound.py", lines.index("class Sound(Device):"))
    }


def test_devices_are_no_tests_without_the_option(project: pytest.Pytester) -> None:
    assert project.runpytest("-q").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_one_line_makes_a_test_of_each_oracle(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_sound="""
        from stressor import stress_test
        from devices.sound import Sound
        test_sound = stress_test(Sound, oracles=["load-restores", "save-is-pure"])
        """
    )
    result = project.runpytest("-v", "--stressor-seed", "1")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_sound::load-restores PASSED*"])


def test_each_lost_field_fails_with_its_block_and_no_stack(project: pytest.Pytester) -> None:
    result = project.runpytest("--stressor", "devices/forgetful.py", "-k", RESTORES, "--stressor-seed", "1")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*first divergence   forgetful/0.first",
            "*first divergence   forgetful/0.second",
            "    stressor replay F-*",
        ]
    )
    result.stdout.no_fnmatch_line("*collection.py*")


def test_a_full_trace_shows_the_stack_as_well(project: pytest.Pytester) -> None:
    result = project.runpytest(
        "--stressor", "devices/forgetful.py", "-k", RESTORES, "--stressor-seed", "1", "--full-trace"
    )

    result.stdout.fnmatch_lines(["*StressFailure: *: never saved (F-*"])


def test_a_seed_gives_the_same_findings_with_any_number_of_workers(project: pytest.Pytester) -> None:
    def found(*arguments: str) -> list[str]:
        result = project.runpytest_subprocess(
            "--stressor", "devices/forgetful.py", "--stressor-seed", "3", "-k", RESTORES, *arguments
        )
        text = str(result.stdout)
        return sorted(set(re.findall(r"F-[0-9a-f]{8}   cycle \d+", text)))

    alone = found()
    assert len(alone) == 2
    assert found("-n", "2") == alone


def test_a_finding_is_run_again_by_its_id(project: pytest.Pytester) -> None:
    text = str(project.runpytest("--stressor", "devices/forgetful.py", "--stressor-seed", "1").stdout)
    identity = re.findall(r"F-[0-9a-f]{8}", text)[0]

    failed = project.runpytest("--stressor-replay", identity)
    file = project.path / "devices" / "forgetful.py"
    file.write_text(file.read_text().replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))'))
    fixed = project.runpytest("--stressor-replay", identity)

    failed.assert_outcomes(failed=1)
    fixed.assert_outcomes(passed=1)


def test_the_last_seed_comes_back(project: pytest.Pytester) -> None:
    arguments = ("-o", "addopts=", "--stressor", "devices/sound.py", "-k", RESTORES)
    first = str(project.runpytest(*arguments).stdout)
    again = str(project.runpytest(*arguments, "--stressor-seed", "last").stdout)

    seed = re.findall(r"stressor seed: (\d+)", first)
    assert seed
    assert re.findall(r"stressor seed: (\d+)", again) == seed


def test_a_device_is_set_up_by_the_decorated_function(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_prepared="""
        from hypothesis import settings
        from stressor import stress_test
        from devices.sound import Sound
        made = []

        @settings(max_examples=2, deadline=None)
        @stress_test(Sound, oracles=["resumes-alike"])
        def test_enabled(device):
            device.lines["enable"].set(1)
            made.append(device)

        def test_it_was():
            assert len(made) > 2  # subjects, twins and fresh ones
        """
    )
    project.runpytest("--stressor-seed", "1").assert_outcomes(passed=2)


def test_hypothesis_statistics_say_what_was_run(project: pytest.Pytester) -> None:
    result = project.runpytest(
        "--stressor", "devices/sound.py", "-k", RESTORES, "--hypothesis-show-statistics"
    )

    result.stdout.fnmatch_lines(["*4 passing, 0 failing*", "*settings.max_examples=4*"])


def test_the_fixture_reports_on_a_trace_by_hand(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_hand="""
        from stressor.loop.trace import Cycle, Operation, ResetMode
        from devices.forgetful import Forgetful

        def test_by_hand(stress):
            trace = [Operation("io.write", (0, 1, 5)), Cycle(ResetMode.FRESH)]
            report = stress(Forgetful(), trace=trace, oracles=["load-restores"])
            assert [str(one.divergence.first.path) for one in report.findings] == ["forgetful/0.first"]

        def test_a_campaign(stress):
            assert stress(Forgetful, cycles=40).clean
        """
    )
    result = project.runpytest()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*first divergence   forgetful/0.*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stressor-seed", "x"], '*--stressor-seed x: give a whole number, or "last"*'),
        (["--stressor-seed", "last"], "*no seed is on record; give a number*"),
        (["--stressor-replay", "F-12345678"], "*--stressor-replay F-12345678: no finding*"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: pytest.Pytester, arguments: list[str], message: str
) -> None:
    result = project.runpytest(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_device_that_cannot_be_collected_is_told_in_a_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_gone="""
        from stressor import stress_test
        test_gone = stress_test("gone.py::Device")
        """
    )

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no such file or folder: gone.py*"])
    result.stdout.no_fnmatch_line("*stressor?plugin*")
