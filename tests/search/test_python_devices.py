"""Devices written with what Python has for it: correct ones pass, and what one loses is one finding."""

from __future__ import annotations

from typing import Any

import pytest

from stressor.loop.events import Event
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode
from stressor.search.run import run
from stressor.targets.model import model_of
from tests.search.python_devices import (
    Banked,
    Bus,
    Erased,
    Moved,
    Plain,
    Processor,
    Unsent,
    Unswitched,
    bus,
)
from tests.search.test_campaign import findings, statistics, summary


def events(cls: Any) -> list[Event]:
    specification, name = f"tests/search/python_devices.py::{cls.__name__}", cls.__name__.lower()
    model = bus(cls).model(specification, name) if issubclass(cls, Bus) else model_of(cls, specification, name)
    return list(
        run(
            [model], seed=1, cycles=1_000, seconds=None, oracles=tuple(Oracle), reset_modes=tuple(ResetMode),
            configuration="", batch_timeout=5.0, stop=lambda: False,
        )
    )  # fmt: skip


@pytest.mark.parametrize("cls", [Processor, Banked, Bus])
def test_a_correct_device_passes(cls: type) -> None:
    happened = events(cls)

    assert findings(happened) == []
    assert statistics(happened).notes == ()


@pytest.mark.parametrize(
    ("cls", "cause", "path"),
    [
        (Unswitched, "never saved", "unswitched/0.window"),
        (Moved, "never saved", "moved/0.window"),
        (Erased, "never saved", "erased/0.ram[0]"),
        (Plain, "never saved", "plain/0.heap[0][1]"),
        (Unsent, "never saved", "unsent/0.heap[0][0]"),
    ],
)
def test_what_is_lost_is_one_finding(cls: type, cause: str, path: str) -> None:
    assert summary(findings(events(cls))) == {("load-restores", cause, path)}
