"""A session in one JSON object, for machines: how it goes, and in the end what it came to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from stressor import __version__
from stressor.loop.finding import Finding
from stressor.soak.events import (
    FindingReplayed,
    FindingReported,
    SoakEvent,
    SoakFinished,
    SoakStarted,
)
from stressor.soak.history import FindingStatus, SessionEnd
from stressor.soak.job import Verdict
from stressor.soak.progress import SoakProgress

__all__ = ["FORMAT", "Summary"]

FORMAT = 1
"""Counts the versions of the object; keys are added without a new one."""


class Summary:
    """Gathers events. `json` is of the last moment that was told."""

    def __init__(self) -> None:
        self._plain: dict[str, Any] = {"format": FORMAT, "version": __version__, "end": SessionEnd.UNFINISHED}
        self._findings: dict[str, dict[str, Any]] = {}

    def handle(self, event: SoakEvent) -> None:
        """Take one event."""
        match event:
            case SoakStarted():
                self._plain |= {"session": event.session, "seed": event.seed, "earlier": event.seconds}
            case SoakProgress():
                self._plain |= msgspec.to_builtins(event)
            case FindingReported():
                self._finding(event.finding, event.status)
            case FindingReplayed() if event.verdict is not Verdict.ERROR:
                self._finding(event.finding, event.status)
            case SoakFinished():
                self._plain |= {"end": event.end, "elapsed": event.seconds, "busy": 0, "inside": round(event.inside, 4)}
                self._plain |= {name: getattr(event, name) for name in ("jobs", "cycles", "operations", "cut")}
                self._plain |= {"broken": event.broken, "problem": event.problem}

    def _finding(self, finding: Finding, status: FindingStatus) -> None:
        change = finding.divergence
        self._findings[finding.id] = {
            "id": finding.id, "status": status, "target": finding.target, "field": change.first.path,
            "cause": change.cause, "oracle": change.oracle,
        }  # fmt: skip

    def json(self) -> bytes:
        """Return the object in one line."""
        moment = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        plain = {**self._plain, "written": moment, "findings": list(self._findings.values())}
        return msgspec.json.encode(_encodable(plain)) + b"\n"


def _encodable(plain: object) -> Any:
    """Return plain data whose text JSON can hold: names come from targets, and may have anything in them."""
    if isinstance(plain, str):
        return str(plain).encode("utf-8", "backslashreplace").decode()
    if isinstance(plain, dict):
        return {key: _encodable(value) for key, value in plain.items()}
    return [_encodable(item) for item in plain] if isinstance(plain, list | tuple) else plain
