"""What QEMU's own checker finds is found, on the same dumps.

It is not part of the project: STRESSOR_TEST_QEMU_CHECKER names a copy of QEMU's
`scripts/vmstate-static-checker.py`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stressor.vmstate.check import Direction, check_dumps
from tests.vmstate.check.dumps import stored_bytes, stored_dump

CHECKER = os.environ.get("STRESSOR_TEST_QEMU_CHECKER", "")


@pytest.mark.skipif(not CHECKER, reason="STRESSOR_TEST_QEMU_CHECKER names no copy of the script")
@pytest.mark.parametrize(
    ("direction", "option"), [(Direction.FORWARD, []), (Direction.BACKWARD, ["--reverse"])]
)
@pytest.mark.parametrize("target", ["x86_64", "arm"])
def test_each_section_that_it_complains_about_has_a_difference(
    tmp_path: Path, target: str, direction: Direction, option: list[str]
) -> None:
    names = [f"qemu-{version}-{target}" for version in ("7.2", "10.0")]
    for name in names:
        (tmp_path / name).write_bytes(stored_bytes(name))
    old, new = (str(tmp_path / name) for name in names)

    script = subprocess.run(
        [sys.executable, CHECKER, "-s", old, "-d", new, *option], capture_output=True, text=True
    )
    theirs = set(re.findall(r'^Section "([^"]*)"', script.stdout, re.M))
    found = check_dumps(*(stored_dump(name) for name in names)).differences

    assert len(theirs) > 5
    assert theirs - {each.section for each in found if each.verdict(direction).severity} == set()
