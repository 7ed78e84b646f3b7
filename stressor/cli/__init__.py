"""The command line; one module per verb."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code, see `stressor.cli.exit_code`."""
    try:
        from stressor.cli.application import main as run  # late: Ctrl-C may come meanwhile

        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("stressor: error: aborted\n")
        return 130  # ExitCode.INTERRUPTED, of which nothing may be imported yet
