"""The UART's state as a user without Stressor would gather it: by hand, as plain data."""

from __future__ import annotations

from typing import Any

from devices.uart16550 import UART16550, Fifo
from stressor.device import Clock, Line, Memory, Outputs, Timer

__all__ = ["BUSY", "busy_uart", "get_state", "live_state", "set_state"]

State = dict[str, Any]

BUSY = (
    # FIFOs on, trigger level 4, every interrupt enabled, 8 bits and even parity
    (2, 0x41), (1, 0x0F), (3, 0x1B), (4, 0x0B), (7, 0x5A),
    # two characters and the one on its way out
    (0, 0x48), (0, 0x69), (0, 0x21),
)  # fmt: skip
"""Register writes after which nearly everything travels; see `busy_uart`."""


def busy_uart(kind: type[UART16550] = UART16550) -> UART16550:
    """Return a UART in the middle of its work: both FIFOs filled, both timers armed."""
    uart = kind()
    for offset, value in BUSY:
        uart._write(offset, 1, value)
    for byte in b"stressor":
        uart.receive(byte)
    return uart


def get_state(uart: UART16550) -> State:
    """Return every attribute that makes up the state, as plain data."""
    receive, transmit = uart.receive_fifo, uart.transmit_fifo
    return {
        "divisor": uart.divisor,
        "receive_buffer": uart.receive_buffer,
        "interrupt_enable": uart.interrupt_enable,
        "interrupt_identification": uart.interrupt_identification,
        "line_control": uart.line_control,
        "modem_control": uart.modem_control,
        "line_status": uart.line_status,
        "modem_status": uart.modem_status,
        "scratch": uart.scratch,
        "fifo_control": uart.fifo_control,
        "transmitter_empty_pending": uart.transmitter_empty_pending,
        "transmitting": uart.transmitting,
        "transmit_holding": uart.transmit_holding,
        "transmit_shift": uart.transmit_shift,
        "receive_fifo": {"data": bytes(receive.data), "head": receive.head, "count": receive.count},
        "transmit_fifo": {
            "data": bytes(transmit.data),
            "head": transmit.head,
            "count": transmit.count,
        },
        "timeout_timer": uart.timeout_timer.deadline,
        "timeout_pending": uart.timeout_pending,
        "modem_poll": uart.modem_poll,
        "transmit_timer": uart.transmit_timer.deadline,
    }


def set_state(uart: UART16550, state: State) -> None:
    """Put back what `get_state` returned, and let the UART work out the rest."""
    uart.divisor = state["divisor"]
    uart.receive_buffer = state["receive_buffer"]
    uart.interrupt_enable = state["interrupt_enable"]
    uart.interrupt_identification = state["interrupt_identification"]
    uart.line_control = state["line_control"]
    uart.modem_control = state["modem_control"]
    uart.line_status = state["line_status"]
    uart.modem_status = state["modem_status"]
    uart.scratch = state["scratch"]
    uart.fifo_control = state["fifo_control"]
    uart.transmitter_empty_pending = state["transmitter_empty_pending"]
    uart.transmitting = state["transmitting"]
    uart.transmit_holding = state["transmit_holding"]
    uart.transmit_shift = state["transmit_shift"]
    _set_fifo(uart.receive_fifo, state["receive_fifo"])
    _set_fifo(uart.transmit_fifo, state["transmit_fifo"])
    uart.timeout_timer.deadline = state["timeout_timer"]
    uart.timeout_pending = state["timeout_pending"]
    uart.modem_poll = state["modem_poll"]
    uart.transmit_timer.deadline = state["transmit_timer"]
    uart._loaded()


def _set_fifo(fifo: Fifo, state: State) -> None:
    fifo.data[:] = state["data"]
    fifo.head = state["head"]
    fifo.count = state["count"]


def live_state(device: object) -> State:
    """Return the state of any device here, found by looking through its attributes."""
    wiring = (Clock, Outputs, Line, Memory)
    return {
        name: _plain(value) for name, value in vars(device).items() if not isinstance(value, wiring)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Timer):
        return value.deadline
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, Fifo):
        return {"data": bytes(value.data), "head": value.head, "count": value.count}
    return value
