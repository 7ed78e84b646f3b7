"""Findings of earlier runs, which are tried before anything is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from stressor.errors import RecordError
from stressor.findings.record import read
from stressor.findings.store import Store
from stressor.loop.finding import Finding, Oracle

__all__ = ["earlier_findings"]

_READ: Final = 512
"""Files that are read at most: a sweep over many devices leaves hundreds."""

_TRIED: Final = 8
"""Findings of one device and oracle that are tried at most."""

_STORED: pytest.StashKey[dict[tuple[str, Oracle], list[Finding]]] = pytest.StashKey()


def earlier_findings(
    config: pytest.Config, folder: Path, target: str, oracle: Oracle
) -> list[Finding]:
    """Return what earlier runs found of a target's oracle.

    To be called when tests are collected, before one of them finds something: so they are the same in
    each worker, and in any order. What cannot be read is left to `stressor list` to complain about.
    """
    stored = config.stash.get(_STORED, None)
    if stored is None:
        stored = config.stash[_STORED] = _read(folder)
    return stored.get((target, oracle), [])[:_TRIED]


def _read(folder: Path) -> dict[tuple[str, Oracle], list[Finding]]:
    found: dict[tuple[str, Oracle], list[Finding]] = {}
    for file in Store(folder).paths()[:_READ]:
        try:
            finding = read(file)
        except RecordError:
            continue
        found.setdefault((finding.target, finding.divergence.oracle), []).append(finding)
    return found
