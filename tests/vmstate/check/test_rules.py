"""One small difference of each kind, planted, and what it does in each direction."""

from __future__ import annotations

import pytest

from stressor.vmstate.check import Difference, Kind, Severity, Side, check_dumps
from stressor.vmstate.dump import Dump, DumpedDescription, DumpedField
from tests.stored import ROOT
from tests.vmstate.check.dumps import described, dump, field, unused

FINE, MAYBE, BREAKS = Severity.FINE, Severity.MAYBE, Severity.BREAKS
A, B = field("ier"), field("lcr", 1)


def differences(old: DumpedDescription, new: DumpedDescription) -> list[Difference]:
    return list(check_dumps(dump(uart=old), dump(uart=new)).differences)


def within(*fields: DumpedField, version: int = 1, name: str = "state") -> DumpedDescription:
    """A description whose second field is a struct of these."""
    inner = described(*fields, name=name, version=version)
    return described(A, field("state", 99, inner=inner), B)


def extended(*subsections: DumpedDescription) -> DumpedDescription:
    return described(A, subsections=subsections)


def fifo(*fields: DumpedField, version: int = 1) -> DumpedDescription:
    return described(*fields, name="uart/fifo", version=version)


def judged(difference: Difference) -> tuple[Kind, Severity, Severity]:
    return difference.kind, difference.forward.severity, difference.backward.severity


Plant = tuple[DumpedDescription, DumpedDescription, Kind, str, Severity, Severity]

PLANTED: dict[str, Plant] = {
    # added
    "added": (described(A), described(A, B), Kind.ADDED, "lcr", BREAKS, BREAKS),
    "added in a version that the old one has": (
        described(A, version=2), described(A, field("lcr", since=2), version=2),
        Kind.ADDED, "lcr", BREAKS, BREAKS,
    ),
    "added in a version that is never saved": (
        described(A), described(A, field("lcr", since=2)), Kind.ADDED, "lcr", FINE, FINE,
    ),
    "added, conditional": (
        described(A), described(A, field("lcr", conditional=True)), Kind.ADDED, "lcr", MAYBE, MAYBE,
    ),
    "added, conditional, its version is not looked at": (
        described(A), described(A, field("lcr", since=9, conditional=True)),
        Kind.ADDED, "lcr", MAYBE, MAYBE,
    ),
    "added to a struct": (within(A), within(A, B), Kind.ADDED, "state.lcr", BREAKS, BREAKS),
    "added to a subsection": (
        extended(fifo(A)), extended(fifo(A, B)), Kind.ADDED, "(uart/fifo).lcr", BREAKS, BREAKS,
    ),
    # removed
    "removed": (described(A, B), described(A), Kind.REMOVED, "lcr", BREAKS, BREAKS),
    "removed, conditional": (
        described(A, field("lcr", conditional=True)), described(A),
        Kind.REMOVED, "lcr", MAYBE, MAYBE,
    ),
    "removed, never saved": (
        described(A, field("lcr", since=2)), described(A), Kind.REMOVED, "lcr", FINE, FINE,
    ),
    "removed from the middle": (
        described(A, B, field("mcr")), described(A, field("mcr")),
        Kind.REMOVED, "lcr", BREAKS, BREAKS,
    ),
    "a removed struct": (
        described(A, field("state", 9, inner=described(B))), described(A),
        Kind.REMOVED, "state", BREAKS, BREAKS,
    ),
    # renamed
    "renamed": (
        described(field("core.ier")), described(field("core.mac_ier")),
        Kind.RENAMED, "core.mac_ier", FINE, FINE,
    ),
    "another name altogether": (
        described(field("ier")), described(field("pq")), Kind.RENAMED, "pq", MAYBE, MAYBE,
    ),
    "a renamed struct": (
        described(field("dev", 9, inner=described(A))),
        described(field("parent_obj", 8, inner=described(A))),
        Kind.RENAMED, "parent_obj", FINE, FINE,
    ),
    "a renamed description of a struct": (
        within(A, name="state"), within(A, name="serial"), Kind.RENAMED, "state", FINE, FINE,
    ),
    "a renamed section": (
        described(A, name="uart"), described(A, name="serial"), Kind.RENAMED, "", BREAKS, BREAKS,
    ),
    # moved
    "moved": (
        described(A, B, field("mcr")), described(A, field("mcr"), B),
        Kind.MOVED, "lcr", BREAKS, BREAKS,
    ),
    "moved into a subsection": (
        described(A, B, subsections=(fifo(field("data")),)),
        described(A, subsections=(fifo(field("data"), B),)),
        Kind.MOVED, "lcr", BREAKS, BREAKS,
    ),
    # resized
    "resized": (
        described(field("ier", 4)), described(field("ier", 2)), Kind.RESIZED, "ier", BREAKS, BREAKS,
    ),
    "resized within a struct": (
        within(field("x", 4)), within(field("x", 8)), Kind.RESIZED, "state.x", BREAKS, BREAKS,
    ),
    "of a size that one side does not say": (
        described(field("data", 16)), described(field("data", 0)),
        Kind.RESIZED, "data", MAYBE, MAYBE,
    ),
    "a timer, once behind a pointer": (
        described(field("t", 8)), described(field("t", 48)), Kind.RESIZED, "t", MAYBE, MAYBE,
    ),
    "more elements": (
        described(field("data", 4, count=4)), described(field("data", 4, count=8)),
        Kind.RESIZED, "data", BREAKS, BREAKS,
    ),
    "more structs": (
        described(field("s", 9, count=4, inner=described(A))),
        described(field("s", 9, count=5, inner=described(A))),
        Kind.RESIZED, "s", BREAKS, BREAKS,
    ),
    # retyped
    "a struct of as many bytes": (
        described(field("state", 5)), described(field("state", 99, inner=described(A, B))),
        Kind.RETYPED, "state", MAYBE, MAYBE,
    ),
    "a struct of fewer bytes": (
        described(field("state", 9)), described(field("state", 99, inner=described(A, B))),
        Kind.RETYPED, "state", BREAKS, BREAKS,
    ),
    "as many bytes in other elements": (
        described(field("data", 2, count=4)), described(field("data", 4, count=2)),
        Kind.RETYPED, "data", MAYBE, MAYBE,
    ),
    "another type of the same size": (
        described(field("x", type="u32")), described(field("x", type="i32")),
        Kind.RETYPED, "x", MAYBE, MAYBE,
    ),
    "two fields where one was": (
        described(field("word", 4)), described(field("qq", 2), field("zz", 2)),
        Kind.RETYPED, "word", MAYBE, MAYBE,
    ),
    "another field and padding where one was": (
        described(field("word", 4)), described(field("qq", 2), unused(2)),
        Kind.RETYPED, "word", MAYBE, MAYBE,
    ),
    "two fields of another version where one was": (
        described(field("word", 4)), described(field("qq", 2, since=2), field("zz", 2, since=2)),
        Kind.RETYPED, "word", BREAKS, BREAKS,
    ),
    # re-versioned
    "of a version above the old section's": (
        described(A), described(field("ier", since=2)), Kind.REVERSIONED, "ier", BREAKS, BREAKS,
    ),
    "of another version that both have": (
        described(A, version=3), described(field("ier", since=2), version=3),
        Kind.REVERSIONED, "ier", FINE, FINE,
    ),
    "gated by the version of a struct, which was raised": (
        within(A, field("x", since=2), version=1), within(A, field("x", since=2), version=2),
        Kind.REVERSIONED, "state.x", BREAKS, BREAKS,
    ),
    "conditional, of another version": (
        described(field("x", conditional=True)), described(field("x", since=9, conditional=True)),
        Kind.REVERSIONED, "x", FINE, FINE,
    ),
    # field_exists
    "made conditional": (
        described(A), described(field("ier", conditional=True)),
        Kind.CONDITIONAL, "ier", MAYBE, MAYBE,
    ),
    "made unconditional": (
        described(field("ier", conditional=True)), described(A),
        Kind.CONDITIONAL, "ier", MAYBE, MAYBE,
    ),
    # padding
    "a field became padding": (
        described(A, B), described(unused(4), B), Kind.PADDED, "ier", FINE, FINE,
    ),
    "padding became a field": (
        described(unused(4), B), described(A, B), Kind.REUSED, "ier", FINE, FINE,
    ),
    "part of the padding became a field": (
        described(unused(8)), described(A, unused(4)), Kind.REUSED, "ier", FINE, FINE,
    ),
    "padding may fit an array of unknown length": (
        described(field("x", 1)), described(unused(5)), Kind.PADDED, "x", MAYBE, MAYBE,
    ),
    "padding of another version than the field": (
        described(A), described(unused(4, since=2)), Kind.PADDED, "ier", BREAKS, BREAKS,
    ),
    "conditional, became padding": (
        described(field("x", conditional=True)), described(unused(4)),
        Kind.PADDED, "x", MAYBE, MAYBE,
    ),
    # versions
    "a raised version": (
        described(A, version=1), described(A, version=2),
        Kind.VERSION, "", FINE, BREAKS,
    ),
    "a lowered version": (
        described(A, version=2), described(A, version=1),
        Kind.VERSION, "", BREAKS, FINE,
    ),
    "a raised version of a subsection": (
        extended(fifo(A)), extended(fifo(A, version=2)), Kind.VERSION, "(uart/fifo)", FINE, BREAKS,
    ),
    "a raised version of a struct": (
        within(A, version=1), within(A, version=2), Kind.VERSION, "state", FINE, FINE,
    ),
    "a raised minimum that the old one reaches": (
        described(A, version=3, minimum=1), described(A, version=3, minimum=2),
        Kind.MINIMUM_VERSION, "", FINE, FINE,
    ),
    # subsections
    "a new subsection": (
        extended(), extended(fifo(A)),
        Kind.NEW_SUBSECTION, "(uart/fifo)", FINE, MAYBE,
    ),
    "a missing subsection": (
        extended(fifo(A)), extended(), Kind.MISSING_SUBSECTION, "(uart/fifo)", MAYBE, FINE,
    ),
    "no fields any more": (described(A), described(), Kind.REMOVED, "ier", BREAKS, MAYBE),
    "no fields until now": (described(), described(A), Kind.ADDED, "ier", MAYBE, BREAKS),
}


@pytest.mark.parametrize(
    ("old", "new", "kind", "path", "forward", "backward"), PLANTED.values(), ids=PLANTED
)
def test_a_planted_difference_is_found_and_judged(
    old: DumpedDescription,
    new: DumpedDescription,
    kind: Kind,
    path: str,
    forward: Severity,
    backward: Severity,
) -> None:
    (found,) = [
        each for each in differences(old, new) if each.kind is kind or each.kind is not Kind.VERSION
    ]

    assert (found.kind, found.path) == (kind, path)
    assert (found.forward.severity, found.backward.severity) == (forward, backward)
    assert all(verdict.reason for verdict in (found.forward, found.backward) if verdict.severity)


@pytest.mark.parametrize(("old", "new"), [plant[:2] for plant in PLANTED.values()], ids=PLANTED)
def test_the_other_way_round_the_verdicts_change_places(
    old: DumpedDescription, new: DumpedDescription
) -> None:
    there, back = differences(old, new), differences(new, old)

    assert sorted((each.forward.severity, each.backward.severity) for each in there) == sorted(
        (each.backward.severity, each.forward.severity) for each in back
    )


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_is_the_same_has_no_difference(plant: Plant) -> None:
    assert differences(plant[0], plant[0]) == differences(plant[1], plant[1]) == []


def test_every_kind_of_difference_is_planted() -> None:
    elsewhere = {Kind.MISSING_SECTION, Kind.NEW_SECTION, Kind.MINIMUM_VERSION}

    assert {plant[2] for plant in PLANTED.values()} | elsewhere == set(Kind)


def test_every_kind_has_its_row_in_the_table_of_rules() -> None:
    page = (ROOT / "docs" / "check.md").read_text()
    table = page.partition("## The rules")[2].partition("###")[0]

    assert [kind for kind in Kind if f"| `{kind}`" not in table] == []


def test_a_new_field_of_a_newer_version_breaks_only_the_way_back() -> None:
    version, added = differences(described(A), described(A, field("lcr", since=2), version=2))

    assert judged(version) == (Kind.VERSION, FINE, BREAKS)
    assert judged(added) == (Kind.ADDED, FINE, BREAKS)
    assert "refuses version 2" in added.backward.reason


def test_the_version_of_a_struct_gates_nothing_that_travels() -> None:
    version, added = differences(within(A), within(A, field("x", since=2), version=2))

    assert judged(version) == (Kind.VERSION, FINE, FINE)
    assert judged(added) == (Kind.ADDED, BREAKS, BREAKS)
    assert "gates nothing" in added.forward.reason


def test_the_version_of_a_subsection_gates_its_fields() -> None:
    _, added = differences(
        extended(fifo(A)), extended(fifo(A, field("x", since=2), version=2))
    )

    assert judged(added) == (Kind.ADDED, FINE, BREAKS)


def test_a_minimum_above_the_old_version_refuses_it() -> None:
    version, minimum = differences(described(A), described(A, version=3, minimum=3))

    assert judged(version) == (Kind.VERSION, FINE, BREAKS)
    assert judged(minimum) == (Kind.MINIMUM_VERSION, BREAKS, FINE)


def test_a_field_of_a_struct_that_is_in_no_stream_breaks_nothing() -> None:
    old, new = (
        described(A, field("s", 9, since=7, inner=described(*fields))) for fields in ((A,), (A, B))
    )

    (found,) = differences(old, new)

    assert judged(found) == (Kind.ADDED, FINE, FINE)


def test_a_struct_that_is_read_in_other_versions_is_named_and_not_all_that_is_in_it() -> None:
    old = described(A, field("state", 9, inner=described(A, B)))
    new = described(A, field("state", 9, since=2, inner=described(A, field("lcr", 2))))

    gate, size = differences(old, new)

    assert (judged(gate), gate.path) == ((Kind.REVERSIONED, BREAKS, BREAKS), "state")
    assert (judged(size), size.path) == ((Kind.RESIZED, BREAKS, BREAKS), "state.lcr")


def test_a_first_difference_does_not_end_the_check() -> None:
    old = described(field("a"), field("b", 2), field("c"), field("d", 1), field("e"))
    new = described(field("a"), field("new", 8), field("b", 2), field("c"), field("e", 8))

    found = differences(old, new)

    assert [(each.kind, each.path) for each in found] == [
        (Kind.ADDED, "new"), (Kind.REMOVED, "d"), (Kind.RESIZED, "e"),
    ]


def test_a_field_that_moved_and_grew_is_one_difference() -> None:
    old, new = described(A, B, field("mcr")), described(A, field("mcr"), field("lcr", 2))

    (found,) = differences(old, new)

    assert (judged(found), found.path) == ((Kind.MOVED, BREAKS, BREAKS), "lcr")
    assert found.old == Side("lcr", 0, conditional=False, size=1)
    assert found.new == Side("lcr", 0, conditional=False, size=2)


def test_fields_of_one_name_in_two_structs_are_not_one_that_moved() -> None:
    old = described(
        field("a", 9, inner=described(A, B, name="a")), field("b", 9, inner=described(A))
    )
    new = described(
        field("a", 9, inner=described(A, name="a")),
        field("b", 9, inner=described(A, field("lcr", 2))),
    )

    assert [each.kind for each in differences(old, new)] == [Kind.REMOVED, Kind.ADDED]


def test_an_empty_dump_has_no_difference_to_itself() -> None:
    assert check_dumps(Dump("", {}), Dump("", {})).differences == ()
