"""A soak as long as a user's: what it holds on to, what it leaves behind, and what it spends beside the targets.

It takes half an hour, or as many minutes as STRESSOR_TEST_LONG says, and prints what it measured:

    pytest -m long -s tests/soak/test_long.py
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import stressor
from tests.stored import ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs a real QEMU"),
]

MINUTES = float(os.environ.get("STRESSOR_TEST_LONG", "30"))
WARM_UP = min(300.0, MINUTES * 60 / 3)
"""Seconds in which modules are loaded, and findings come in one after the other."""
MEASURED_FROM = 1200.0
"""Seconds of a soak from which on its growth an hour can be told from a page or two, and what is done once a target
weighs little."""
LOOK_EVERY = 2.0
QEMU = [f"qemu:{device}" for device in ("e1000", "rtl8139", "pcnet", "edu", "AC97")]
MARK = "STRESSOR_TEST_MARK"
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Soaked:
    """What a soak was seen to do. `resident` are the coordinator's bytes by seconds; `left` names what was there
    afterwards."""

    code: int
    out: str
    errors: str
    seconds: float
    resident: list[tuple[float, int]]
    left: list[str]
    summary: dict[str, Any]

    @property
    def growth(self) -> float:
        """Bytes an hour after the warm-up, by least squares."""
        later = [sample for sample in self.resident if sample[0] >= WARM_UP]
        slope, _ = statistics.linear_regression([at for at, _ in later], [held for _, held in later])
        return slope * 3600

    def figures(self) -> str:
        """Return what was measured, for whoever reads it."""
        held = [held for at, held in self.resident if at >= WARM_UP]
        return "\n".join(
            [
                "",
                f"{self.seconds:.0f} s for {MINUTES:g} min, {len(self.resident)} looks",
                f"coordinator {held[0] / 1e6:.2f} MB after {WARM_UP:.0f} s, {held[-1] / 1e6:.2f} MB at the end, "
                f"at most {max(held) / 1e6:.2f} MB: {self.growth / 1e6:+.3f} MB an hour",
                f"{self.summary['inside']:.2%} of the workers' time in targets, {self.summary['jobs']} jobs, "
                f"{self.summary['cycles']} cycles, {len(self.summary['findings'])} findings",
                f"left behind: {', '.join(self.left) or 'nothing'}",
                "",
            ]
        )


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    folder, temporary = tmp_path_factory.mktemp("soak"), tmp_path_factory.mktemp("temporary")
    shutil.copytree(ROOT / "devices", folder / "devices")
    mark = secrets.token_hex(8)
    files = {name: (folder / name).open("w+") for name in ("out", "errors")}
    started = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "stressor", "soak", "devices", *QEMU,
            "--for", f"{MINUTES * 60:.0f}s", "--jobs", "2", "--seed", "1",
        ],
        cwd=folder, stdout=files["out"], stderr=files["errors"],
        env={
            **os.environ, "PYTHONPATH": str(Path(stressor.__file__).parent.parent), "TMPDIR": str(temporary), MARK: mark,
        },
    )  # fmt: skip
    resident: list[tuple[float, int]] = []
    while True:
        try:
            process.wait(timeout=LOOK_EVERY)
            break
        except subprocess.TimeoutExpired:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            resident.append((time.monotonic() - started, pages * _PAGE))
    seconds = time.monotonic() - started
    left = [*_processes(mark), *_sockets(temporary), *map(str, temporary.iterdir()), *_storage(started)]
    texts = {name: (file.seek(0), file.read())[1] for name, file in files.items()}
    for file in files.values():
        file.close()
    summary = json.loads((folder / ".stressor" / "summary.json").read_text())
    soaked = Soaked(process.returncode, texts["out"], texts["errors"], seconds, resident, left, summary)
    print(soaked.out, soaked.errors, soaked.figures(), sep="\n")
    return soaked


def _processes(mark: str) -> list[str]:
    """Return the processes that have the mark of the soak in their environment, as whatever it started has."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(f"process {entry.name}: {(entry / 'comm').read_text().strip()}")
            except OSError:
                continue
    return found


def _sockets(folder: Path) -> list[str]:
    """Return the sockets of the system that lie in a folder; those without a name end with their processes."""
    return [line for line in Path("/proc/net/unix").read_text().splitlines() if str(folder) in line]


def _storage(started: float) -> list[str]:
    """Return what was made in memory-backed storage since, by a process that is gone."""
    since = time.time() - (time.monotonic() - started)
    return [
        str(path)
        for path in Path("/dev/shm").glob("stressor-*")
        if path.stat().st_ctime >= since and not Path("/proc", path.name.split("-")[1]).exists()
    ]


def test_it_ends_in_time_and_as_it_should(soaked: Soaked) -> None:
    assert soaked.code == 1, soaked.errors  # QEMU's devices lose fields, ours do not
    assert soaked.errors == ""
    assert soaked.summary["end"] == "done"
    found = [one for one in soaked.summary["findings"] if one["status"] != "not replaying"]  # such as a hang of a busy machine
    assert {one["target"] for one in found} <= set(QEMU)
    assert soaked.summary["elapsed"] < MINUTES * 60 + 8  # five seconds, and some for a machine with other work


def test_its_own_memory_does_not_grow(soaked: Soaked) -> None:
    if soaked.seconds < MEASURED_FROM:
        pytest.skip("too short to tell how much memory it would take in an hour")
    assert soaked.growth < 1e6


def test_it_leaves_no_process_socket_or_file(soaked: Soaked) -> None:
    assert soaked.left == []


def test_nine_tenths_of_the_time_go_into_targets(soaked: Soaked) -> None:
    if soaked.seconds < MEASURED_FROM:
        pytest.skip("too short: opening and trying out the targets once weighs too much")
    assert soaked.summary["inside"] >= 0.9
