from __future__ import annotations

import msgspec

from stressor.soak.chronicle import Acceptance
from stressor.soak.history import FindingStatus
from stressor.soak.job import Verdict
from stressor.soak.standing import Standing
from tests.findings.samples import FORGOTTEN_FIFO
from tests.soak.samples import TARGET, job, result

FOUND = FORGOTTEN_FIFO.id


def standing(accepted: dict[str, Acceptance] | None = None) -> Standing:
    return Standing([TARGET], {}, accepted or {})


def test_a_finding_is_told_again_only_when_its_status_is_another() -> None:
    one = standing()

    told = [one.found(FORGOTTEN_FIFO, replays, 1.0) for replays in (False, False, True, False)]

    assert told == [
        (FindingStatus.NOT_REPLAYING, True), (FindingStatus.NOT_REPLAYING, False), (FindingStatus.NEW, True),
        (FindingStatus.NEW, False),
    ]  # fmt: skip
    assert one.new == 1


def test_what_was_told_by_its_replay_is_not_told_again() -> None:
    one = standing()
    one.expect(FOUND)

    assert one.replayed(FOUND, Verdict.FAILED) is FindingStatus.OPEN
    assert one.found(FORGOTTEN_FIFO, True, 1.0) == (FindingStatus.OPEN, False)
    assert one.new == 0


def test_what_is_accepted_is_known_and_nothing_new() -> None:
    one = standing({FOUND: Acceptance("it is so", "2026-11-28")})

    assert one.found(FORGOTTEN_FIFO, True, 1.0) == (FindingStatus.KNOWN, True)
    assert (one.new, one.last_novelty) == (0, 0.0)


def test_the_memory_of_a_worker_that_was_replaced_is_not_counted_on() -> None:
    one = standing()
    one.workers(2, 0.0)

    for number, worker in enumerate(["here/1", "here/2", "here/1", "here/3", "here/4"]):
        one.job(job(number), msgspec.structs.replace(result(), worker=worker, memory=1 << 40), 1)

    assert 2 << 40 < one.columns(1.0, 2, 0)["memory"] < 3 << 40
