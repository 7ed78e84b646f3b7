"""A format of a user's own: a row `path,kind,value` for each piece, in order."""

from __future__ import annotations

import csv
import io
from typing import Any

from stressor.vmstate.formats import Format, Reader, Writer

__all__ = ["Csv"]


class Csv(Format[str]):
    def writer(self) -> Writer:
        return CsvWriter()

    def reader(self, document: str) -> Reader:
        return CsvReader(list(csv.reader(io.StringIO(document))))


class CsvWriter(Writer):
    def __init__(self) -> None:
        self.text = io.StringIO()
        self.rows = csv.writer(self.text)

    def write(self, path: str, kind: str, size: int, value: Any) -> None:
        shown = value.hex() if isinstance(value, bytes | float) else repr(value)
        self.rows.writerow((path, kind, shown))

    def finish(self) -> str:
        return self.text.getvalue()


class CsvReader(Reader):
    def __init__(self, rows: list[list[str]]) -> None:
        self.rows = rows[::-1]

    def read(self, path: str, kind: str, size: int) -> Any:
        if not self.rows or self.rows[-1][:2] != [path, kind] or len(self.rows[-1]) != 3:
            raise self.refuse(path, f"is not in the next row of kind {kind}")
        text = self.rows.pop()[2]
        special = {"buffer": bytes.fromhex, "f64": float.fromhex}.get(kind)
        try:
            return {"None": None, "True": True, "False": False}[text] if text in (
                "None", "True", "False") else special(text) if special else int(text)  # fmt: skip
        except ValueError:
            raise self.refuse(path, "has a value that cannot be read") from None

    def subsection(self, path: str, parent: str) -> tuple[str, int] | None:
        if not self.rows or not self.rows[-1][0].startswith(f"{path}({parent}/"):
            return None
        where, _, version = self.rows.pop()
        return where[len(path) + 1 : -1], int(version)

    def finished(self, path: str, whole: str, parent: str) -> None:
        if self.rows:
            raise self.refuse(whole, f"{len(self.rows)} rows too many")
