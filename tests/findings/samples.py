"""Findings to test with."""

from __future__ import annotations

from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Finding, Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode

__all__ = ["FORGOTTEN_FIFO", "LOST_INTERRUPT"]

FORGOTTEN_FIFO = Finding(
    target="uart16550",
    specification="devices/uart16550.py::UART16550",
    seed=20260914,
    cycle=1204,
    cycles=5000,
    seconds=0.4,
    found_in=34,
    trace=(
        Operation("io.write", (2, 1, 0x01)),
        Operation("receive", (0x41,)),
        Cycle(ResetMode.FRESH),
    ),
    divergence=Divergence(
        oracle=Oracle.LOAD_RESTORES,
        cause=Cause.NEVER_SAVED,
        first=FieldChange("serial/0.recv_fifo.data[0]", 0x41, 0, reset=0, width=1),
        also=(FieldChange("serial/0.lsr", 0x61, 0x60, reset=0x60, width=1),),
        equal=11,
        step=2,
        mode=ResetMode.FRESH,
        declared="devices/uart16550.py:58",
        last_written=1,
        snapshot_before=b"\x01\x02",
        snapshot_after=b"\x01\x00",
    ),
)

LOST_INTERRUPT = Finding(
    target="uart16550",
    specification="devices/uart16550.py::UART16550",
    seed=7,
    cycle=3,
    seconds=12.0,
    found_in=3,
    trace=(
        Operation("io.write", (1, 1, 0x02)),
        Cycle(ResetMode.DONOR, (Operation("receive", (0x55,)), Operation("clock.advance", (90,)))),
        Operation("clock.advance", (1_041_667,)),
    ),
    divergence=Divergence(
        oracle=Oracle.RESUMES_ALIKE,
        cause=Cause.OUTPUT_ONLY,
        first=FieldChange("serial/0.irq", "level 1", ABSENT),
        step=2,
        mode=ResetMode.DONOR,
        labels=("uninterrupted", "interrupted"),
        detail="the line was never raised again",
    ),
)
