from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given

from stressor.loop.finding import Cause, FieldChange, Finding
from stressor.loop.operations import Duration, OneOf, OperationType, RegisterValue, Strategy
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.report.block import failure_block, step_text
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.findings.test_record import findings

OPERATIONS = (
    OperationType("io.write", "write fcr", (2, 1), (RegisterValue(1),)),
    OperationType("io.read", "read lsr", (5, 1)),
    OperationType("io.write", "write other", (), (OneOf((0x80,)), OneOf((4,)), RegisterValue(4))),
    OperationType("cts.set", "set cts", (), (OneOf((0, 1)),)),
    OperationType("clock.advance", "advance", (), (Duration(),)),
    OperationType("receive", "receive", (), (Strategy(None),)),
)


def diverging(**changes: Any) -> Finding:
    divergence = dataclasses.replace(FORGOTTEN_FIFO.divergence, **changes)
    return dataclasses.replace(FORGOTTEN_FIFO, divergence=divergence)


def line_with(text: str, finding: Finding) -> str:
    (line,) = [line for line in failure_block(finding, OPERATIONS).splitlines() if text in line]
    return line


def test_the_block_of_a_forgotten_field() -> None:
    assert (
        failure_block(FORGOTTEN_FIFO, OPERATIONS)
        == f"""\
__________________________ uart16550 . load-restores ___________________________
{FORGOTTEN_FIFO.id}   cycle 1204 of 5000 (0.4 s)   seed 20260914   shrunk 34 -> 3

  first divergence   serial/0.recv_fifo.data[0]
    before save      0x41
    after load       0x00    the reset value: never saved
    declared         devices/uart16550.py:58
    last written     step 2
  also diverged      lsr 0x61 -> 0x60            (11 fields equal)

     1  write  fcr 0x01
     2  receive 0x41
  >  3  cycle  fresh                      <- diverges here

Reproduce with:

    stressor replay {FORGOTTEN_FIFO.id}
"""
    )


def test_the_block_of_an_output_when_the_device_is_gone() -> None:
    assert (
        failure_block(LOST_INTERRUPT)
        == f"""\
__________________________ uart16550 . resumes-alike ___________________________
{LOST_INTERRUPT.id}   cycle 3 (12 s)   seed 7   3 steps

  first divergence   serial/0.irq
    uninterrupted    level 1
    interrupted      <absent>    output only
    detail           the line was never raised again

     1  io.write 1 1 2
     2  cycle  donor (2 operations)
  >  3  advance 1.04 ms                   <- diverges here

Reproduce with:

    stressor replay {LOST_INTERRUPT.id}
"""
    )


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Operation("io.write", (2, 1, 0x01)), "write  fcr 0x01"),
        (Operation("io.read", (5, 1)), "read   lsr"),
        (Operation("io.write", (0x80, 4, 0x1F)), "write  other 0x80 4 0x0000001f"),
        (Operation("cts.set", (1,)), "set    cts 1"),
        (Operation("clock.advance", (1_041_667,)), "advance 1.04 ms"),
        (Operation("receive", (0x41,)), "receive 0x41"),
        (Operation("receive", ("a\x1b[31m", None)), r"receive 'a\x1b[31m' None"),
        (Operation("receive", (True, 1.5, b"\x01\x02", (1, -2))), "receive True 1.5 01 02 (1, -2)"),
        (Operation("gone", (0x2F, 3)), "gone 0x2f 3"),
        (Cycle(ResetMode.POISON), "cycle  poison"),
        (Cycle(ResetMode.FRESH, damage=("truncate", 12)), "cycle  fresh (damage: truncate 12)"),
    ],
    ids=str,
)
def test_steps_are_printed_as_the_target_calls_them(step: Operation | Cycle, text: str) -> None:
    assert step_text(step, OPERATIONS) == text


def test_a_value_that_is_not_the_reset_value_is_not_called_so() -> None:
    changed = FieldChange("serial/0.lcr", 0x13, 0x03, reset=0, width=1)

    assert (
        line_with("after load", diverging(first=changed))
        == "    after load       0x03    never saved"
    )


def test_what_poison_or_a_donor_left_is_called_so() -> None:
    assert line_with("after load", diverging(mode=ResetMode.POISON)).endswith(
        "  the poison: never saved"
    )
    assert "what the donor left: never saved" in failure_block(diverging(mode=ResetMode.DONOR))


def test_one_is_not_taken_for_true() -> None:
    changed = FieldChange("serial/0.flag", 0, 1, reset=True, width=1)

    assert "the reset value" not in failure_block(diverging(first=changed))


def test_long_bytes_are_shown_around_their_first_difference() -> None:
    before, after = bytes(200), bytes(100) + b"\xff" + bytes(99)

    block = failure_block(diverging(first=FieldChange("ram", before, after)))

    assert "    before save      +0x62: 00 00 00 00 00 00 00 00 00 00 00 00 .. (200 bytes)" in block
    assert "    after load       +0x62: 00 00 ff 00 00 00 00 00 00 00 00 00 .. (200 bytes)" in block


def test_of_many_further_fields_five_are_named() -> None:
    also = tuple(FieldChange(f"serial/0.r{index}", 1, 2, width=1) for index in range(8))

    lines = failure_block(diverging(also=also)).splitlines()

    first = lines.index("  also diverged      r0 0x01 -> 0x02")
    assert lines[first + 4 : first + 6] == [
        "                     r4 0x01 -> 0x02",
        "                     and 3 more                  (11 fields equal)",
    ]


def test_without_further_fields_the_equal_ones_are_counted() -> None:
    expected = "  also diverged      nothing                     (1 field equal)"

    assert line_with("also diverged", diverging(also=(), equal=1)) == expected


def long_trace() -> Finding:
    trace = (Operation("receive", (0x41,)),) * 1000 + (Cycle(ResetMode.FRESH),) * 2
    return dataclasses.replace(diverging(step=1000, last_written=500), trace=trace)


def test_a_long_trace_loses_its_middle_and_keeps_what_matters() -> None:
    lines = failure_block(long_trace(), OPERATIONS).splitlines()

    assert "          ... (492 steps)" in lines
    assert "     501  receive 0x41" in lines
    assert "  > 1001  cycle  fresh                      <- diverges here" in lines
    assert len(lines) < 60


def test_the_whole_trace_is_printed_when_asked_for() -> None:
    block = failure_block(long_trace(), OPERATIONS, whole=True)

    assert block.count("receive 0x41") == 1000
    assert "..." not in block


def test_a_divergence_behind_the_last_step_is_marked() -> None:
    finding = diverging(step=3)

    assert line_with("<-", finding) == "  >     after the last step               <- diverges here"


def test_a_divergence_of_new_devices_is_before_anything() -> None:
    finding = dataclasses.replace(diverging(step=0), trace=(), cycle=0, found_in=0)

    assert line_with("<-", finding) == "  >     before anything is done to it     <- diverges here"
    assert line_with("first cycle", finding).endswith("no steps")


def test_a_crash_before_the_first_cycle_has_no_cycle_number() -> None:
    finding = dataclasses.replace(diverging(cause=Cause.CRASHED), cycle=0)

    assert "before the first cycle (0.4 s)" in failure_block(finding)


def test_another_line_to_reproduce_can_be_given() -> None:
    block = failure_block(FORGOTTEN_FIFO, replay="stressor replay out/F-1.json")

    assert block.endswith("Reproduce with:\n\n    stressor replay out/F-1.json\n")


def test_text_of_a_target_cannot_command_the_terminal() -> None:
    finding = diverging(
        detail="\x1b[2J\rgone\x9b31m",
        first=FieldChange("a\x07b", "\x1b]0;x\x07", "\u202e"),
        declared="x\n.py:3",
    )

    block = failure_block(finding)

    assert all(line.isprintable() for line in block.splitlines())
    assert r"\x1b[2J\rgone\x9b31m" in block


@given(findings)
def test_every_block_fits_in_80_columns(finding: Finding) -> None:
    finding = dataclasses.replace(finding, target="t", cycles=1, found_in=1)

    lines = failure_block(finding).splitlines()

    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)
