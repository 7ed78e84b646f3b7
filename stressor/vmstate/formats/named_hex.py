"""State for people to read: a line for each field, with offset, bytes, path, kind and value.

    00000000  000c              divider             u16         0xc
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from stressor.vmstate.formats.format import Format
from stressor.vmstate.load import name_body
from stressor.vmstate.wire import NamedField

__all__ = ["NamedHex"]

_ROW = 8  # bytes on a line: with path, kind and value that is about what a terminal is wide
_LONGEST_COLUMN = 32


class NamedHex(Format[str]):
    """Lines of `offset  bytes  path  kind  value`; a buffer has a line for every eight bytes.

    It is written, and not read: `load` raises NotImplementedError.
    """

    def save(self, obj: Any) -> str:
        """Return the lines of an object. Raises StateError as `Description.save`."""
        data = self.description.save(obj)
        return _text(name_body(self.description, data, self.description.version, obj=obj), data)

    def show(self, data: bytes, version: int | None = None, path: str = "") -> str:
        """Return the lines of a body that was saved by `version`.

        `path` stands before each name. Raises StreamError as `Description.fields_of`.
        """
        data = bytes(data)
        return _text(self.description.fields_of(data, version, path), data)


class _Line(NamedTuple):
    offset: int
    data: bytes
    path: str
    kind: str
    value: str


def _text(named: list[NamedField], data: bytes) -> str:
    lines = [line for run in _runs(named) for line in _lines(run, data)]
    path = min(max((len(line.path) for line in lines), default=0), _LONGEST_COLUMN)
    kind = max((len(line.kind) for line in lines), default=0)
    return "".join(
        f"{line.offset:08x}  {line.data.hex():{2 * _ROW}}  {line.path:{path}}  "
        f"{line.kind:{kind}}  {line.value}".rstrip()
        + "\n"
        for line in lines
    )


def _runs(named: list[NamedField]) -> Iterator[list[NamedField]]:
    """Yield what shares lines: the bytes of one buffer, or one piece."""
    run: list[NamedField] = []
    for piece in named:
        if run and not (
            piece.kind == run[0].kind == "buffer" and _owner(piece) == _owner(run[0])
        ):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _owner(piece: NamedField) -> str:
    return piece.path.rpartition("[")[0]


def _lines(run: list[NamedField], data: bytes) -> Iterator[_Line]:
    first = run[0]
    start, size = first.offset, sum(piece.size for piece in run)
    for index in range(0, size, _ROW):
        row = data[start + index : start + min(index + _ROW, size)]
        if first.kind == "buffer":
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            yield _Line(start + index, row, run[index].path, "buffer", text)
        elif index == 0:
            yield _Line(start, row, first.path, first.kind, _shown(first))
        else:
            yield _Line(start + index, row, "", "", "")


def _shown(piece: NamedField) -> str:
    match piece.kind:
        case "unused" | "null":
            return ""
        case "timer":
            return "not armed" if piece.value is None else f"{piece.value} ns"
        case "subsection":
            return f"version {piece.value}"
        case "count" | "marker" | "boolean" | "f64" | "i8" | "i16" | "i32" | "i64":
            return str(piece.value)
    return f"{piece.value:#x}"
