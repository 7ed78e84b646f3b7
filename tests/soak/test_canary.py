"""The first job of a device loses one of its fields: a harness that cannot notice must not look green."""

from __future__ import annotations

import pytest

from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.soak.history import JobOutcome
from stressor.soak.job import Job, JobResult, decode_result, encode
from stressor.soak.worker import Worker


def ran(device: str, *, ordinal: int = 0, oracles: tuple[Oracle, ...] = tuple(Oracle)) -> JobResult:
    specification = f"tests/soak/troublesome.py::{device}"
    modes = (ResetMode.IN_PLACE,)  # the device's memory is its class's: no other one may come between
    return decode_result(Worker().run(encode(Job(f"troublesome.{device}", specification, 1, ordinal, 0.2, oracles, modes, 5.0))))


def test_a_device_whose_losses_show_is_stressed() -> None:
    assert ran("Whole").outcome is JobOutcome.DONE


def test_a_loss_that_nothing_shows_breaks_the_job_and_says_so() -> None:
    found = ran("Clairvoyant")

    assert found.outcome is JobOutcome.BROKE
    assert "the canary was not noticed (at reset clairvoyant/0." in found.problem


@pytest.mark.parametrize(("ordinal", "oracles"), [(1, tuple(Oracle)), (0, (Oracle.SAVE_IS_PURE,))])
def test_only_the_first_job_loses_a_field_and_only_where_it_could_be_missed(
    ordinal: int, oracles: tuple[Oracle, ...]
) -> None:
    assert ran("Clairvoyant", ordinal=ordinal, oracles=oracles).outcome is JobOutcome.DONE
