"""Stored expectations: compared with what the code says, or written anew.

`STRESSOR_REWRITE=1 pytest tests/findings tests/report tests/cli` writes them, and the stored
outputs of the command line.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["ROOT", "assert_current", "assert_stored"]

ROOT = Path(__file__).parent.parent
_REFERENCE = ROOT / "docs" / "reference"


def assert_current(name: str, schema: object) -> None:
    """Assert that `docs/reference/<name>` holds `schema`."""
    assert_stored(_REFERENCE / name, json.dumps(schema, indent=2) + "\n")


def assert_stored(file: Path, text: str) -> None:
    """Assert that `file` holds `text`; write it instead when the environment says so."""
    if os.environ.get("STRESSOR_REWRITE"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
