"""Print one table: what, ours, peer, ratio, must be, verdict."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.measure import Row, table

GROUPS = ("codec", "cycles", "museum", "losses", "steering", "shrink", "stream", "imports", "qemu", "live", "scale")
LONG = ("museum", "losses", "steering", "stream")


def main(arguments: list[str]) -> int:
    """Measure, print the table, and return the exit code: 0, or with --check 1 for a miss."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"any of {', '.join(GROUPS)}")
    parser.add_argument("--long", action="store_true", help="every bug, nine seeds, a million mutated streams: over an hour")
    parser.add_argument("--check", action="store_true", help="exit with 1 when something is not reached")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; choose from {', '.join(GROUPS)}")
    rows: list[Row] = []
    for group in chosen.groups or GROUPS:
        print(f"measuring {group} ...", file=sys.stderr, flush=True)
        module = importlib.import_module(f"benchmarks.{group}")
        rows += module.measure(whole=chosen.long) if group in LONG else module.measure()
    print(table(rows))
    return int(chosen.check and any(row.reached is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
