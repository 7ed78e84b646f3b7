"""Differences that a project accepts, each with its reason, from a TOML file.

[[ignore]]
path = "e1000e/core.*"        # section and field path; * and ? stand for anything
kind = "padded"               # optional
reason = "arrays of five, see hw/net/e1000e.c"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stressor.errors import UsageError
from stressor.vmstate.check.difference import Difference, Kind

__all__ = ["Accepted", "Sorted", "glob", "parse_accepted", "read_accepted", "sort_out"]

_KEYS: Final = ("path", "kind", "reason")
_LARGEST_FILE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """Differences at `path` (a glob, "" for any) of `kind` (None for any) are accepted."""

    path: str
    kind: Kind | None
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Return whether it accepts a difference."""
        if self.kind is not None and self.kind is not difference.kind:
            return False
        return not self.path or glob(self.path).fullmatch(difference.full_path) is not None


@dataclass(frozen=True, slots=True)
class Sorted:
    """Differences that count, those that are accepted, and what accepts nothing any more."""

    open: tuple[Difference, ...]
    ignored: tuple[tuple[Difference, Accepted], ...]
    stale: tuple[Accepted, ...]


def sort_out(differences: Iterable[Difference], accepted: Sequence[Accepted]) -> Sorted:
    """Take out what is accepted; the first entry that covers a difference gives the reason."""
    left: list[Difference] = []
    ignored: list[tuple[Difference, Accepted]] = []
    used: set[Accepted] = set()
    for difference in differences:
        covering = [entry for entry in accepted if entry.covers(difference)]
        used.update(covering)
        if covering:
            ignored.append((difference, covering[0]))
        else:
            left.append(difference)
    return Sorted(
        tuple(left), tuple(ignored), tuple(entry for entry in accepted if entry not in used)
    )


def read_accepted(file: str | Path) -> list[Accepted]:
    """Return the entries of a file. Raises UsageError that says what is wrong and where."""
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a TOML file") from error
    return parse_accepted(data, str(file))


def parse_accepted(data: bytes, file: str) -> list[Accepted]:
    """Return the entries that `data` holds; `file` names it in errors. Raises UsageError."""
    if len(data) > _LARGEST_FILE:
        raise UsageError(f"{file}: larger than 1 MB; accept by wider paths")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: no TOML: {error}; see docs/check.md") from error
    for key in table:
        if key != "ignore":
            meant = _meant(key, ["ignore"])
            raise UsageError(f"{file}: unknown key {key!r}{meant}; use [[ignore]]")
    entries = table.get("ignore", [])
    if not isinstance(entries, list):
        raise UsageError(f"{file}: ignore is no list of tables; write [[ignore]] above each")
    return [_entry(entry, f"{file}: ignore[{number}]") for number, entry in enumerate(entries)]


def _entry(entry: object, where: str) -> Accepted:
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where} is no table; write [[ignore]] above each")
    for key, value in entry.items():
        if key not in _KEYS:
            raise UsageError(
                f"{where}: unknown key {key!r}{_meant(key, _KEYS)}; there are {', '.join(_KEYS)}"
            )
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{where}: {key} is {value!r}; give a text")
    if "reason" not in entry:
        raise UsageError(f"{where} has no reason; say why it is accepted")
    if not entry.keys() & {"path", "kind"}:
        raise UsageError(f"{where} has neither path nor kind; say what it accepts")
    kind = entry.get("kind")
    if kind is not None and kind not in list(Kind):
        raise UsageError(
            f"{where}: unknown kind {kind!r}{_meant(kind, [str(each) for each in Kind])}; "
            f"there are {', '.join(Kind)}"
        )
    return Accepted(entry.get("path", ""), None if kind is None else Kind(kind), entry["reason"])


def glob(pattern: str) -> re.Pattern[str]:
    """Return a glob of `*` and `?` alone: names of fields have brackets in them."""
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(letter) or re.escape(letter) for letter in pattern), re.S)


def _meant(word: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
