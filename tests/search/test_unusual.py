"""Devices of kinds that are rare: the correct ones pass, and what is planted in others has its name and cause."""

from __future__ import annotations

import pytest

from stressor.device import Device
from stressor.loop.events import TargetBroke, TargetSkipped
from tests.search.test_campaign import events, findings, summary
from tests.search.unusual_devices import (
    CORRECT,
    Bank,
    Chained,
    Interrupting,
    Keyed,
    Leaving,
    Moody,
    Ruled,
    Sessions,
    Shadowed,
    Sundry,
)


@pytest.mark.parametrize("cls", CORRECT, ids=lambda cls: cls.__name__)
def test_a_correct_device_passes(cls: type[Device]) -> None:
    happened = events(cls, cycles=1_500)

    assert findings(happened) == []
    assert not [event for event in happened if isinstance(event, TargetBroke)]


def test_what_is_loaded_in_another_order_is_the_same_for_each_seed() -> None:
    assert [findings(events(Sessions, seed=seed, cycles=3_000)) for seed in (1, 2, 3)] == [[], [], []]


def test_a_device_that_would_end_the_process_is_a_finding() -> None:
    found = findings(events(Leaving))

    assert {(f.divergence.oracle, f.divergence.cause) for f in found} == {("runs-alone", "crashed")}
    assert found[0].divergence.first.after == "SystemExit: 0"


def test_a_line_that_a_load_leaves_high_is_the_loads_doing() -> None:
    assert summary(findings(events(Interrupting))) == {("load-is-silent", "output only", "interrupting/0.irq")}


def test_a_forgotten_dict_is_one_finding() -> None:
    (found,) = findings(events(Keyed))

    assert found.divergence.first.path.startswith("bank/0.notes['r")
    assert found.fingerprint.field == "bank/0.notes[]"


def test_what_is_behind_accessors_and_does_not_come_back_was_not_loaded() -> None:
    assert summary(findings(events(Moody))) == {("load-restores", "saved but not loaded", "moody/0.mode")}


def test_what_hangs_at_two_places_now_and_then_is_looked_at_where_it_is_two() -> None:
    found = summary(findings(events(Shadowed)))

    assert ("load-restores", "never saved", "shadowed/0.shadow.size") in found


def test_what_is_lost_is_put_right_as_the_object_that_it_was() -> None:
    found = summary(findings(events(Sundry)))

    assert {(oracle, cause) for oracle, cause, _ in found} == {("load-restores", "never saved")}
    assert {path.partition("[")[0] for _, _, path in found} == {"bank/0.seen", "bank/0.mode", "bank/0.pair"}


def test_what_a_rule_refuses_is_named_for_why_it_was_lost() -> None:
    assert summary(findings(events(Ruled))) == {("load-restores", "never saved", "ruled/0.head")}


def test_a_chain_that_is_too_long_to_walk_says_what_to_do() -> None:
    (broke,) = [event for event in events(Chained) if isinstance(event, TargetBroke)]

    assert "hundreds deep (a linked list?), and cannot be walked; keep them in a list or a deque" in broke.problem


def test_a_device_to_which_nothing_can_be_done_is_left_out() -> None:
    class Idle(Device):
        state = Bank.state

        def __init__(self) -> None:
            self.registers = [0] * 4

        def reset(self) -> None:
            self.registers[:] = [0] * 4

    (skipped,) = [event for event in events(Idle) if isinstance(event, TargetSkipped)]

    assert (skipped.reason, "nothing can be done to it; give it a Region" in skipped.problem) == ("no operations", True)
