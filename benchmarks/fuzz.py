"""A coverage-guided fuzzer over everything that reads bytes from outside.

    python -m benchmarks.fuzz stream --runs 100000

It goes on from real and small samples, and follows what makes the readers' own code take a new way
(Atheris, libFuzzer's engine). Whatever a reader raises but its documented errors is a bug: it ends
with the bytes in a file `crash-...`. Needs the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import atheris

with atheris.instrument_imports(include=["stressor"]):
    from stressor.errors import DumpError, RecordError, StreamError, UsageError
    from stressor.findings import record
    from stressor.vmstate.check import check_dumps
    from stressor.vmstate.dump import Dump, dump_of, encode_dump, parse_dump
    from stressor.vmstate.stream import DescriptionPart, compare_streams, read_stream
    from stressor.vmstate.stream.description import parse_description

import contextlib

from devices.uart16550 import UART16550
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.vmstate.stream.images import image
from tests.vmstate.stream.samples import Pipe, small, stored

__all__ = ["READERS", "Reader", "main"]


class Reader(NamedTuple):
    """Something that reads bytes: how, what it may raise, and what to begin with."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    samples: Callable[[], Sequence[bytes]]


def _stream(data: bytes) -> None:
    stream = read_stream(Pipe(data) if len(data) % 2 else io.BytesIO(data))
    for section in stream.sections:
        section.fields()
    compare_streams(stream, stream)


def _dump(data: bytes) -> None:
    dump = parse_dump(data, "fuzzed")
    check_dumps(dump, dump)


def _real() -> bytes:
    return stored("qemu-7.2-microvm")


def _text(stream: bytes) -> bytes:
    parts = read_stream(io.BytesIO(stream)).parts
    return next(part.text for part in parts if isinstance(part, DescriptionPart))


READERS: Final = {
    "stream": Reader(_stream, (StreamError, UsageError), lambda: [small(), _real()]),
    "image": Reader(
        lambda data: read_stream(io.BytesIO(b"QFI\xfb" + data)),
        (StreamError, UsageError),
        lambda: [image(("one", small()))[4:], image(("one", small()), compressed={0})[4:]],
    ),
    "description": Reader(
        lambda data: parse_description(data, 0), (StreamError,), lambda: [*map(_text, (small(), _real()))]
    ),
    "dump": Reader(_dump, (DumpError,), lambda: [encode_dump(Dump("pc", {"uart": dump_of(UART16550.state)}))]),
    "finding": Reader(
        lambda data: record.decode(data, "fuzzed"), (RecordError,), lambda: [*map(record.encode, (FORGOTTEN_FIFO, LOST_INTERRUPT))]
    ),
}
"""Each reader by its name on the command line."""


def main(arguments: Sequence[str]) -> None:
    """Fuzz one reader; the process ends with libFuzzer's exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    reader = READERS[chosen.reader]

    def once(data: bytes) -> None:
        with contextlib.suppress(*reader.errors):
            reader.read(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, sample in enumerate(reader.samples()):
            (Path(corpus) / f"sample-{number}").write_bytes(sample)
        options = [f"-runs={chosen.runs}", f"-seed={chosen.seed}", "-max_len=65536", "-rss_limit_mb=1024"]
        atheris.Setup([sys.argv[0], *options, corpus], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
