"""A plain class with its own save, load and reset is adapted in a few lines, and its bugs are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from stressor import adapt
from stressor.errors import DescriptionError
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.search.campaign import Campaign


class Queue:
    """Somebody's device: nothing in it knows of Stressor."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.dropped = 0

    def push(self, value: int) -> bool:
        if len(self.items) == 4:
            self.dropped += 1
            return False
        self.items.append(value)
        return True

    def pop(self) -> int | None:
        return self.items.pop(0) if self.items else None

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]

    def save(self) -> dict[str, Any]:
        return {"items": self.items, "dropped": self.dropped}

    def load(self, state: dict[str, Any]) -> None:
        self.items, self.dropped = state["items"], state["dropped"]

    def save_bytes(self) -> bytes:
        return bytes([self.dropped & 0xFF, *self.items])

    def load_bytes(self, data: bytes) -> None:
        if not data or len(data) > 5:
            raise ValueError(f"1 to 5 bytes are wanted, not {len(data)}")
        self.dropped, self.items = data[0], [*data[1:]]


OPERATIONS = {"push": {"value": st.integers(0, 255)}, "pop": {}}


def found(adapter: Any, cycles: int = 1_500) -> set[tuple[Oracle, Cause, str]]:
    campaign = Campaign(
        adapter.model("queue.py::adapted", "queue"), seed=1, oracles=list(Oracle),
        reset_modes=list(ResetMode), watchdog=Watchdog(5),
    )  # fmt: skip
    findings = [finding for finding in campaign.run(cycles) if isinstance(finding, Finding)]
    return {(f.divergence.oracle, f.divergence.cause, f.fingerprint.field) for f in findings}


def test_a_correct_class_passes() -> None:
    assert found(adapt(Queue, save="save", load="load", reset="reset", operations=OPERATIONS)) == set()


def test_a_forgotten_attribute_is_named() -> None:
    class Forgetful(Queue):
        def save(self) -> dict[str, Any]:
            return {"items": self.items}

        def load(self, state: dict[str, Any]) -> None:
            self.items = state["items"]

    assert found(adapt(Forgetful, save="save", load="load", reset="reset", operations=OPERATIONS)) == {
        (Oracle.LOAD_RESTORES, Cause.NEVER_SAVED, "forgetful/0.dropped")
    }


def test_a_state_that_shares_a_list_with_the_device_is_no_way_to_look_right() -> None:
    class Sharing(Queue):
        kept: dict[str, Any] = {}

        def load(self, state: dict[str, Any]) -> None:
            self.dropped = state["dropped"]

    adapter = adapt(Sharing, save="save", load="load", reset="reset", operations=OPERATIONS)
    assert (Oracle.LOAD_RESTORES, Cause.NEVER_SAVED, "sharing/0.items[]") in found(adapter)


def test_functions_serve_as_well_as_names() -> None:
    adapter = adapt(
        Queue, save=lambda queue: queue.save(), load=lambda queue, state: queue.load(state),
        reset=lambda queue: queue.reset(), operations=OPERATIONS,
    )  # fmt: skip
    assert found(adapter, 300) == set()


def test_bytes_are_offered_damaged_and_what_accepts_them_is_told() -> None:
    adapter = adapt(Queue, save="save_bytes", load="load_bytes", reset="reset", operations=OPERATIONS)
    assert (Oracle.REFUSES_DAMAGE, Cause.ACCEPTED_DAMAGE, "queue/0.load") in found(adapter)


def test_a_method_that_is_not_there_is_an_error_with_the_cure() -> None:
    adapter = adapt(Queue, save="save", load="restore", reset="reset", operations=OPERATIONS)
    with pytest.raises(DescriptionError, match=r"Queue\.load: Queue has no method restore\(\); name the method"):
        adapter.model("queue.py::adapted", "queue")


def test_what_a_saved_dict_has_was_saved() -> None:
    class Narrow(Queue):
        def load(self, state: dict[str, Any]) -> None:
            self.items = [*state["items"]]

    adapter = adapt(Narrow, save="save", load="load", reset="reset", operations=OPERATIONS)
    assert (Oracle.LOAD_RESTORES, Cause.NOT_LOADED, "narrow/0.dropped") in found(adapter)


class Sized:
    """A register behind a dict, whose mask is fixed when it is made."""

    def __init__(self, mask: int) -> None:
        self.value, self.mask = 0, mask


class Block:
    def __init__(self) -> None:
        self.registers = {"CTRL": Sized(0xFF), "STAT": Sized(0xFFFF)}

    def write(self, value: int) -> None:
        for register in self.registers.values():
            register.value = value & register.mask

    def reset(self) -> None:
        self.write(0)

    def save(self) -> dict[str, int]:
        return {name: register.value for name, register in self.registers.items()}

    def load(self, state: dict[str, int]) -> None:
        for name, value in state.items():
            self.registers[name].value = value

    def load_other(self, state: dict[str, int]) -> None:
        self.load({"CTRL": state["CTRL"], "STAT": state["STAT"] | 1})


def divergences(adapter: Any) -> list[Any]:
    campaign = Campaign(
        adapter.model("block.py::block", "block"), seed=1, oracles=list(Oracle),
        reset_modes=list(ResetMode), watchdog=Watchdog(5),
    )  # fmt: skip
    return [finding.divergence for finding in campaign.run(1_500) if isinstance(finding, Finding)]


WRITE = {"write": {"value": st.integers(0, 0xFFFF)}}


def test_what_does_not_travel_is_named_as_a_report_names_it() -> None:
    mask = {"registers['CTRL'].mask": "fixed when it is made"}

    assert divergences(adapt(Block, save="save", load="load", reset="reset", operations=WRITE, unsaved=mask)) == []


def test_what_nothing_changes_comes_with_the_cure() -> None:
    (mask,) = divergences(adapt(Block, save="save", load="load", reset="reset", operations=WRITE))

    assert mask.first.path == "block/0.registers['CTRL'].mask"
    assert mask.detail == "nothing that is saved is called so; if nothing ever changes it, name it in unsaved"


def test_a_value_that_a_load_gives_is_not_said_to_have_no_name() -> None:
    mask = {"registers[].mask": "fixed when it is made"}
    (value,) = divergences(adapt(Block, save="save", load="load_other", reset="reset", operations=WRITE, unsaved=mask))

    assert value.first.path == "block/0.registers['STAT'].value"
    assert value.detail == "the load gave it a value, but another one"
