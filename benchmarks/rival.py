"""The strongest simple rival: one seeded loop written by hand, with pickle and `==`.

It draws ten operations, runs them on the UART and on a twin, compares what came out, saves with
pickle, resets or makes a new UART, loads, and compares plain dictionaries. It sees lost state and
outputs that differ. It neither names a field, nor shrinks, nor poisons, nor damages what is saved,
nor checks invariants, and it tests a save of its own, not the device's description.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection
from random import Random

from benchmarks.plain_state import get_state, set_state
from devices.uart16550 import UART16550

__all__ = ["run_cycles"]

_DURATIONS = (1, 1_000, 10_000, 100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 1_000_000_000)
_LINES = ("cts", "dsr", "ri", "dcd")
_ERRORS = ("break", "framing", "parity")


def run_cycles(number: int, cycles: int, forgotten: Collection[str] = ()) -> bool:
    """Run cycles of ten operations from seed `number`; return whether all of them held.

    `forgotten` names attributes that the save leaves out: bugs planted for the loop to find.
    """
    random = Random(number)
    uart, twin = UART16550(), UART16550()
    pristine = get_state(uart)
    for index in range(cycles):
        if not _ten_operations(uart, twin, random):
            return False
        before = get_state(uart)
        data = pickle.dumps(
            before | {name: pristine[name] for name in forgotten} if forgotten else before,
            pickle.HIGHEST_PROTOCOL,
        )
        if index % 2:
            uart = _replaced(uart)
        else:
            lines = [*uart.lines.values()]
            levels = [line.level for line in lines]
            uart.reset()
            for line, level in zip(lines, levels, strict=True):
                line.level = level
        uart.outputs.clear()
        set_state(uart, pickle.loads(data))
        if uart.outputs or get_state(uart) != before:
            return False
        if index % 8 == 7:  # a new start, so that the states stay varied
            uart, twin = UART16550(), UART16550()
    return get_state(uart) == get_state(twin)


def _replaced(uart: UART16550) -> UART16550:
    other = UART16550()
    other.clock.now = uart.clock.now
    for old, new in zip(uart.lines.values(), other.lines.values(), strict=True):
        new.level = old.level
    return other


def _ten_operations(uart: UART16550, twin: UART16550, random: Random) -> bool:
    chance = random.random
    uart.outputs.clear()
    twin.outputs.clear()
    for _ in range(10):
        choice = chance()
        if choice < 0.4:
            offset, value = int(8 * chance()), int(256 * chance())
            uart._write(offset, 1, value)
            twin._write(offset, 1, value)
        elif choice < 0.6:
            offset = int(8 * chance())
            if uart._read(offset, 1) != twin._read(offset, 1):
                return False
        elif choice < 0.75:
            byte = int(256 * chance())
            uart.receive(byte)
            twin.receive(byte)
        elif choice < 0.8:
            error, byte = _ERRORS[int(3 * chance())], int(256 * chance())
            uart.receive_error(error, byte)
            twin.receive_error(error, byte)
        elif choice < 0.9:
            duration = _DURATIONS[int(len(_DURATIONS) * chance())]
            uart.clock.advance(duration)
            twin.clock.advance(duration)
        else:
            name, level = _LINES[int(4 * chance())], int(2 * chance())
            getattr(uart, name).set(level)
            getattr(twin, name).set(level)
    return uart.outputs == twin.outputs
