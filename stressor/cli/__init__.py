"""The command line; one module per verb."""

from __future__ import annotations

from stressor.cli.application import main
from stressor.cli.exit_code import ExitCode

__all__ = ["ExitCode", "main"]
