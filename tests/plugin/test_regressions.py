"""What was found before is tried first: promoted findings, and those of earlier runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stressor.cli import main

RESTORES = ("--stressor", "devices/forgetful.py", "-k", "load-restores")


def found(result: pytest.RunResult) -> list[str]:
    """Return the ids of the blocks, in order."""
    return re.findall(r"^(F-[0-9a-f]{8})   cycle", str(result.stdout), re.MULTILINE)


def repair(project: pytest.Pytester) -> None:
    file = project.path / "devices" / "forgetful.py"
    file.write_text(file.read_text().replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))'))


@pytest.fixture
def promoted(project: pytest.Pytester) -> Path:
    """Return the file of the only finding that is promoted; nothing else is left of earlier runs."""
    found(project.runpytest(*RESTORES, "--stressor-seed", "1"))
    assert main(["promote", "F-69"]) == 0
    for file in Path(".stressor/findings").iterdir():
        file.unlink()
    (file,) = (project.path / "devices/regressions/forgetful").iterdir()
    return file


def test_a_promoted_finding_is_an_item_ahead_of_the_oracles(
    project: pytest.Pytester, promoted: Path
) -> None:
    result = project.runpytest("--stressor", "devices", "--collect-only", "-q", "-m", "stressor")

    lines = result.stdout.lines
    assert lines[:2] == [
        f"devices/forgetful.py::forgetful::{promoted.stem}",
        "devices/forgetful.py::forgetful::load-restores",
    ]
    assert sum("F-" in line for line in lines) == 1


def test_it_fails_with_its_block_until_it_is_fixed(
    project: pytest.Pytester, promoted: Path
) -> None:
    one = ("--stressor", "devices", "-k", promoted.stem)
    failed = project.runpytest(*one)
    repair(project)
    fixed = project.runpytest(*one)

    failed.assert_outcomes(failed=1)
    assert found(failed) == [promoted.stem]
    failed.stdout.fnmatch_lines(
        [
            "*first divergence   forgetful/0.first",
            f"    stressor replay devices/regressions/forgetful/{promoted.name}",
            f"FAILED *::forgetful::{promoted.stem} - first: never saved*",
        ]
    )
    fixed.assert_outcomes(passed=1)


def test_it_is_an_item_of_a_stress_test_and_run_by_its_id(
    project: pytest.Pytester, promoted: Path
) -> None:
    project.makepyfile(
        test_it="""
        from stressor import stress_test
        from devices.forgetful import Forgetful
        test_device = stress_test(Forgetful, oracles=["load-restores"])
        test_other = stress_test(Forgetful, oracles=["save-is-pure"])
        """
    )
    result = project.runpytest("-k", promoted.stem, "-v")
    again = project.runpytest("--stressor-replay", "F-69")

    result.assert_outcomes(failed=1)  # the other oracle has nothing to do with it
    result.stdout.fnmatch_lines([f"test_it.py::test_device::{promoted.stem} FAILED*"])
    again.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"trace": [', '"trace": [["gone", 1], ', "*no longer takes the operation 'gone'*"),
        ('"format": 1', '"format": 99', "*written by a newer Stressor (format 99*"),
        ('"target": "forgetful"', '"target": "x"', "*not a finding: its id is*"),
        ("{", "", "*not a finding*"),
    ],
)
def test_one_that_cannot_be_replayed_is_an_error_with_the_reason(
    project: pytest.Pytester, promoted: Path, before: str, after: str, message: str
) -> None:
    promoted.write_text(promoted.read_text().replace(before, after))

    result = project.runpytest("--stressor", "devices", "-k", promoted.stem)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*collection.py*")


def test_promoted_findings_work_with_workers(project: pytest.Pytester, promoted: Path) -> None:
    result = project.runpytest_subprocess(
        "--stressor", "devices/forgetful.py", "-k", f"{promoted.stem} or silent", "-n", "2"
    )

    result.assert_outcomes(failed=1, passed=1)
    assert found(result) == [promoted.stem]


def test_what_an_earlier_run_found_is_tried_before_anything_is_drawn(
    project: pytest.Pytester,
) -> None:
    first = project.runpytest(*RESTORES)
    nothing = ("-o", "addopts=", "-p", "no:cacheprovider", "--hypothesis-profile", "nothing")
    project.makeconftest(
        """
        from hypothesis import Phase, settings
        settings.register_profile("nothing", max_examples=1, phases=[Phase.reuse], database=None)
        settings.register_profile("explicit", max_examples=1, phases=[Phase.explicit])
        """
    )
    again = project.runpytest_subprocess(*RESTORES, *nothing)
    left_out = project.runpytest_subprocess(*RESTORES, *nothing, "--hypothesis-profile", "explicit")

    assert len(found(first)) == 2
    assert found(again) == sorted(found(first))
    left_out.assert_outcomes(skipped=1)  # as Hypothesis does when it is to run nothing


def test_what_is_known_hides_nothing_new(project: pytest.Pytester) -> None:
    first = found(project.runpytest(*RESTORES))
    Path(f".stressor/findings/{first[0]}.json").unlink()

    assert sorted(found(project.runpytest(*RESTORES))) == sorted(first)


def test_a_seed_that_is_given_leaves_out_what_was_kept(project: pytest.Pytester) -> None:
    project.runpytest(*RESTORES, "--stressor-seed", "1")
    clean = project.runpytest(*RESTORES, "--stressor-seed", "5")
    for file in Path(".stressor/findings").iterdir():
        file.unlink()

    assert found(clean) == found(project.runpytest(*RESTORES, "--stressor-seed", "5"))


def test_what_was_kept_and_cannot_be_read_is_passed_over(project: pytest.Pytester) -> None:
    project.runpytest(*RESTORES)
    for file in Path(".stressor/findings").iterdir():
        file.write_text("{}")

    assert len(found(project.runpytest(*RESTORES))) == 2
