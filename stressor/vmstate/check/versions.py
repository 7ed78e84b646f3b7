"""The rules for versions and names of descriptions, and for subsections that one side has."""

from __future__ import annotations

from stressor.vmstate.check.difference import FINE, Difference, Kind, Severity, Side, Verdict
from stressor.vmstate.check.scene import Scene
from stressor.vmstate.dump.model import DumpedDescription

__all__ = ["judge_subsection", "judge_versions"]


def judge_versions(
    scene: Scene, path: str, old: DumpedDescription, new: DumpedDescription, embedded: bool
) -> list[Difference]:
    """Judge name and versions of a description that both sides have."""
    sides = [
        Side(description.name, description.version, description.minimum_version)
        for description in (old, new)
    ]
    found = []
    if old.name != new.name:
        verdict = Verdict(Severity.BREAKS, "the section's name is in the stream")
        if embedded:
            verdict = Verdict(Severity.FINE, "an embedded description's name is not in the stream")
        found.append(scene.difference(Kind.RENAMED, path, sides[0], sides[1], verdict, verdict))
    raised = old.minimum_version != new.minimum_version
    if old.version != new.version:
        forward, backward = _newer(old, new), _newer(new, old)
        if not raised:  # then no other difference says so
            forward = max(forward, _older(old, new), key=_severity)
            backward = max(backward, _older(new, old), key=_severity)
        if embedded:
            forward = backward = Verdict(
                Severity.FINE, "an embedded description's version is not in the stream"
            )
        found.append(scene.difference(Kind.VERSION, path, sides[0], sides[1], forward, backward))
    if raised:
        forward, backward = _older(old, new), _older(new, old)
        if embedded:
            forward = backward = FINE
        found.append(
            scene.difference(Kind.MINIMUM_VERSION, path, sides[0], sides[1], forward, backward)
        )
    return found


def _newer(writer: DumpedDescription, reader: DumpedDescription) -> Verdict:
    if writer.version > reader.version:
        return Verdict(
            Severity.BREAKS,
            f"version {writer.version} is refused: the newest known is {reader.version}",
        )
    return FINE


def _older(writer: DumpedDescription, reader: DumpedDescription) -> Verdict:
    if writer.version < reader.minimum_version:
        return Verdict(
            Severity.BREAKS,
            f"version {writer.version} is refused: the oldest known is {reader.minimum_version}",
        )
    return Verdict(
        Severity.FINE,
        f"version {writer.version} still loads: the oldest known is {reader.minimum_version}",
    )


def _severity(verdict: Verdict) -> Severity:
    return verdict.severity


def judge_subsection(
    scene: Scene, path: str, old: DumpedDescription | None, new: DumpedDescription | None
) -> Difference:
    """Judge a subsection that one side has."""
    only = old or new
    assert only is not None
    side = Side(only.name, only.version, only.minimum_version)
    unknown = Verdict(
        Severity.MAYBE, "refused whenever it is needed, as no such subsection is known"
    )
    absent = Verdict(Severity.FINE, "a subsection that is not in the stream is not missed")
    if new is None:
        return scene.difference(Kind.MISSING_SUBSECTION, path, side, None, unknown, absent)
    return scene.difference(Kind.NEW_SUBSECTION, path, None, side, absent, unknown)
