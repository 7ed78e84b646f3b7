"""What a stream holds, and how two of them differ, as one JSON document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from stressor.vmstate.stream import Comparison, DeviceSection, Stream
from stressor.vmstate.wire import NamedField

__all__ = ["FORMAT", "comparison_json", "stream_json"]

FORMAT: Final = 1
"""The version of both documents; a reader ignores members that it does not know."""


def stream_json(stream: Stream, selected: Callable[[DeviceSection], bool] | None = None) -> bytes:
    """Return the document of one stream; its form is described in docs/inspect.md."""
    sections = [part for part in stream.sections if selected is None or selected(part)]
    return _encode({**_summary(stream), "sections": [_section(part) for part in sections]})


def comparison_json(before: Stream, after: Stream, comparison: Comparison) -> bytes:
    """Return the document of a comparison; its form is described in docs/inspect.md."""
    differences = [
        {"path": one.path, "before": _half(one.before), "after": _half(one.after)}
        for one in comparison.differences
    ]
    return _encode(
        {
            "format": FORMAT,
            "equal": comparison.equal,
            "differences": differences,
            "only_before": comparison.only_before,
            "only_after": comparison.only_after,
            "compared": comparison.compared,
            "alike": comparison.alike,
            "before": _summary(before),
            "after": _summary(after),
        }
    )


def _summary(stream: Stream) -> dict[str, Any]:
    configuration = stream.configuration
    values: dict[str, Any] = {}
    if configuration is not None:
        values["machine"] = configuration.machine
        for subsection in configuration.subsections:
            values.update((name, _value(value)) for name, value in subsection.values)
    return {
        "format": FORMAT,
        "name": stream.name,
        "size": stream.size,
        "configuration": values,
        "described": stream.description is not None,
        "memory": {
            "page_size": stream.page_size,
            "blocks": [{"name": block.name, "length": block.length} for block in stream.blocks],
            "full": sum(part.full for part in stream.ram),
            "zero": sum(part.zero for part in stream.ram),
            "packed": sum(part.packed for part in stream.ram),
            "size": sum(part.size for part in stream.ram),
        },
        "notes": stream.notes,
    }


def _section(part: DeviceSection) -> dict[str, Any]:
    return {
        "name": part.name,
        "instance": part.instance,
        "occurrence": part.occurrence,
        "version": part.version,
        "offset": part.body,
        "size": len(part.data),
        "described": part.description is not None,
        "optional": part.optional,
        "fields": [{"path": field.path, **_field(field)} for field in part.fields()],
    }


def _half(field: NamedField | None) -> dict[str, Any] | None:
    return None if field is None else _field(field)


def _field(field: NamedField) -> dict[str, Any]:
    return {
        "type": field.kind,
        "offset": field.offset,
        "size": field.size,
        "value": _value(field.value),
    }


def _value(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _encode(document: dict[str, Any]) -> bytes:
    """Text that is no UTF-8 has its odd bytes escaped: JSON has no place for them."""
    try:
        text = msgspec.json.encode(document)
    except UnicodeEncodeError:
        text = msgspec.json.encode(_readable(document))
    return msgspec.json.format(text, indent=1) + b"\n"


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value
