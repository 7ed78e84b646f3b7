"""What came of a stress test, as text that travels with pytest's report of it.

A worker of a distributed run may be another machine. So what arrives is bounded, and nothing in it is
trusted: it is decoded by type, and its findings are read as those of a file are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import pytest

from stressor.errors import RecordError
from stressor.findings.record import decode, encode
from stressor.loop.events import Statistics
from stressor.loop.finding import Finding
from stressor.loop.target import TargetType
from stressor.plugin.reporting import TOLD
from stressor.report.block import failure_block
from stressor.report.text import clean

__all__ = ["Outcome", "Shown", "read", "tell"]

_LARGEST: Final = 8 << 20
"""Characters of findings that one test sends; what does not fit stays where it was found."""

_WHERE: Final = "the report of a stress test"
_CURE: Final = "run the same version of Stressor on all workers"


@dataclass(frozen=True)
class Shown:
    """A finding and its block, which names the steps as the device does."""

    finding: Finding
    block: str


@dataclass(frozen=True)
class Outcome:
    """What came of a stress test on a target. `kept_back` findings were too large to be sent."""

    target: str
    statistics: Statistics
    found: tuple[Shown, ...]
    kept_back: int


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    record: str
    block: str


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    target: str
    statistics: Statistics
    found: list[_Sent]
    kept_back: int


def tell(
    item: pytest.Item, model: TargetType, findings: Sequence[Finding], statistics: Statistics
) -> None:
    """Have an outcome go with the report of `item`."""
    message = _Message(clean(model.name), statistics, [], 0)
    room = _LARGEST
    for finding in findings:
        sent = _Sent(encode(finding).decode(), failure_block(finding, model.operations))
        room -= len(sent.record) + len(sent.block)
        if room >= 0:
            message.found.append(sent)
        else:
            message.kept_back += 1
    item.stash[TOLD] = msgspec.json.encode(message).decode()


def read(text: str) -> Outcome:
    """Return what `tell` sent. Raises RecordError for anything else."""
    if len(text) > 2 * _LARGEST:
        raise RecordError(_WHERE, f"more than {2 * _LARGEST >> 20} MB of text", _CURE)
    try:
        message = msgspec.json.decode(text, type=_Message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(_WHERE, f"cannot be read: {error}", _CURE) from error
    found = [
        Shown(decode(sent.record.encode("utf-8", "replace"), _WHERE), "\n".join(map(clean, sent.block.split("\n"))))
        for sent in message.found
    ]
    return Outcome(clean(message.target), message.statistics, tuple(found), message.kept_back)
