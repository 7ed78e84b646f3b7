"""`known.toml`: the findings that a project accepts, each with a reason and a date.

    [F-7c1e04ab]
    reason = "the guest reads it back after every load, see the driver"
    date = 2026-11-28
    field = "serial/0.scr"        # for the reader; not looked at

It is committed with the project. A finding in it is reported and counted, and makes no soak fail.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stressor.errors import RecordError, UsageError
from stressor.findings.store import write_atomically
from stressor.loop.finding import Finding
from stressor.soak.chronicle import Acceptance

__all__ = ["accept", "read_known"]

_ID: Final = re.compile(r"F-[0-9a-f]{8}")
_KEYS: Final = {"reason", "date", "target", "field"}


def read_known(file: Path) -> dict[str, Acceptance]:
    """Return what is accepted, by id; nothing when there is no file. Raises UsageError that says what is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}; correct the file") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}; correct the file") from error
    return {name: _acceptance(file, name, table) for name, table in tables.items()}


def _acceptance(file: Path, name: str, table: object) -> Acceptance:
    if not _ID.fullmatch(name) or not isinstance(table, Mapping):
        raise UsageError(f"{file}: {name} is no finding's whole id; write a table for each, such as [F-7c1e04ab]")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise UsageError(f"{file}: [{name}] has no key {unknown[0]!r}; its keys are reason, date, target, field")
    for key in ("target", "field"):
        if not isinstance(table.get(key, ""), str):
            raise UsageError(f'{file}: [{name}] has a {key} that is no text; write {key} = "..."')
    reason, date = table.get("reason"), table.get("date")
    if not isinstance(reason, str) or not reason.strip():
        raise UsageError(f'{file}: [{name}] says no reason; write reason = "..."')
    if not isinstance(date, datetime.date):
        raise UsageError(f"{file}: [{name}] says no date; write date = {datetime.date.today().isoformat()}")
    return Acceptance(reason, date.isoformat())


def accept(file: Path, finding: Finding, reason: str, date: datetime.date) -> bool:
    """Add a finding to the file, which keeps what is in it; return whether it was not there yet.

    Raises UsageError when the file is damaged or there is no reason, RecordError when it cannot be written.
    """
    if not reason.strip():
        raise UsageError('a finding is accepted for a reason; give --reason "..."')
    if finding.id in read_known(file):
        return False
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    gap = "" if not before or before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    lines = [
        f"[{finding.id}]",
        f"reason = {_quoted(reason)}",
        f"date = {date.isoformat()}",
        f"target = {_quoted(finding.target)}",
        f"field = {_quoted(finding.divergence.first.path)}",
    ]
    try:
        write_atomically(file, (before + gap + "\n".join(lines) + "\n").encode())
    except OSError as error:
        raise RecordError(str(file), f"cannot be written: {error.strerror}", "check its folder, or make room") from error
    return True


def _quoted(text: str) -> str:
    """Return text as a basic string of TOML, whose escapes are those of JSON."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
