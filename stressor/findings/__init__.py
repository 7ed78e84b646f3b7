"""Records of findings on disk."""

from __future__ import annotations

from stressor.findings.record import decode, encode, read
from stressor.findings.store import Store

__all__ = ["Store", "decode", "encode", "read"]
