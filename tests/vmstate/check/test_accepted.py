from __future__ import annotations

from pathlib import Path

import pytest

from stressor.errors import UsageError
from stressor.vmstate.check import Difference, Kind, check_dumps
from stressor.vmstate.check.accepted import Accepted, parse_accepted, read_accepted, sort_out
from tests.vmstate.check.dumps import described, dump, field


def added(path: str) -> Difference:
    old = described(field("x"), name="uart")
    new = described(field("x"), field(path), name="uart")
    (difference,) = check_dumps(dump(old), dump(new)).differences
    return difference


def test_entries_are_read() -> None:
    text = b"""
    [[ignore]]
    path = "uart/*"
    kind = "added"
    reason = "of a timer that nobody uses"

    [[ignore]]
    kind = "moved"
    reason = "never released"
    """

    assert parse_accepted(text, "file") == [
        Accepted("uart/*", Kind.ADDED, "of a timer that nobody uses"),
        Accepted("", Kind.MOVED, "never released"),
    ]


def test_an_accepted_difference_is_taken_out_and_a_stale_entry_is_named() -> None:
    one, two = added("ier"), added("lcr")
    entry, stale = Accepted("uart/ier", None, "known"), Accepted("uart/mcr", None, "long gone")

    result = sort_out([one, two], [entry, stale])

    assert result.open == (two,)
    assert result.ignored == ((one, entry),)
    assert result.stale == (stale,)


def test_an_entry_behind_a_wider_one_is_not_stale() -> None:
    result = sort_out(
        [added("ier")], [Accepted("uart/*", None, "a"), Accepted("uart/ier", None, "b")]
    )

    assert result.stale == ()


@pytest.mark.parametrize(
    ("path", "kind", "covered"),
    [
        ("uart/ier[0x0]", None, True),
        ("uart/ier[*]", None, True),
        ("*/ier????", None, False),
        ("uart/ier?0x0?", None, True),
        ("uart", None, False),
        ("", Kind.ADDED, True),
        ("uart/*", Kind.REMOVED, False),
    ],
)
def test_paths_are_globs_of_two_signs(path: str, kind: Kind | None, covered: bool) -> None:
    assert Accepted(path, kind, "known").covers(added("ier[0x0]")) is covered


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[ignore]\n", "no TOML"),
        ("\xff", "no TOML"),
        ("[[ignored]]\n", "unknown key 'ignored', did you mean 'ignore'?"),
        ("[ignore]\n", "no list of tables"),
        ("ignore = [1]\n", r"ignore\[0\] is no table"),
        ("[[ignore]]\npth = 'a'\n", "unknown key 'pth', did you mean 'path'?"),
        ("[[ignore]]\npath = 1\nreason = 'a'\n", "path is 1; give a text"),
        ("[[ignore]]\npath = 'a'\n", "has no reason"),
        ("[[ignore]]\npath = 'a'\nreason = ' '\n", "reason is ' '; give a text"),
        ("[[ignore]]\nreason = 'a'\n", "neither path nor kind"),
        ("[[ignore]]\nkind = 'aded'\nreason = 'a'\n", "unknown kind 'aded', did you mean 'added'?"),
    ],
)
def test_a_wrong_file_is_refused_with_the_cure(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"accepted.toml.*{message}"):
        parse_accepted(text.encode("latin-1"), "accepted.toml")


def test_a_file_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_accepted(tmp_path / "gone.toml")


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(UsageError, match="larger than 1 MB"):
        parse_accepted(b"#" * (1 << 20) + b"#", "accepted.toml")
