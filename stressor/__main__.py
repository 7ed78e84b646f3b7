"""`python -m stressor`."""

from __future__ import annotations

import sys

from stressor.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
