"""One seed, one result: whatever the order of hashes, and in a process of its own each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.repo.project import ROOT

TIMES = ("seconds",)


def result(folder: Path, hash_seed: str) -> str:
    """Return a digest of all events of a run but for the times in them."""
    done = subprocess.run(
        [
            sys.executable, "-m", "stressor", "run", "tests/search/small_devices.py", "--seed", "99",
            "--cycles", "300", "--batch-timeout", "100ms", "--json", "-", "--findings", str(folder),
        ],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    events = [json.loads(line, object_hook=timeless) for line in done.stdout.splitlines()]
    wanted = [event for event in events if event["event"] in ("finding-found", "target-finished")]
    assert len(wanted) > 6
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def timeless(record: dict[str, object]) -> dict[str, object]:
    """Drop what a clock on the wall says."""
    return {name: value for name, value in record.items() if name not in TIMES}


def test_the_order_of_hashes_decides_nothing(tmp_path: Path) -> None:
    assert result(tmp_path / "a", "0") == result(tmp_path / "b", "77")
