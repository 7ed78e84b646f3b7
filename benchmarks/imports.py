"""What importing Stressor, and a pytest session beside it, pull in."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Row

__all__ = ["HEAVY", "heavy_in_a_session", "heavy_modules_after", "measure"]

HEAVY = ("hypothesis", "rich")
"""What must not be loaded before a stress test exists."""

_ROOT = Path(__file__).resolve().parents[1]
_REPORT = f"import json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
_CONFTEST = f"""
import sys
def pytest_terminal_summary(terminalreporter):
    loaded = [m for m in {HEAVY} if m in sys.modules]
    terminalreporter.write_line(f"heavy modules: {{loaded}}")
"""


def heavy_modules_after(program: str) -> list[str]:
    """Run a program in a new interpreter; return the heavy modules it ended up with."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(_ROOT)!r})\n{program}\n{_REPORT}"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules: list[str] = json.loads(done.stdout)
    return modules


def heavy_in_a_session(folder: Path, first_line: str = "") -> str:
    """Run pytest in `folder` on one test; return what the session says of its heavy modules."""
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_other.py").write_text(f"{first_line}\ndef test_other(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("heavy modules"))


def plugin_milliseconds(rounds: int = 10) -> float:
    """Return what a pytest session pays to load the plugin: the quickest of some interpreters, each by its
    own account. What its hooks do in the session then is not in it."""
    program = f"import sys; sys.path.append({str(_ROOT)!r}); import pytest, stressor.plugin.hooks"
    command = [sys.executable, "-X", "importtime", "-c", program]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(rounds)]
    # "import time:  self [us] | cumulative | module"; the last is what was imported last
    return min(int(run.splitlines()[-1].split("|")[1]) for run in runs) / 1000


def measure() -> list[Row]:
    """Return the rows. Raises AssertionError when a heavy module would not be seen."""
    assert heavy_modules_after("import rich") == ["rich"], "a heavy module is not seen"
    loaded = heavy_modules_after("import stressor, stressor.device, stressor.vmstate")
    with tempfile.TemporaryDirectory() as folder:
        session = heavy_in_a_session(Path(folder))
    paid = plugin_milliseconds()
    return [
        Row("import stressor loads", ", ".join(loaded) or "nothing heavy", "", "", "no " + "/".join(HEAVY), not loaded),
        Row(
            "a pytest session without a stress test loads",
            session.removeprefix("heavy modules: ").replace("[]", "nothing heavy"),
            must_be="no " + "/".join(HEAVY),
            reached=session.endswith("[]"),
        ),
        Row("a pytest session pays for the plugin", f"{paid:.1f} ms", must_be="< 20 ms", reached=paid < 20),
    ]
