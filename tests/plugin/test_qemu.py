"""QEMU's devices as tests: skipped where they cannot be, learnt once, and gone when the session is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

import stressor

real = [
    pytest.mark.qemu,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]


def started_with(token: str) -> set[int]:
    """Return the processes that have a token in their environment."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if token.encode() in environment:
                found.add(int(folder.name))
    return found


def machines_of(token: str) -> set[int]:
    """Return the QEMU processes that have a token in their environment."""
    return {each for each in started_with(token) if b"qemu-system" in command_of(each)}


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


class Session:
    """A pytest session as a process of its own, whose processes can be told from all others."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.token = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(stressor.__file__).parent.parent),
                "TOKEN": self.token,
            },
        )  # fmt: skip

    def finish(self) -> str:
        """Wait for its end; return what it printed."""
        return self.process.communicate()[0]

    def wait_for_machines(self) -> None:
        """Wait until it has started a QEMU."""
        while not machines_of(self.token):
            assert self.process.poll() is None, self.finish()
            time.sleep(0.02)


@pytest.fixture
def folder(project: pytest.Pytester) -> Path:
    return project.path


def quick(*arguments: str) -> Sequence[str]:
    return ("--stressor", "qemu:edu", "--stressor-seed", "1", "--stressor-cycles", "32", *arguments)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_items_are_skipped_with_the_reason_where_there_is_no_binary(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", str(project.mkdir("empty")))
    project.makepyfile(
        test_network="""
        from stressor import stress_test
        test_card = stress_test("qemu:e1000", oracles=["load-restores"])
        """
    )
    result = project.runpytest_subprocess("-rs", "--stressor", "qemu:edu", "test_network.py", *arguments)

    result.assert_outcomes(skipped=8)
    result.stdout.fnmatch_lines(
        ["SKIPPED*: no qemu-system-* on the PATH; install qemu-system-x86, or give binary=PATH"]
    )


def test_items_are_skipped_with_the_extra_to_install_where_the_package_is_missing(
    project: pytest.Pytester,
) -> None:
    project.makeconftest("import sys\nsys.modules['qemu.qmp'] = None")
    result = project.runpytest_subprocess("-rs", "--stressor", "qemu:edu")

    result.assert_outcomes(skipped=7)
    result.stdout.fnmatch_lines(
        ["SKIPPED*: qemu:edu: needs the package qemu.qmp; install qemu.qmp (the extra `qemu`)"]
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("qemu:edu,", "*--stressor qemu:edu,: qemu:edu,: '' is no option*"),
        ("no.such:Device", "*--stressor no.such:Device: no.such:Device: no module named no*"),
    ],
)
def test_a_target_that_makes_no_sense_ends_the_session(
    project: pytest.Pytester, target: str, message: str
) -> None:
    result = project.runpytest("--stressor", target)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_collecting_starts_no_machine(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project.mkdir("empty")))
    result = project.runpytest("--stressor", "qemu:edu", "--collect-only", "-q")

    result.stdout.fnmatch_lines(["qemu:edu::load-restores", "qemu:edu::runs-alone"])


class TestReal:
    pytestmark = real

    def test_a_device_is_learnt_once_for_all_its_items(self, project: pytest.Pytester) -> None:
        project.makeconftest(
            """
            from hypothesis import settings
            from stressor.targets.qemu import model
            settings.register_profile("few", max_examples=1, deadline=None)
            settings.load_profile("few")
            learnt = []
            discover = model.discover
            model.discover = lambda specification: learnt.append(1) or discover(specification)

            def pytest_terminal_summary(terminalreporter):
                terminalreporter.write_line(f"learnt: {len(learnt)}")
            """
        )
        result = project.runpytest_subprocess(*quick("-k", "reset-is-fresh or load-is-silent", "-v"))

        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["learnt: 1"])

    def test_a_device_that_there_is_not_is_an_error_and_no_skip(
        self, project: pytest.Pytester
    ) -> None:
        result = project.runpytest_subprocess("--stressor", "qemu:no-such-device", "-k", "runs-alone")

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*no-such-device*is not a valid device model name*"])

    @pytest.mark.parametrize("arguments", [("-x",), ("-n", "2")])
    def test_nothing_is_left_over(self, folder: Path, arguments: tuple[str, ...]) -> None:
        session = Session(folder, *quick(*arguments, "-k", "resumes-alike or load-is-silent"))

        text = session.finish()

        assert "first divergence" in text
        assert started_with(session.token) == set()

    @pytest.mark.parametrize("arguments", [(), ("-n", "2")])
    def test_nothing_is_left_over_when_it_is_interrupted(
        self, folder: Path, arguments: tuple[str, ...]
    ) -> None:
        session = Session(folder, *quick(*arguments))
        session.wait_for_machines()

        os.killpg(session.process.pid, signal.SIGINT)
        session.finish()

        while started_with(session.token):  # the kernel ends what belonged to a worker that is gone
            time.sleep(0.02)
        assert session.process.returncode == pytest.ExitCode.INTERRUPTED
