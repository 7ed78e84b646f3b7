"""Importing Stressor stays light: its plugin will be loaded in every pytest session around."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.imports import HEAVY, heavy_in_a_session, heavy_modules_after


@pytest.mark.parametrize("module", ["stressor", "stressor.device", "stressor.vmstate"])
def test_importing_pulls_in_nothing_heavy(module: str) -> None:
    assert heavy_modules_after(f"import {module}") == []


@pytest.mark.parametrize("module", HEAVY)
def test_a_heavy_import_is_seen(module: str) -> None:
    assert heavy_modules_after(f"import {module}") == [module]


@pytest.mark.parametrize(("first_line", "expected"), [("", "[]"), ("import rich", "['rich']")])
def test_a_session_without_a_stress_test_pulls_in_nothing_heavy(
    tmp_path: Path, first_line: str, expected: str
) -> None:
    assert heavy_in_a_session(tmp_path, first_line) == f"heavy modules: {expected}"
