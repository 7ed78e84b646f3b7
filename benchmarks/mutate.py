"""Streams and images with a few bytes changed: each is read or refused, nothing else happens."""

from __future__ import annotations

import io
import random
import struct
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from benchmarks.measure import Row, seconds
from stressor.errors import StreamError, UsageError
from stressor.vmstate.stream import Stream, compare_streams, read_stream, write_stream
from tests.vmstate.stream.images import image
from tests.vmstate.stream.samples import Pipe, small, stored

__all__ = ["Outcome", "measure_mutations", "mutate", "run_mutations"]

FEW: Final = 10_000
MANY: Final = 1_000_000

_WORDS: Final = (0, 1, 1 << 31, (1 << 32) - 1, 1 << 62, 1 << 63, (1 << 64) - 1)
_TEXT: Final = b'{}[]",:0123456789\0\1\4\5\6\7\x10\x7e'


@dataclass
class Outcome:
    """What came of mutated streams; `escaped` are those that raised what nobody documents."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    escaped: tuple[bytes, ...] = ()


def measure_mutations(whole: bool) -> list[Row]:
    """Return one row: ten thousand mutations, or with `whole` a million."""
    count = MANY if whole else FEW
    outcome = run_mutations(count, seed=1)
    return [
        Row(
            f"{count:,} mutated streams and images, the slowest in {seconds(outcome.slowest)}",
            f"{outcome.read:,} read, {outcome.refused:,} refused",
            "",
            f"{len(outcome.escaped)} else",
            "0 else",
            not outcome.escaped,
        )
    ]


def run_mutations(count: int, seed: int) -> Outcome:
    """Mutate, read and use `count` streams; equal seeds give equal streams."""
    draw, outcome = random.Random(seed), Outcome()
    originals = (stored("qemu-7.2-microvm"), small(), image(("one", small()), compressed={0}))
    for number in range(count):
        data = mutate(draw.choice(originals), draw)
        begin = perf_counter()
        try:
            _use(read_stream(Pipe(data) if number % 3 == 0 else io.BytesIO(data)), data)
            outcome.read += 1
        except (StreamError, UsageError):
            outcome.refused += 1
        except Exception:
            outcome.escaped += (data,)
        outcome.slowest = max(outcome.slowest, perf_counter() - begin)
    return outcome


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Return `data` with one to six changes: bits, words, text, pieces cut or repeated."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        place = draw.randrange(len(changed)) if changed else 0
        match draw.randrange(6):
            case 0 if changed:
                changed[place] ^= 1 << draw.randrange(8)
            case 1:
                changed[place : place + draw.randrange(9)] = draw.randbytes(draw.randrange(9))
            case 2:
                changed[place : place + 8] = struct.pack(">Q", draw.choice(_WORDS))
            case 3:
                start = draw.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + draw.randrange(200)]
            case 4 if draw.random() < 0.2:
                del changed[place:]
            case _:
                changed[place : place + 1] = bytes((draw.choice(_TEXT),))
    return bytes(changed)


def _use(stream: Stream, data: bytes) -> None:
    """Name everything, compare, and write back. Raises ValueError when other bytes come out."""
    if not compare_streams(stream, stream).equal:
        raise ValueError("a stream differs from itself")
    for section in stream.sections:
        section.fields()
    if data.startswith(b"QEVM"):
        out = io.BytesIO()
        write_stream(stream, out, io.BytesIO(data))
        if out.getvalue() != data:
            raise ValueError("other bytes are written than were read")
