"""The static check: all differences between two dumps, each judged in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from stressor.vmstate.check.alignment import Block, align
from stressor.vmstate.check.difference import (
    Difference,
    Direction,
    Kind,
    Severity,
    Side,
    Verdict,
)
from stressor.vmstate.check.item import Item, Link, Presence, items_of, presence
from stressor.vmstate.check.moves import with_moves
from stressor.vmstate.check.rules import judge_block
from stressor.vmstate.check.scene import Scene
from stressor.vmstate.check.sections import Match, match_sections
from stressor.vmstate.check.versions import judge_subsection, judge_versions
from stressor.vmstate.dump.model import Dump, DumpedDescription, DumpedDevice

__all__ = ["Comparison", "check_dumps"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a check found, in the order of the old dump; `sections` are those that both have."""

    old: Dump
    new: Dump
    sections: int
    differences: tuple[Difference, ...]

    def count(self, direction: Direction, severity: Severity) -> int:
        """Return how many differences have a severity in a direction."""
        return sum(each.verdict(direction).severity is severity for each in self.differences)


def check_dumps(old: Dump, new: Dump) -> Comparison:
    """Compare every description of two dumps; nothing ends early at a first difference."""
    matches = match_sections(old, new)
    differences = [each for match in matches for each in _section(match)]
    both = sum(match.old is not None and match.new is not None for match in matches)
    return Comparison(old, new, both, tuple(differences))


def _section(match: Match) -> Iterator[Difference]:
    if match.old is None or match.new is None:
        yield _lone_section(match.section, match.old, match.new)
        return
    old, new = match.old.description, match.new.description
    if old is None or new is None:
        if old is not new:
            sides = (None if old is None else match.old, None if new is None else match.new)
            yield _lone_section(match.section, *sides)
        return
    if match.renamed:
        verdict = Verdict(
            Severity.FINE, "matched by its description's name, which is what the stream has"
        )
        names = (Side(match.section, old.version), Side(match.renamed, new.version))
        yield Difference(Kind.RENAMED, match.section, "", *names, verdict, verdict)
    scene = Scene(match.section, old.version, new.version)
    found = list(_description(scene, "", old, new)) if old != new else []
    stated = judge_versions(scene, "", _stated(match.old, old), _stated(match.new, new), False)
    yield from (each for each in stated if each not in found)
    empty = [not (state.fields or state.subsections) for state in (old, new)]
    yield from (_softened(each, *empty) for each in with_moves(found))


def _stated(device: DumpedDevice, description: DumpedDescription) -> DumpedDescription:
    """Return the description with the versions of the device, which repeat them unless edited."""
    return msgspec.structs.replace(
        description, version=device.version, minimum_version=device.minimum_version
    )


def _lone_section(key: str, old: DumpedDevice | None, new: DumpedDevice | None) -> Difference:
    only = old or new
    assert only is not None
    name = only.name if only.description is None else only.description.name
    side = Side(name, only.version, only.minimum_version)
    nothing = Verdict(Severity.FINE, "a machine that does not have the device does not save it")
    if new is None:
        gone = Verdict(Severity.BREAKS, "a machine that has the device finds no section for it")
        return Difference(Kind.MISSING_SECTION, key, "", side, None, gone, nothing)
    late = Verdict(
        Severity.MAYBE, "breaks for a machine that got the device, which no old one can have had"
    )
    return Difference(Kind.NEW_SECTION, key, "", None, side, nothing, late)


def _softened(difference: Difference, old_empty: bool, new_empty: bool) -> Difference:
    """Judge mildly where one side describes nothing at all.

    A device that cannot be migrated looks like that: from it, there is no stream that could break.
    """
    if old_empty and difference.kind is Kind.ADDED:
        return replace(difference, forward=_unsaved(difference.forward))
    if new_empty and difference.kind is Kind.REMOVED:
        return replace(difference, backward=_unsaved(difference.backward))
    return difference


def _unsaved(verdict: Verdict) -> Verdict:
    if verdict.severity is not Severity.BREAKS:
        return verdict
    return Verdict(
        Severity.MAYBE, "the other side describes no state: fine if it cannot be saved there at all"
    )


def _description(
    scene: Scene,
    path: str,
    old: DumpedDescription,
    new: DumpedDescription,
    links: tuple[tuple[Link, ...], tuple[Link, ...]] = ((), ()),
    embedded: bool = False,
) -> Iterator[Difference]:
    """Yield the differences of two descriptions that stand for each other."""
    yield from judge_versions(scene, path, old, new, embedded)
    blocks = align(items_of(old, path, links[0], embedded), items_of(new, path, links[1], embedded))
    for block in blocks:
        yield from judge_block(scene, block)
        if len(block.old) == len(block.new) == 1:
            yield from _inner(scene, block.old[0], block.new[0])
    old_subsections, new_subsections = _subsections(old, new, blocks)
    yield from _pairs(scene, path, old_subsections, new_subsections)


def _inner(scene: Scene, old: Item, new: Item) -> Iterator[Difference]:
    """Yield the differences within a struct that both sides have."""
    inner_old, inner_new = old.field.description, new.field.description
    if inner_old is None or inner_new is None or inner_old == inner_new:
        return
    links: tuple[tuple[Link, ...], tuple[Link, ...]] = ((), ())
    if presence(old.links) is presence(new.links) is Presence.NO:
        links = (old.links, new.links)
    # Else what is within is judged for when the struct travels; that was judged with the struct.
    yield from _description(scene, old.path, inner_old, inner_new, links, embedded=True)


def _subsections(
    old: DumpedDescription, new: DumpedDescription, blocks: Sequence[Block]
) -> tuple[Sequence[DumpedDescription], Sequence[DumpedDescription]]:
    """Return the subsections of both.

    Those of a struct that stands last and was opened follow on its fields as the outer ones do.
    """
    paired = {id(item.field) for block in blocks for side in block for item in side}
    found = []
    for description in (old, new):
        subsections = list(description.subsections)
        last = description.fields[-1] if description.fields else None
        while last is not None and last.description is not None and id(last) not in paired:
            subsections += last.description.subsections
            last = last.description.fields[-1] if last.description.fields else None
        found.append(subsections)
    return found[0], found[1]


def _pairs(
    scene: Scene,
    path: str,
    old: Sequence[DumpedDescription],
    new: Sequence[DumpedDescription],
) -> Iterator[Difference]:
    by_name = {subsection.name: subsection for subsection in reversed(new)}
    prefix = f"{path}." if path else ""
    for subsection in old:
        place = f"{prefix}({subsection.name})"
        other = by_name.pop(subsection.name, None)
        if other is None:
            yield judge_subsection(scene, place, subsection, None)
        elif subsection != other:
            within = scene.within(subsection.version, other.version)
            yield from _description(within, place, subsection, other)
    for subsection in new:
        if by_name.pop(subsection.name, None) is not None:
            yield judge_subsection(scene, f"{prefix}({subsection.name})", None, subsection)
