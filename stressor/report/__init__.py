"""One formatter of findings, many outputs; each consumes the engine's events."""

from __future__ import annotations

from stressor.report.block import failure_block
from stressor.report.jsonl import JsonLines
from stressor.report.terminal import TerminalReport

__all__ = ["JsonLines", "TerminalReport", "failure_block"]
