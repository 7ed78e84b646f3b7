"""What each kind of difference between fields does to a saved state; docs/check.md has the table.

QEMU loads a section or subsection whose version lies between the reader's `minimum_version_id` and
`version_id`, and in it the fields whose own `version_id` is not above that version, one behind the
other: nothing in the stream says where a field begins, how long it is or what it is called.
"""

from __future__ import annotations

from typing import Final

from stressor.vmstate.check.alignment import Block, alike
from stressor.vmstate.check.difference import Difference, Kind, Severity, Verdict
from stressor.vmstate.check.item import Item, Presence, presence
from stressor.vmstate.check.padding import PREDICATE, SHIFTED, judge_bytes
from stressor.vmstate.check.scene import Scene
from stressor.vmstate.check.sizes import size_verdict

__all__ = ["judge_block"]

_NO_NAMES: Final = "names are not in the stream, and both have the same size here"


def judge_block(scene: Scene, block: Block) -> list[Difference]:
    """Judge fields that stand in each other's place."""
    old, new = block
    if not old or not new:
        return [_only(scene, item, True) for item in old] + [
            _only(scene, item, False) for item in new
        ]
    if len(old) == len(new) == 1 and old[0].field.unused == new[0].field.unused:
        return _pair(scene, old[0], new[0])
    return judge_bytes(scene, old, new)


def _only(scene: Scene, item: Item, old: bool) -> Difference:
    """Judge a field that has no counterpart."""
    saved = _saved_only(presence(item.links))
    read = _read_only(item, scene.new if old else scene.old)
    if not old and scene.new > scene.old and saved.severity is Severity.BREAKS:
        saved = Verdict(
            Severity.BREAKS, f"the reader has no such field, and refuses version {scene.new}"
        )
    if old:
        return scene.difference(Kind.REMOVED, item.path, item.side(), None, saved, read)
    return scene.difference(Kind.ADDED, item.path, None, item.side(), read, saved)


def _saved_only(saved: Presence) -> Verdict:
    if saved is Presence.YES:
        return Verdict(Severity.BREAKS, f"saved, and the reader has no such field: {SHIFTED}")
    if saved is Presence.MAYBE:
        return Verdict(
            Severity.MAYBE, f"the reader has no such field: breaks when saved, {PREDICATE}"
        )
    return Verdict(Severity.FINE, "never saved: its version is above its description's")


def _read_only(item: Item, stream: int) -> Verdict:
    read = presence(item.links, stream)
    own = item.links[-1]
    if read is Presence.YES:
        reason = f"not in the stream, and read all the same: {SHIFTED}"
        if own.embedded and own.version:
            reason += "; the version of an embedded description does not travel and gates nothing"
        return Verdict(Severity.BREAKS, reason)
    if read is Presence.MAYBE:
        return Verdict(Severity.MAYBE, f"not in the stream: breaks when read, {PREDICATE}")
    return Verdict(
        Severity.FINE, f"not read from version {stream}: it is there since {own.version}"
    )


def _pair(scene: Scene, old: Item, new: Item) -> list[Difference]:
    """Judge a field that both sides have at the same place."""
    found: list[Difference] = []

    def add(kind: Kind, forward: Verdict, backward: Verdict) -> None:
        path = new.path if kind is Kind.RENAMED else old.path
        found.append(scene.difference(kind, path, old.side(), new.side(), forward, backward))

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
        return Verdict(Severity.MAYBE, f"{what} {PREDICATE}, which the other side does not ask")
    what = "saved, and not read" if saved is Presence.YES else "not saved, and read all the same"
    own = reader.links[-1]
    if own.embedded:
        why = f"since version {own.version} of an embedded description, which does not travel"
    else:
        why = f"since version {own.version}, and the stream has {stream}"
    return Verdict(Severity.BREAKS, f"{what}: it is there {why}; {SHIFTED}")
