"""Promoted findings: kept beside the device, to be committed with it and replayed first in every run.

A device in `devices/uart16550.py` has them in `devices/regressions/uart16550/F-7c1e04ab.json`, under its
name. A target that is no file, such as `qemu:edu`, has them in `regressions/` of the working directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stressor.errors import RecordError, UsageError
from stressor.findings.record import read
from stressor.findings.store import Store
from stressor.loop.finding import Finding

__all__ = ["folder_of", "folders_near", "promote", "promoted", "read_promoted"]

_FOLDER: Final = "regressions"


def folder_of(name: str, specification: str, root: Path) -> Path:
    """Return where the promoted findings of a target are; the folder need not exist."""
    return root / _beside(specification) / _FOLDER / re.sub(r"[^\w.,=+@-]", "_", name)


def folders_near(specifications: Iterable[str], root: Path) -> list[Path]:
    """Return the folders of promoted findings beside what the specifications name, and in `root`."""
    near = [root, *(root / _beside(specification) for specification in specifications)]
    found = (folder for beside in near for folder in sorted((beside / _FOLDER).glob("*/")))
    return [*dict.fromkeys(found)]


def promote(finding: Finding, root: Path) -> tuple[Path, bool]:
    """Copy a finding to where its device's regressions are; return the file, and whether it is new.

    One that is there already stays unless the new trace is shorter. Raises UsageError when the device's
    file is not there, RecordError when the copy cannot be written.
    """
    file, colons, _ = finding.specification.partition("::")
    if colons and not (root / file).is_file():
        raise UsageError(
            f"{finding.id}: its device is not there any more: no file {file}; "
            "run this where `stressor run` found it"
        )
    store = Store(folder_of(finding.target, finding.specification, root))
    before = [file.read_bytes() for file in store.paths() if file.stem == finding.id]
    written = store.write(finding)
    return written, [written.read_bytes()] != before


def promoted(name: str, specification: str, root: Path) -> list[Path]:
    """Return the files of a target's promoted findings, by id."""
    return Store(folder_of(name, specification, root)).paths()


def read_promoted(file: Path, name: str) -> Finding:
    """Return the promoted finding in `file`. Raises RecordError when it cannot be read, or is one of
    another target than `name`."""
    finding = read(file)
    if finding.target != name:
        raise RecordError(
            str(file), f"a finding of {finding.target}, in the folder of {name}", "move it to its own"
        )
    return finding


def _beside(specification: str) -> Path:
    """Return the folder that a target's file is in, from the root; the root for what is no file."""
    file, _, _ = specification.partition("::")
    if ":" in file:
        return Path()
    path = Path(file)
    return path.parent if path.suffix == ".py" else path
