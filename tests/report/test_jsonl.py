from __future__ import annotations

import io
import json
from typing import get_args

from stressor.findings.record import decode
from stressor.loop.events import Event, TargetBroke
from stressor.report.jsonl import JsonLines, event_schema, kind_of
from tests.findings.samples import FORGOTTEN_FIFO
from tests.report.script import FINDINGS
from tests.stored import ROOT, assert_current


class Flushed(io.BytesIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        super().flush()


def test_each_event_is_one_line_written_at_once() -> None:
    stream = Flushed()
    lines = JsonLines(stream)

    for event in FINDINGS:
        lines.handle(event)

    names = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert names == [kind_of(type(event)) for event in FINDINGS]
    assert stream.flushes == len(FINDINGS)


def test_a_finding_in_the_stream_is_what_its_file_holds() -> None:
    stream = io.BytesIO()

    JsonLines(stream).handle(FINDINGS[2])

    record = json.loads(stream.getvalue())["finding"]
    assert decode(json.dumps(record).encode(), "stream") == FORGOTTEN_FIFO


def test_text_that_utf_8_cannot_hold_is_escaped() -> None:
    stream = io.BytesIO()

    JsonLines(stream).handle(TargetBroke("t", "\ud800"))

    assert stream.getvalue() == b'{"event": "target-broke", "target": "t", "problem": "\\ud800", "trace": ""}\n'


def test_the_published_schema_is_current() -> None:
    assert_current("events.schema.json", event_schema())


def test_every_event_and_its_keys_are_documented() -> None:
    text = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
    words = {f"`{kind_of(kind)}`" for kind in get_args(Event)}
    words |= {f"`{name}`" for kind in get_args(Event) for name in kind.__dataclass_fields__}

    assert {word for word in words if word not in text} == set()
