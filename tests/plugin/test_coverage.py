"""Coverage of a device by its stress tests: that of pytest-cov is right, and ours names what was never run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

BRANCHY = '''
import stressor.vmstate as vm
from stressor.device import Device, Line, Region


class Branchy(Device):
    state = vm.Description(
        "branchy",
        fields=[vm.u8("count"), vm.u8("limit")],
        pre_save=lambda device: device._before(),
        post_load=lambda device, version: device._after(version),
    )
    io = Region(size=3, registers={0: "count", 1: "limit", 2: "odd"})
    irq = Line()

    def __init__(self):
        self.reset()

    def reset(self):
        self.count = 0
        self.limit = 3
        self._update()

    def _before(self):
        if self.limit < 300:
            self.limit = 3

    def _after(self, version):
        if version > 1:  # there is no such version
            self.count = 0
        self._update()

    def _update(self):
        self.irq.set(self.count >= 200)

    def _elsewhere(self):
        return 1

    @io.on_read
    def _read(self, offset, width):
        return (self.count, self.limit, 0)[offset]

    @io.on_write
    def _write(self, offset, width, value):
        if offset == 0:
            self.count = value
        elif offset == 7:
            self.limit = 1
        self._update()
'''.lstrip()

LINES = BRANCHY.splitlines()


def line(text: str, after: str = "") -> int:
    """Return the number of the first line that has a text in it, behind the first that has another."""
    first = next((number for number, found in enumerate(LINES) if after and after in found), 0)
    return next(number for number, found in enumerate(LINES, 1) if number > first and text in found)


BEFORE = line("if self.limit < 300")
AFTER = line("if version > 1")
MISSED = [AFTER + 1, line("return 1"), line("self.limit = 1")]
"""The lines that no stress test can reach."""


@pytest.fixture
def branchy(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # so that a run of these very tests with coverage does not measure the sessions in them
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
    for file in (project.path / "devices").iterdir():
        file.unlink()
    (project.path / "devices" / "branchy.py").write_text(BRANCHY)
    return project


def measured_by_pytest_cov(folder: Path) -> tuple[list[int], list[list[int]]]:
    """Return the lines and the branches that the report of pytest-cov misses."""
    report = json.loads((folder / "coverage.json").read_text())
    found = report["files"]["devices/branchy.py"]
    lines = found["missing_lines"]
    return lines, [pair for pair in found["missing_branches"] if pair[0] not in lines]


WITH_COV = ("--cov=devices", "--cov-branch", "--cov-report=json", "--stressor-seed", "1")


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_pytest_cov_sees_a_device_that_is_found_by_its_path(
    branchy: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    result = branchy.runpytest_subprocess(*WITH_COV, "--stressor", "devices/", *arguments)

    result.assert_outcomes(passed=7)
    lines, branches = measured_by_pytest_cov(branchy.path)
    assert lines == MISSED
    assert sorted({start for start, _ in branches} & {BEFORE, AFTER}) == [BEFORE, AFTER]
    assert [AFTER, AFTER + 1] in branches


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_pytest_cov_sees_a_device_of_a_package_that_was_imported_before(
    branchy: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    branchy.makepyfile(
        early="from devices.branchy import Branchy",
        test_branchy="""
        from stressor import stress_test
        from devices.branchy import Branchy
        test_branchy = stress_test(Branchy)
        """,
    )
    (branchy.path / "devices" / "__init__.py").touch()
    branchy.syspathinsert()
    result = branchy.runpytest_subprocess(
        "-p", "early", "test_branchy.py", *WITH_COV, "--stressor", "devices/", *arguments
    )

    result.assert_outcomes(passed=14)
    assert measured_by_pytest_cov(branchy.path)[0] == MISSED


NAMED = (
    "branchy  devices/branchy.py::Branchy",
    "  save, load, reset  8 of 9 lines, 2 of 4 branches",
    f"  never run          devices/branchy.py:{AFTER + 1} in Branchy._after",
    f"  never taken        devices/branchy.py:{BEFORE} to its end in Branchy._before",
    f"  never taken        devices/branchy.py:{AFTER} to line {AFTER + 1} in Branchy._after",
    "  never exercised    limit",
    "  never drawn        no operation",
)


@pytest.mark.parametrize(
    "arguments", [(), ("-n", "2"), ("--cov=devices", "--cov-branch"), ("--cov=devices", "--cov-branch", "-n", "2")]
)
def test_the_summary_names_what_was_never_run(
    branchy: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    result = branchy.runpytest_subprocess(
        "--stressor", "devices/", "--stressor-coverage", "--stressor-seed", "1", *arguments
    )

    result.assert_outcomes(passed=7)
    lines = result.outlines
    first = lines.index(NAMED[0])
    assert lines[first : first + len(NAMED)] == [*NAMED]


def test_an_operation_that_was_never_drawn_is_named(branchy: pytest.Pytester) -> None:
    many = BRANCHY.replace('size=3, registers={0: "count", 1: "limit", 2: "odd"}', "size=40")
    (branchy.path / "devices" / "branchy.py").write_text(many.replace("0)[offset]", "0)[offset % 3]"))
    result = branchy.runpytest_subprocess(
        "--stressor", "devices/", "--stressor-coverage", "-k", "load-restores", "--stressor-cycles", "1"
    )

    # one plan of some dozens of operations, and eighty kinds
    result.stdout.fnmatch_lines(["  never drawn        *0x*"])


def test_without_branches_only_lines_are_named(branchy: pytest.Pytester) -> None:
    result = branchy.runpytest_subprocess(
        "--stressor", "devices/", "--stressor-coverage", "--cov=devices"
    )

    result.stdout.fnmatch_lines(
        ["  save, load, reset  8 of 9 lines, branches not measured (give --cov-branch)", NAMED[2]]
    )
    result.stdout.no_fnmatch_line("*never taken*")


def test_a_device_that_coverage_leaves_out_is_said_to_be(branchy: pytest.Pytester) -> None:
    branchy.makepyfile(other="")
    result = branchy.runpytest_subprocess(
        "--stressor", "devices/", "--stressor-coverage", "--cov=other"
    )

    result.stdout.fnmatch_lines(
        [
            "  not measured       devices/branchy.py",
            "*coverage runs already and leaves that out: name it with --cov",
            "  never exercised    limit",
        ]
    )


def test_an_adapted_class_has_its_own_save_load_and_reset(branchy: pytest.Pytester) -> None:
    (branchy.path / "devices" / "branchy.py").write_text(
        '''
from hypothesis import strategies as st
from stressor.targets.adapter import adapt


class Plain:
    def __init__(self):
        self.clear()

    def clear(self):
        self.level = 0

    def store(self):
        return bytes([self.level])

    def load(self, data):
        if len(data) != 1:
            raise ValueError("one byte")
        self.level = data[0]

    def put(self, level):
        if level > 99:
            level = 9
        self.level = level


plain = adapt(
    Plain, save="store", load="load", reset="clear", operations={"put": {"level": st.integers(0, 9)}}
)
'''
    )
    result = branchy.runpytest_subprocess(
        "--stressor", "devices/", "--stressor-coverage", "-k", "load-restores"
    )

    result.stdout.fnmatch_lines(
        [
            "  save, load, reset  4 of 5 lines, 1 of 2 branches",
            "  never run          devices/branchy.py:18 in Plain.load",
            "  never taken        devices/branchy.py:17 to line 18 in Plain.load",
        ]
    )


def test_without_the_package_the_cure_is_said(branchy: pytest.Pytester) -> None:
    branchy.makeconftest("import sys\nsys.modules['coverage'] = None")
    result = branchy.runpytest_subprocess("-p", "no:cov", "--stressor", "devices/", "--stressor-coverage")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--stressor-coverage needs the package coverage; install coverage, or pytest-cov"]
    )
