"""What each kind of difference does to a saved state, and why; docs/check.md has the table.

QEMU loads a section or subsection whose version lies between the reader's `minimum_version_id` and
`version_id`, and in it the fields whose own `version_id` is not above that version, one behind the
other: nothing in the stream says where a field begins, how long it is or what it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stressor.vmstate.check.alignment import Block, alike
from stressor.vmstate.check.difference import FINE, Difference, Kind, Severity, Side, Verdict
from stressor.vmstate.check.item import Item, Presence, presence
from stressor.vmstate.check.sizes import size_verdict
from stressor.vmstate.dump.model import DumpedDescription

__all__ = ["Scene", "judge_block", "judge_subsection", "judge_versions"]

_NO_NAMES: Final = "names are not in the stream, and both have the same size here"
_SHIFTED: Final = "all that follows is read from the wrong place"
_PREDICATE: Final = "only where its field_exists says so"


class Scene:
    """Where a judgement takes place: a section or subsection of a device, old and new.

    `old` and `new` are the versions under which the two sides save it.
    """

    __slots__ = ("new", "old", "section")

    def __init__(self, section: str, old: int, new: int) -> None:
        self.section = section
        self.old = old
        self.new = new

    def within(self, old: int, new: int) -> Scene:
        """Return the scene of a subsection."""
        return Scene(self.section, old, new)

    def difference(
        self,
        kind: Kind,
        path: str,
        old: Side | None,
        new: Side | None,
        forward: Verdict,
        backward: Verdict,
    ) -> Difference:
        return Difference(kind, self.section, path, old, new, forward, backward)


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
    unknown = Verdict(Severity.MAYBE, "refused whenever it is needed, as no such subsection is known")
    absent = Verdict(Severity.FINE, "a subsection that is not in the stream is not missed")
    if new is None:
        return scene.difference(Kind.MISSING_SUBSECTION, path, side, None, unknown, absent)
    return scene.difference(Kind.NEW_SUBSECTION, path, None, side, absent, unknown)


def judge_block(scene: Scene, block: Block) -> list[Difference]:
    """Judge fields that stand in each other's place."""
    old, new = block
    if not old or not new:
        return [_only(scene, item, True) for item in old] + [
            _only(scene, item, False) for item in new
        ]
    if len(old) == len(new) == 1:
        if old[0].field.unused == new[0].field.unused:
            return _pair(scene, old[0], new[0])
        return _padding(scene, old, new)
    if any(item.field.unused for item in (*old, *new)):
        return _padding(scene, old, new)
    verdict = Verdict(Severity.MAYBE, "as many bytes under other names: only the device knows")
    return [
        scene.difference(
            Kind.RETYPED, old[0].path, old[0].side(), new[0].side(), verdict, verdict
        )
    ]


def _only(scene: Scene, item: Item, old: bool) -> Difference:
    """Judge a field that has no counterpart."""
    saved = _saved_only(presence(item.links))
    read = _read_only(item, scene.new if old else scene.old)
    if not old and scene.new > scene.old and saved.severity is Severity.BREAKS:
        saved = Verdict(Severity.BREAKS, f"the reader has no such field, and refuses version {scene.new}")
    if old:
        return scene.difference(Kind.REMOVED, item.path, item.side(), None, saved, read)
    return scene.difference(Kind.ADDED, item.path, None, item.side(), read, saved)


def _saved_only(saved: Presence) -> Verdict:
    if saved is Presence.YES:
        return Verdict(Severity.BREAKS, f"saved, and the reader has no such field: {_SHIFTED}")
    if saved is Presence.MAYBE:
        return Verdict(
            Severity.MAYBE, f"the reader has no such field: breaks when saved, {_PREDICATE}"
        )
    return Verdict(Severity.FINE, "never saved: its version is above its description's")


def _read_only(item: Item, stream: int) -> Verdict:
    read = presence(item.links, stream)
    own = item.links[-1]
    if read is Presence.YES:
        reason = f"not in the stream, and read all the same: {_SHIFTED}"
        if own.embedded and own.version:
            reason += "; the version of an embedded description does not travel and gates nothing"
        return Verdict(Severity.BREAKS, reason)
    if read is Presence.MAYBE:
        return Verdict(Severity.MAYBE, f"not in the stream: breaks when read, {_PREDICATE}")
    return Verdict(Severity.FINE, f"not read from version {stream}: it is there since {own.version}")


def _pair(scene: Scene, old: Item, new: Item) -> list[Difference]:
    """Judge a field that both sides have at the same place."""
    found: list[Difference] = []

    def add(kind: Kind, forward: Verdict, backward: Verdict) -> None:
        path = new.path if kind is Kind.RENAMED else old.path
        found.append(
            scene.difference(kind, path, old.side(), new.side(), forward, backward)
        )

    if old.field.name != new.field.name:
        verdict = _renamed(old, new)
        add(Kind.RENAMED, verdict, verdict)
    forward, backward = _gate(old, new, scene.old), _gate(new, old, scene.new)
    changed = old.field.conditional != new.field.conditional
    if changed:
        add(Kind.CONDITIONAL, forward, backward)
    elif old.field.version != new.field.version or forward.severity or backward.severity:
        add(Kind.REVERSIONED, forward, backward)
    kind, size = size_verdict(old, new)
    if size is not None:
        add(kind, size, size)
    return found


def _renamed(old: Item, new: Item) -> Verdict:
    inner = (old.field.description, new.field.description)
    same_struct = inner[0] is not None and inner[1] is not None and inner[0].name == inner[1].name
    if same_struct or alike(old.field.name, new.field.name):
        return Verdict(Severity.FINE, _NO_NAMES)
    return Verdict(
        Severity.MAYBE, "same size at the same place: silently wrong if it is another value"
    )


def _gate(writer: Item, reader: Item, stream: int) -> Verdict:
    """Judge whether a field is read exactly when it was saved."""
    saved, read = presence(writer.links), presence(reader.links, stream)
    if saved is read:
        if saved is Presence.MAYBE and writer.field.version != reader.field.version:
            return Verdict(Severity.FINE, "field_exists decides, not the version")
        return Verdict(Severity.FINE, "read exactly when it is saved")
    if Presence.MAYBE in (saved, read):
        what = "saved" if saved is Presence.MAYBE else "read"
        return Verdict(Severity.MAYBE, f"{what} {_PREDICATE}, which the other side does not ask")
    if saved is Presence.YES:
        return Verdict(
            Severity.BREAKS,
            f"saved, and not read from version {stream}, as it is there since "
            f"{reader.links[-1].version}: {_SHIFTED}",
        )
    return Verdict(Severity.BREAKS, f"not saved, and read from version {stream}: {_SHIFTED}")


def _padding(scene: Scene, old: Sequence[Item], new: Sequence[Item]) -> list[Difference]:
    """Judge fields in the place of padding, and padding in the place of fields."""
    forward, backward = _padded(old, new, scene.old), _padded(new, old, scene.new)
    reused = Verdict(Severity.FINE, "the padding was saved as zeros, so the field loads as zero")
    padded = Verdict(Severity.FINE, "saved, and skipped as padding of the same size")
    found = []
    for item in old:
        if not item.field.unused:
            found.append(
                scene.difference(
                    Kind.PADDED,
                    item.path,
                    item.side(),
                    new[0].side(),
                    forward or padded,
                    backward or reused,
                )
            )
    for item in new:
        if not item.field.unused:
            found.append(
                scene.difference(
                    Kind.REUSED,
                    item.path,
                    old[0].side(),
                    item.side(),
                    forward or reused,
                    backward or padded,
                )
            )
    return found


def _padded(writers: Sequence[Item], readers: Sequence[Item], stream: int) -> Verdict | None:
    """Return why one side does not stand for the other in the stream, None when it does."""
    saved = {presence(item.links) for item in writers}
    read = {presence(item.links, stream) for item in readers}
    if len(saved) == len(read) == 1 and saved == read and Presence.MAYBE not in saved:
        sums = [sum(item.width or 0 for item in side) for side in (writers, readers)]
        if sums[0] == sums[1]:
            return None
        return Verdict(
            Severity.MAYBE, "the same size only if it is an array of as many elements as fit"
        )
    if Presence.MAYBE in saved | read:
        return Verdict(Severity.MAYBE, f"one of them travels {_PREDICATE}")
    return Verdict(Severity.BREAKS, f"one of them is not in every version: {_SHIFTED}")
