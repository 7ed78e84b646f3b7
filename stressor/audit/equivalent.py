"""Losses that a project knows not to matter, each with its reason, from a TOML file.

    [[equivalent]]
    target = "i8257"
    mutant = "* dma/0.dshift"      # loss and field as the table prints them, or a list; * and ? stand for anything
    reason = "the part has no such register: QEMU's field is never written"
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from stressor.audit.mutant import Mutant
from stressor.errors import UsageError
from stressor.vmstate.check.accepted import glob

__all__ = ["Equivalent", "read_equivalents", "reason_for"]

_LARGEST_FILE: Final = 1 << 20


class Equivalent(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Mutants of `target` that make no difference, chosen by patterns, and why."""

    target: str
    mutant: str | list[str]
    reason: str

    def covers(self, target: str, mutant: str) -> bool:
        """Return whether it is about what the table calls this."""
        patterns = [self.mutant] if isinstance(self.mutant, str) else self.mutant
        return _fits(self.target, target) and any(_fits(pattern, mutant) for pattern in patterns)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    equivalent: list[Equivalent] = []


def read_equivalents(file: Path) -> list[Equivalent]:
    """Return the entries of a file. Raises UsageError that says what is wrong, and the cure."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a TOML file") from error
    if len(data) > _LARGEST_FILE:
        raise UsageError(f"{file}: larger than 1 MB; use wider patterns")
    try:
        entries = msgspec.convert(tomllib.loads(data.decode()), _File).equivalent
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{file}: {error}; it holds [[equivalent]] tables with target, mutant and reason"
        ) from error
    for entry in entries:
        if not entry.reason.strip():
            raise UsageError(f"{file}: {entry.target}: {entry.mutant} has no reason; say why it is equivalent")
    return entries


def reason_for(entries: Sequence[Equivalent], target: str, mutant: Mutant) -> str:
    """Return why a mutant is equivalent, "" when nobody says so. A swap is only when both fields are."""
    reasons = [
        next((entry.reason for entry in entries if entry.covers(target, f"{mutant.loss} {field}")), "")
        for field in (mutant.field, mutant.other)
        if field
    ]
    return reasons[0] if all(reasons) else ""


def _fits(pattern: str, text: str) -> bool:
    return glob(pattern).fullmatch(text) is not None
