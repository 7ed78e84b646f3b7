from __future__ import annotations

from collections import Counter

import pytest

from stressor.soak.schedule import Tally, budget, next_target, shares


def dealt(tallies: list[Tally], seconds: float) -> Counter[str]:
    """Return how much of some time each target gets, while nothing is new."""
    got: Counter[str] = Counter()
    while sum(got.values()) < seconds and (tally := next_target(tallies)) is not None:
        got[tally.name] += round(budget(tally))
    return got


def test_quiet_targets_get_equal_shares() -> None:
    tallies = [Tally("a"), Tally("b"), Tally("c")]

    assert dealt(tallies, 300) == {"a": 100, "b": 100, "c": 100}


def test_what_pays_gets_more_and_the_others_keep_a_floor() -> None:
    tallies = [Tally("a"), Tally("b"), Tally("c"), Tally("d")]
    tallies[1].ended(1.0, 0.0, new_fields=3, new_findings=0)

    got = dealt(tallies, 1000)

    assert shares(tallies)["b"] == pytest.approx(0.7)
    assert got["b"] == pytest.approx(700, abs=10)
    assert min(got.values()) == pytest.approx(100, abs=5)


def test_a_finding_pays_more_than_a_field() -> None:
    tallies = [Tally("field"), Tally("finding")]
    tallies[0].ended(1.0, 0.0, new_fields=1, new_findings=0)
    tallies[1].ended(1.0, 0.0, new_fields=0, new_findings=1)

    assert shares(tallies)["finding"] > shares(tallies)["field"]


def test_what_it_paid_long_ago_counts_less() -> None:
    tallies = [Tally("a"), Tally("b")]
    for tally in tallies:
        tally.ended(1.0, 0.0, new_fields=5, new_findings=0)
    for _ in range(10):
        tallies[0].ended(1.0, 0.0, new_fields=0, new_findings=0)

    assert shares(tallies)["b"] > 2 * shares(tallies)["a"]


def test_a_rise_of_the_share_is_not_paid_back_for_the_past() -> None:
    tallies = [Tally("a"), Tally("b")]
    dealt(tallies, 10_000)
    tallies[1].ended(1.0, 0.0, new_fields=1, new_findings=0)

    assert dealt(tallies, 100)["a"] >= 19


def test_a_target_in_trouble_is_tried_less_often() -> None:
    tallies = [Tally("a"), Tally("b")]
    tallies[0].failed()
    tallies[0].failed()

    got = dealt(tallies, 100)

    assert got["a"] == pytest.approx(got["b"] / 4, abs=2)


def test_a_retired_target_gets_nothing_and_its_share_goes_to_the_others() -> None:
    tallies = [Tally("a", retired="hangs"), Tally("b")]

    assert shares(tallies) == {"b": 1.0}
    assert dealt(tallies, 10) == {"b": 10}


def test_with_nothing_left_there_is_no_next() -> None:
    assert next_target([Tally("a", retired="hangs")]) is None
    assert next_target([]) is None


def test_equal_tallies_decide_alike() -> None:
    def order() -> list[str]:
        tallies = [Tally(name) for name in "abcde"]
        tallies[3].ended(1.3, 0.1, new_fields=2, new_findings=1)
        return [tally.name for _ in range(50) if (tally := next_target(tallies)) is not None]

    assert order() == order()


def test_a_job_is_so_long_that_opening_its_target_is_a_small_part() -> None:
    slow, quick = Tally("slow"), Tally("quick")
    slow.ended(1.0, 1.0, 0, 0)
    quick.ended(1.0, 0.001, 0, 0)

    assert budget(slow) == pytest.approx(25)
    assert budget(quick) == 1.0


def test_a_job_is_bounded_however_slow_its_target_is() -> None:
    slow = Tally("slow")
    slow.ended(1.0, 1000.0, 0, 0)

    assert budget(slow) == 60.0
