"""Save, load, save and compare one UART: generated code, and the other ways to do it."""

from __future__ import annotations

import copy
import pickle
import struct
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from statistics import median
from typing import Any

from deepdiff import DeepDiff

from benchmarks.measure import Row, at_least, at_most, in_turns, ratio, seconds, timed
from benchmarks.plain_state import busy_uart, get_state, set_state
from devices.uart16550 import UART16550
from stressor.loop.trace import ResetMode
from stressor.search.seeded import SeededEngine
from stressor.targets.model import model_of
from stressor.vmstate import Section

__all__ = ["measure"]

Round = Callable[[UART16550], bool]
"""Saves, loads and saves; returns whether both saved states are equal."""

_SECTION = Section(UART16550.state)
_BARE = struct.Struct(">H9BiiBB16sII16sIIqiiq")


class MistypesScratch(UART16550):
    """Planted: what is stored in the scratch register comes back with a bit flipped."""

    @property
    def scratch(self) -> int:
        """The register as it was stored."""
        return int(self.__dict__.get("stored", 0))

    @scratch.setter
    def scratch(self, value: int) -> None:
        self.__dict__["stored"] = value ^ 1


def ours(uart: UART16550) -> bool:
    """The section as QEMU writes it, compiled from the description; invariants checked.

    As the loop does it: like every other side here it takes nothing back when a load is refused.
    """
    pack, load = _FUNCTIONS.get(uart.__class__) or _functions(uart)
    before, _ = pack(uart)
    load(uart, before)
    after, _ = pack(uart)
    return before == after


_Functions = tuple[Callable[[Any], tuple[bytes, Hashable]], Callable[[Any, bytes], object]]
_FUNCTIONS: dict[type, _Functions] = {}


def _functions(uart: UART16550) -> _Functions:
    _FUNCTIONS[type(uart)] = found = _SECTION.packer, _SECTION.loader(uart, undo=False)
    return found


def all_or_nothing(uart: UART16550) -> bool:
    """The same with the load that everybody else gets: refused bytes leave the device as it was."""
    before, _ = _SECTION.pack(uart)
    _SECTION.load(uart, before)
    after, _ = _SECTION.pack(uart)
    return before == after


def with_deepdiff(uart: UART16550) -> bool:
    """What one writes first: deepcopy and DeepDiff."""
    before = copy.deepcopy(get_state(uart))
    set_state(uart, before)
    after = copy.deepcopy(get_state(uart))
    return not DeepDiff(before, after)


def with_pickle(uart: UART16550) -> bool:
    """What one writes when that is too slow: pickle and `==`."""
    before = get_state(uart)
    set_state(uart, pickle.loads(pickle.dumps(before, pickle.HIGHEST_PROTOCOL)))
    after = get_state(uart)
    pickle.dumps(after, pickle.HIGHEST_PROTOCOL)
    return before == after


def bare(uart: UART16550) -> bool:
    """The limit: one hand-written struct, with no names, no checks, and nothing worked out."""
    before = _bare_save(uart)
    _bare_load(uart, before)
    return before == _bare_save(uart)


def _bare_save(uart: UART16550) -> bytes:
    receive, transmit = uart.receive_fifo, uart.transmit_fifo
    timeout, sent = uart.timeout_timer.deadline, uart.transmit_timer.deadline
    return _BARE.pack(
        uart.divisor,
        uart.receive_buffer,
        uart.interrupt_enable,
        uart.interrupt_identification,
        uart.line_control,
        uart.modem_control,
        uart.line_status,
        uart.modem_status,
        uart.scratch,
        uart.fifo_control,
        uart.transmitter_empty_pending,
        uart.transmitting,
        uart.transmit_holding,
        uart.transmit_shift,
        receive.data,
        receive.head,
        receive.count,
        transmit.data,
        transmit.head,
        transmit.count,
        -1 if timeout is None else timeout,
        uart.timeout_pending,
        uart.modem_poll,
        -1 if sent is None else sent,
    )


def _bare_load(uart: UART16550, data: bytes) -> None:
    receive, transmit = uart.receive_fifo, uart.transmit_fifo
    (
        uart.divisor,
        uart.receive_buffer,
        uart.interrupt_enable,
        uart.interrupt_identification,
        uart.line_control,
        uart.modem_control,
        uart.line_status,
        uart.modem_status,
        uart.scratch,
        uart.fifo_control,
        uart.transmitter_empty_pending,
        uart.transmitting,
        uart.transmit_holding,
        uart.transmit_shift,
        receive.data[:],
        receive.head,
        receive.count,
        transmit.data[:],
        transmit.head,
        transmit.count,
        timeout,
        uart.timeout_pending,
        uart.modem_poll,
        sent,
    ) = _BARE.unpack(data)
    uart.timeout_timer.deadline = None if timeout < 0 else timeout
    uart.transmit_timer.deadline = None if sent < 0 else sent


SIDES: dict[str, tuple[Round, int]] = {
    "ours": (ours, 4000),
    "undo": (all_or_nothing, 4000),
    "deepdiff": (with_deepdiff, 60),
    "pickle": (with_pickle, 1500),
    "bare": (bare, 8000),
}
"""Each side, and how often it runs in one turn."""


def met_in_a_run(count: int = 24) -> list[UART16550]:
    """Return UARTs in states at which a run of the fast engine saves them."""
    model = model_of(UART16550, "devices/uart16550.py::UART16550", "uart16550")
    engine = SeededEngine(model, 1, list(ResetMode))
    found = []
    for index in range(count):
        target = model.open()
        batches = engine.plan(index).batches
        for batch in batches[: 1 + len(batches) // 2]:
            target.execute(batch)
        found.append(target.device)
    return found


def measure() -> list[Row]:
    """Return the rows. Raises AssertionError when a side misses the planted bug."""
    for name, (side, _) in SIDES.items():
        assert side(busy_uart()), f"{name} sees a bug in the correct UART"
        assert not side(busy_uart(MistypesScratch)), f"{name} misses the planted bug"
    return [
        *_rows("save + load + save + compare", [met_in_a_run() for _ in SIDES]),
        *_rows("  the same where everything travels", [[busy_uart()] for _ in SIDES]),
        Row("  of ours, the UART's own post_load and rules", _own()),
    ]


def _own() -> str:
    uart = busy_uart()

    def own() -> None:
        uart._loaded()
        uart.state.broken(uart)

    return seconds(timed(own, 4000))


def _rows(what: str, devices: Sequence[Sequence[UART16550]]) -> list[Row]:
    """Return the rows for some states; each side has devices of its own, all in the same states."""

    def every(side: Round, uarts: Sequence[UART16550]) -> None:
        for uart in uarts:
            side(uart)

    costs = in_turns(
        {
            name: partial(timed, partial(every, side, uarts), 1 + times // len(uarts))
            for (name, (side, times)), uarts in zip(SIDES.items(), devices, strict=True)
        }
    )
    count = len(devices[0])
    cost = {name: seconds(median(values) / count) for name, values in costs.items()}
    mine = cost["ours"]
    against = f"{what}, against"
    return [
        at_least(f"{against} deepcopy + DeepDiff", mine, cost["deepdiff"], ratio(costs, "ours", "deepdiff"), 100),
        at_least(f"{against} pickle + ==", mine, cost["pickle"], ratio(costs, "ours", "pickle"), 3),
        at_most(f"{against} one bare struct", mine, cost["bare"], 1 / ratio(costs, "ours", "bare"), 3),
        Row(f"{what}, with a load that is all or nothing", cost["undo"]),
    ]
