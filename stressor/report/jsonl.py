"""The event stream as JSON lines: one object a line, flushed as it happens.

`event` says which event it is (`run-started`); the other keys are the event's fields by name. A
finding is what its file holds, see `stressor.findings.record`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, BinaryIO, Union, get_args, get_type_hints

import msgspec

from stressor.findings.record import Record, record_of, schema
from stressor.loop.events import Event, FindingFound
from stressor.loop.finding import Finding

__all__ = ["JsonLines", "event_schema", "kind_of"]


def kind_of(event: type) -> str:
    """Return the name of an event in the stream: `RunStarted` is `run-started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()


class JsonLines:
    """Writes events to a binary stream that somebody else closes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def handle(self, event: Event) -> None:
        """Write one event. Raises OSError when the stream does not take it."""
        if isinstance(event, FindingFound):
            fields: dict[str, Any] = {"finding": record_of(event.finding)}
        else:
            fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        line = _encoded({"event": kind_of(type(event)), **fields})
        self._stream.write(line + b"\n")
        self._stream.flush()


def event_schema() -> dict[str, Any]:
    """Return the JSON schema of one line."""
    return schema(Union[tuple(map(_struct_of, get_args(Event)))])  # noqa: UP007


def _encoded(data: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:  # names and problems come from a target, and may hold anything
        return json.dumps(msgspec.to_builtins(data)).encode()


def _struct_of(event: type) -> type[msgspec.Struct]:
    hints = get_type_hints(event)
    fields = [
        (field.name, Record if hints[field.name] is Finding else hints[field.name])
        for field in dataclasses.fields(event)
    ]
    return msgspec.defstruct(
        event.__name__,
        fields,
        namespace={"__doc__": event.__doc__},
        tag_field="event",
        tag=kind_of(event),
    )
