"""Reading streams: beside QEMU's own script on the same stream, and beside `cat` on a large one.

QEMU's script is not part of this project: STRESSOR_ANALYZE_MIGRATION names a copy of its
scripts/analyze-migration.py. Without one its stored figure is printed, and nothing is judged.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

from benchmarks.measure import Row, at_least, at_most, in_turns, ratio, seconds, timed
from benchmarks.mutate import measure_mutations
from stressor.vmstate.stream import read_stream
from stressor.vmstate.stream.description import _described
from stressor.vmstate.stream.naming import _layouts
from tests.vmstate.stream.samples import description, header, memory, stored

__all__ = ["measure"]

VARIABLE: Final = "STRESSOR_ANALYZE_MIGRATION"
STORED_FIGURE: Final = "23 ms"
"""What the script of QEMU 7.2 took for this stream, where ours took 1.9 ms (CPython 3.11)."""

PAGE: Final = 4096
LARGE: Final = 1 << 30
MEMORY: Final = 8 << 20
"""Bytes by which a stream of 1 GB may need more than one of 300 KB."""

_ROOT: Final = Path(__file__).resolve().parents[1]
_ROUNDS: Final = 5


class _Spent(NamedTuple):
    seconds: float
    memory: int


def measure(whole: bool = False) -> list[Row]:
    """Return the rows: decoding a PC's devices; 1 GB of memory beside `cat`; mutated streams.

    With `whole` a million of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.mig"), Path(folder, "large.mig")
        small.write_bytes(stored("qemu-7.2-pc"))
        write_large(large)
        return [*_decoding(small), *_passing(small, large), *measure_mutations(whole)]


def write_large(file: Path, size: int = LARGE) -> None:
    """Write a stream of `size` bytes of full pages, in order, as a busy guest's memory gives."""
    pages = size // (PAGE + 8)
    content = bytes(range(256)) * (PAGE // 256)
    whole = memory(b"", ("ram", pages * PAGE))
    begin, end = whole[: -8 - 5], whole[-8 - 5 :]
    with open(file, "wb") as out:
        out.write(header() + begin)
        out.write(struct.pack(">Q", 8) + b"\3ram" + content)
        for first in range(1, pages, 4096):
            numbers = range(first, min(first + 4096, pages))
            out.writelines(struct.pack(">Q", page * PAGE | 0x28) + content for page in numbers)
        out.write(end + description(page_size=PAGE))


def _decoding(file: Path) -> list[Row]:
    def ours() -> int:
        return sum(len(section.fields()) for section in read_stream(file).sections)

    def first() -> int:
        _described.cache_clear()
        _layouts.clear()
        return ours()

    sides = {"ours": lambda: timed(ours, 5), "first": lambda: timed(first, 5)}
    what = f"a PC's {ours():,} fields decoded, beside analyze-migration.py"
    once = "  the first time for a machine, its description parsed"
    script = os.environ.get(VARIABLE)
    if script is None:
        costs = in_turns(sides)
        peer = f"{STORED_FIGURE} (stored)"
        return [
            Row(what, seconds(min(costs["ours"])), peer),
            Row(once, seconds(min(costs["first"])), peer),
        ]
    theirs = _peer(Path(script))
    costs = in_turns({**sides, "theirs": lambda: timed(lambda: theirs(file), 2)})
    mine, cold, other = (seconds(min(costs[side])) for side in ("ours", "first", "theirs"))
    slower = ratio(costs, "first", "theirs")
    return [
        at_least(what, mine, other, ratio(costs, "ours", "theirs"), 5),
        Row(once, cold, other, f"{slower:,.1f}x"),
    ]


def _peer(script: Path) -> Callable[[Path], object]:
    """Return what reads and decodes a stream by the script's class, without its command line."""
    text = script.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "analyze_migration"}
    exec(compile(text[: text.index("\nparser = ")], str(script), "exec"), names)

    def decode(file: Path) -> object:
        dump = names["MigrationDump"](str(file))
        dump.read()
        return dump.getDict()

    return decode


def _passing(small: Path, large: Path) -> list[Row]:
    """Measure whole processes; what `inspect` takes on a small stream is its start-up."""
    needed = []

    def ours() -> float:
        start, whole = _inspect(small), _inspect(large)
        needed.append(whole.memory - start.memory)
        return whole.seconds - start.seconds

    def cat() -> float:
        return _run(["cat", str(large)]).seconds

    costs = in_turns({"ours": ours, "cat": cat}, _ROUNDS)
    more = max(needed)
    return [
        at_most(
            "inspect on 1 GB of memory, start-up apart, beside cat to /dev/null",
            seconds(min(costs["ours"])),
            seconds(min(costs["cat"])),
            ratio(costs, "cat", "ours"),
            4,
        ),
        Row(
            "inspect on 1 GB: memory that it needs more than on 300 KB",
            f"{more / (1 << 20):.1f} MB",
            must_be=f"<= {MEMORY >> 20} MB",
            reached=more <= MEMORY,
        ),
    ]


def _inspect(file: Path) -> _Spent:
    return _run([sys.executable, "-m", "stressor", "inspect", str(file)])


def _run(command: list[str]) -> _Spent:
    """Run a command without its output; return what it took. Raises RuntimeError if it fails."""
    begin = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=_ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    spent = perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return _Spent(spent, usage.ru_maxrss << 10)
