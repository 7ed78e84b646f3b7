"""Turns event streams of sweeps into the Markdown of docs/qemu-results.md.

    stressor run 'qemu:*,machine=q35' --seed 1 --cycles 60 --json q35.jsonl
    python -m benchmarks.qemu_results --qemu 7.2.22 --page docs/qemu-results.md q35.jsonl ...

What stands above the mark in the page was written by people, and stays. A stream that ends early is
taken as far as it goes. `notes` holds a paragraph for a finding: it begins with the finding's id, or
several of them, and a colon.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stressor.loop.finding import Cause, Divergence, FieldChange, Kind, Oracle

__all__ = ["MARK", "Sweep", "main", "markdown", "notes_in", "read_sweep"]

MARK = "<!-- below: python -m benchmarks.qemu_results -->"
"""In a page, what is below it is written anew."""


@dataclass
class Sweep:
    """What a stream says: the start of the run, the last event of each target, and the findings."""

    seed: int = 0
    seconds: float | None = None
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


def read_sweep(lines: Sequence[str]) -> Sweep:
    """Return what the lines of an event stream say. Raises ValueError for what is none."""
    sweep = Sweep()
    for line in lines:
        event = json.loads(line)
        match event["event"]:
            case "run-started":
                sweep.seed = event["seed"]
            case "target-started" | "target-finished" | "target-skipped" | "target-broke":
                sweep.outcomes[event["target"]] = event
            case "finding-found":
                sweep.findings.append(event["finding"])
            case "run-finished":
                sweep.seconds = (sweep.seconds or 0.0) + event["seconds"]  # streams can be put together
    return sweep


def notes_in(text: str) -> dict[str, str]:
    """Return the paragraphs of a text of notes, by the ids that each begins with."""
    found: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        match = re.match(r"((?:F-[0-9a-f]{8}[,\s]*)+):\s*", paragraph)
        if match is None:
            raise ValueError(f"a note begins with the id of a finding and a colon: {paragraph[:60]!r}")
        found.update(dict.fromkeys(re.findall(r"F-[0-9a-f]{8}", match[1]), paragraph[match.end() :]))
    return found


def markdown(sweeps: Sequence[Sweep], *, version: str, notes: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the page."""
    findings = [finding for sweep in sweeps for finding in sweep.findings]
    seeds = ", ".join(dict.fromkeys(str(sweep.seed) for sweep in sweeps))
    yield f"QEMU {version}; seed {seeds}; {len(findings)} findings in {sum(len(s.outcomes) for s in sweeps)} targets."
    yield "Written by `python -m benchmarks.qemu_results`, notes apart; how to repeat it is in its docstring."
    for sweep in sweeps:
        yield from _table(sweep)
    yield from _findings(findings, notes)


def _table(sweep: Sweep) -> Iterator[str]:
    took = f", {sweep.seconds:.0f} s" if sweep.seconds is not None else ", not to its end"
    yield ""
    yield f"## {_machine(sweep)} ({len(sweep.outcomes)} targets{took})"
    yield ""
    yield "| device | cycles | cycles/s | operations | exercised | findings |"
    yield "|---|---|---|---|---|---|"
    left: dict[str, list[str]] = {}
    for target, event in sweep.outcomes.items():
        name = target.partition(":")[2]
        count = sum(finding["target"] == target for finding in sweep.findings)
        match event["event"]:
            case "target-finished":
                done = event["statistics"]
                cycles, operations = sum(done["cycles"].values()), sum(done["operations"].values())
                rate = cycles / done["seconds"] if done["seconds"] else 0.0
                yield (
                    f"| {name} | {cycles} | {rate:.1f} | {operations} | "
                    f"{done['exercised']}/{done['fields']} | {count or '-'} |"
                )
            case "target-skipped":
                left.setdefault(event["reason"], []).append(name)
            case "target-broke":
                left.setdefault("broke", []).append(name)
            case _:
                left.setdefault("not finished", []).append(name)
    for reason, names in left.items():
        yield ""
        yield f"{reason.capitalize()}: {', '.join(names)}."


def _machine(sweep: Sweep) -> str:
    found = {match[1] for name in sweep.outcomes if (match := re.search(r"machine=([^, ]+)", name))}
    return ", ".join(sorted(found)) or "pc"


def _findings(findings: Sequence[dict[str, Any]], notes: dict[str, str]) -> Iterator[str]:
    for kind in Kind:
        alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for finding in findings:
            divergence = finding["divergence"]
            if _kind(divergence) is kind:
                path = re.sub(r"\[\d+\]", "[]", divergence["first"]["path"])
                alike.setdefault((divergence["cause"], path), []).append(finding)
        if not alike:
            continue
        yield ""
        yield f"## {str(kind).capitalize()} ({len(alike)})"
        for (cause, path), those in alike.items():
            ids = ", ".join(dict.fromkeys(finding["id"] for finding in those))
            where = ", ".join(dict.fromkeys(finding["target"].partition(":")[2] for finding in those))
            yield ""
            yield f"**`{path}`**: {cause}. In {where} ({ids})."
            yield from dict.fromkeys(notes[each["id"]] for each in those if each["id"] in notes)


def _kind(divergence: dict[str, Any]) -> Kind:
    change = FieldChange("", None, None)
    return Divergence(Oracle(divergence["oracle"]), Cause(divergence["cause"]), change, 0).kind


def main(arguments: Sequence[str]) -> int:
    """Print the page of the streams that are named; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.qemu_results", description=__doc__)
    parser.add_argument("streams", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--qemu", required=True, metavar="VERSION")
    parser.add_argument("--notes", type=Path, metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="rewrite what is below its mark")
    given = parser.parse_args(arguments)
    sweeps = [read_sweep(file.read_text().splitlines()) for file in given.streams]
    notes = notes_in(given.notes.read_text()) if given.notes else {}
    text = "\n".join(markdown(sweeps, version=given.qemu, notes=notes)) + "\n"
    if given.page is None:
        sys.stdout.write(text)
        return 0
    above = given.page.read_text().partition(MARK)[0] if given.page.exists() else ""
    given.page.write_text(f"{above}{MARK}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
