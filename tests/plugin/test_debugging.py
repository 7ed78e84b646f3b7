"""Debuggers, with somebody at the prompt."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.plugin.conftest import FORGETFUL
from tests.plugin.crashing import add_crashing
from tests.plugin.found import store_finding

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning"),
]

EXPLORED = "--stressor devices/forgetful.py -k load-restores --stressor-seed 1"
LOST = "--stressor-replay F-6981e976"
PROMPT = r"\(Pdb\) "


@pytest.fixture
def lost(project: pytest.Pytester) -> pytest.Pytester:
    """Return the project with a finding: a field that is never saved."""
    store_finding(project, "devices/forgetful.py", "load-restores", 1)
    return project


class Typist:
    """Types at the prompts of a pytest run, and reads what comes of it."""

    def __init__(self, project: pytest.Pytester, arguments: str) -> None:
        self._child: Any = project.spawn_pytest(f"--color=no {arguments}", expect_timeout=120)
        self._end: Any = importlib.import_module("pexpect").EOF

    def prompt(self) -> str:
        """Wait for a prompt; return what was printed before it."""
        self._child.expect(PROMPT)
        return str(self._child.before.decode())

    def type(self, line: str) -> str:
        """Type a line; return what was printed up to the next prompt."""
        self._child.sendline(line)
        return self.prompt()

    def last(self, line: str) -> str:
        """Type a line after which the run ends; return the rest."""
        self._child.sendline(line)
        self._child.expect_exact(self._end)
        return str(self._child.before.decode())


def _words(text: str) -> list[str]:
    """Return the words behind what was typed."""
    return text.split("\n", 1)[1].split()


def test_it_stops_at_the_divergence_with_the_device_and_its_states(project: pytest.Pytester) -> None:
    typist = Typist(project, f"--pdb {EXPLORED}")

    assert "diverges_here()" in typist.prompt()
    assert "Forgetful object" in typist.type("p device")
    assert _words(typist.type("p before")) == ["enable", "0", "first", "1", "second", "0", "kept", "0"]
    assert _words(typist.type("p after")) == ["enable", "0", "first", "0", "second", "0", "kept", "0"]
    assert _words(typist.type("p changed")) == ["first", "(1,", "0)"]
    assert _words(typist.type("p device.first, before['first']")) == ["(0,", "1)"]
    assert "stressor replay F-6981e976" in typist.last("c")


def test_the_device_is_live(lost: pytest.Pytester) -> None:
    typist = Typist(lost, f"--pdb {LOST}")

    typist.prompt()
    typist.type("device._write(2, 1, 7)")

    assert _words(typist.type("p device._read(2, 1)")) == ["7"]
    assert "Quitting debugger" in typist.last("q")


def test_it_stops_in_a_device_that_raised_with_ours_above(project: pytest.Pytester) -> None:
    add_crashing(project)
    store_finding(project, "devices/crashing.py", "runs-alone", 255)
    typist = Typist(project, "--pdb --stressor-replay F-41c22bd6")

    assert "_check()" in typist.prompt()
    assert _words(typist.type("p value")) == ["255"]
    assert "_write()" in typist.type("up")
    assert "diverges_here()" in typist.type("up")
    assert _words(typist.type("p before['first']")) == ["0"]
    typist.last("q")


def test_a_finding_that_is_run_again_stops_too(lost: pytest.Pytester) -> None:
    typist = Typist(lost, f"--pdb {LOST}")

    assert "diverges_here()" in typist.prompt()
    assert _words(typist.type("p changed")) == ["first", "(1,", "0)"]
    typist.last("q")


def test_a_debugger_of_ones_own_is_used(
    lost: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(lost.path))  # `-p` imports it, also with PYTHONSAFEPATH
    lost.makepyfile(
        mine="""
        import pdb

        class Mine(pdb.Pdb):
            def do_hello(self, argument):
                print("hello yourself")
        """
    )
    typist = Typist(lost, f"--pdb --pdbcls=mine:Mine -p mine {LOST}")

    typist.prompt()

    assert "hello yourself" in typist.type("hello")
    typist.last("q")


def test_trace_stops_before_the_device_is_driven(project: pytest.Pytester) -> None:
    typist = Typist(project, f"--trace {EXPLORED.replace('load-restores', 'save-is-pure')}")

    assert "explores_here()" in typist.prompt()
    assert _words(typist.type("p device, oracle")) == ["('forgetful',", "'save-is-pure')"]
    assert "1 passed" in typist.last("c")


@pytest.fixture
def stopping(project: pytest.Pytester) -> pytest.Pytester:
    """Return the project with a device that has a breakpoint in it."""
    text = FORGETFUL.replace("        setattr(", "        breakpoint()\n        setattr(")
    (project.path / "devices" / "forgetful.py").write_text(text)
    return project


@pytest.mark.parametrize("capture", ["-s", ""])
def test_a_breakpoint_in_an_operation_stops_there(stopping: pytest.Pytester, capture: str) -> None:
    typist = Typist(stopping, f"{capture} {EXPLORED}")

    assert "_write()" in typist.prompt()
    assert _words(typist.type("p self.kept"))[0] == "0"
    assert "_write()" in typist.type("c")
    assert "Quitting debugger" in typist.last("q")
