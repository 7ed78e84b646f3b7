"""A made-up history of four nights: what a journal tells, without one."""

from __future__ import annotations

import dataclasses

from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Finding, Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.soak.history import (
    FieldHistory,
    FieldState,
    FindingHistory,
    FindingStatus,
    History,
    JobOutcome,
    Moment,
    SessionEnd,
    SoakSession,
    TargetHistory,
)
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT

__all__ = ["CLEAN", "EMPTY", "HISTORY", "HOSTILE", "HOSTILE_NAME", "with_findings"]

_HOUR = 3600.0


def _session(number: int, began: str, ended: str | None, end: SessionEnd, hours: float) -> SoakSession:
    return SoakSession(
        number, began, ended, end, seed=20261124 + number, seconds=hours * _HOUR,
        jobs={JobOutcome.DONE: int(180 * hours), JobOutcome.HUNG: number % 2, JobOutcome.DIED: number // 3},
        cycles=int(3_100_000 * hours), operations=int(61_000_000 * hours), workers=2,
        inside=0.93, memory=(410 + 7 * number) << 20, restarts=number % 2 + number // 3, version="0.1.0",
    )  # fmt: skip


SESSIONS = (
    _session(1, "2026-11-24T20:00:00Z", "2026-11-25T04:00:00Z", SessionEnd.DONE, 8.0),
    _session(2, "2026-11-25T20:00:00Z", "2026-11-26T00:10:12Z", SessionEnd.INTERRUPTED, 4.17),
    _session(3, "2026-11-26T20:00:00Z", None, SessionEnd.UNFINISHED, 6.5),
    _session(4, "2026-11-27T20:00:00Z", "2026-11-28T04:00:00Z", SessionEnd.DONE, 8.0),
)


def _fields(prefix: str, names: str, *, never: int, seen: int) -> tuple[FieldHistory, ...]:
    paths = [prefix + name for name in names.split()]
    states = [FieldState.NEVER] * never + [FieldState.SEEN] * seen
    states += [FieldState.ALL_BITS] * (len(paths) - len(states))
    return tuple(
        FieldHistory(path, state, None if state is FieldState.NEVER else 7 * index**2 + 1)
        for index, (path, state) in enumerate(zip(paths, reversed(states), strict=True))
    )


def _moments(total: int, steps: int = 60) -> tuple[Moment, ...]:
    nights = sum(session.seconds for session in SESSIONS)
    return tuple(
        Moment(nights * index / steps, int(total * (index / steps) ** 0.9)) for index in range(steps + 1)
    )


_UART = TargetHistory(
    "uart16550",
    "devices/uart16550.py::UART16550",
    {JobOutcome.DONE: 2_400, JobOutcome.HUNG: 1},
    cycles=61_234_567,
    operations=1_204_000_000,
    seconds=91_200.0,
    fields=_fields(
        "serial/0.",
        "divider rbr ier iir lcr mcr lsr msr scr fcr thr_ipending poll_msl tsr tsr_retry "
        "recv_fifo.data[] recv_fifo.head recv_fifo.count xmit_fifo.data[] xmit_fifo.head xmit_fifo.count "
        "fifo_timeout_timer timeout_ipending last_xmit_ts",
        never=1,
        seen=6,
    ),
    moments=_moments(61_234_567),
    memory=74 << 20,
)
_E1000 = TargetHistory(
    "qemu:e1000",
    "qemu:e1000",
    {JobOutcome.DONE: 2_310, JobOutcome.DIED: 1, JobOutcome.BROKE: 2},
    cycles=3_204_112,
    operations=64_000_000,
    seconds=90_800.0,
    fields=(
        *_fields("0000:00:04.0/e1000/0.parent_obj.", "version_id config[] irq_state", never=1, seen=2),
        *_fields(
            "0000:00:04.0/e1000/0.",
            "rxbuf_size rxbuf_min_shift eecd_state.val_in eecd_state.bitnum_in eecd_state.bitnum_out "
            "eecd_state.reading eecd_state.old_eecd ipcss ipcso ipcse tucss tucso tucse paylen hdr_len mss size "
            "tso_frames sum_needed ip tcp header[] data[] " + " ".join(f"mac_reg[{index:#x}]" for index in range(64)),
            never=21,
            seen=33,
        ),
    ),
    moments=_moments(3_204_112),
    oracles_idle=("refuses-damage",),
    operations_undrawn=("set link", "write wufc"),
    deterministic=False,
    restarts=14,
    memory=212 << 20,
    notes=("flash and option ROM are left alone",),
    trouble="broke: qemu-system-x86_64 ended by SIGSEGV while it was started",
)
_TIMER = TargetHistory(
    "timer", "devices/timer.py::Timer", {JobOutcome.DONE: 2_398}, 88_000_000, 990_000_000, 91_000.0,
    _fields("timer/0.", "count reload armed deadline", never=0, seen=0), _moments(88_000_000),
)  # fmt: skip

_MAC = Finding(
    "qemu:e1000", "qemu:e1000", 4,
    Divergence(
        Oracle.LOAD_RESTORES, Cause.TRUNCATED,
        FieldChange("0000:00:04.0/e1000/0.tx.tso_props.paylen", 0x0001_2345, 0x0000_2345, 0, 4), 3,
        ResetMode.POISON, also=(FieldChange("0000:00:04.0/e1000/0.tx.data", b"\0\x01\x02\x03" * 8, bytes(32)),),
        equal=118, declared="hw/net/e1000.c:1424", last_written=0,
    ),
    (
        Operation("bar0.write", (0x3818, 4, 0x10)), Operation("bar0.write", (0x400, 4, 2)),
        Operation("clock.advance", (90_000,)), Cycle(ResetMode.POISON), Operation("bar0.read", (0x3810, 4)),
    ),
    cycle=88_123, seconds=4_000.0, found_in=391,
)  # fmt: skip
_CRASH = Finding(
    "qemu:e1000", "qemu:e1000", 5,
    Divergence(
        Oracle.RUNS_ALONE, Cause.CRASHED,
        FieldChange("0000:00:04.0/e1000/0.write bar0+0x38", "answered", "the process ended by SIGABRT"), 1,
        labels=("expected", "got"), detail="qemu-system-x86_64: e1000_core.c:99: Assertion `len > 0' failed.",
    ),
    (Operation("bar0.write", (0x38, 4, 0x8100)), Operation("bar0.write", (0x3818, 4, 1))),
    cycle=0, seconds=60.0, found_in=2,
)  # fmt: skip
_RNG = Finding(
    "timer", "devices/timer.py::Timer", 6,
    Divergence(
        Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC, FieldChange("timer/0.deadline", 0x1_0000, 0x1_0003, ABSENT, 8),
        1, labels=("one run", "another"), equal=3,
    ),
    (Operation("arm", (7,)), Operation("clock.advance", (1_000_000,))),
    cycle=0, seconds=1.0, found_in=12,
)  # fmt: skip
_LONG = Finding(
    "uart16550", "devices/uart16550.py::UART16550", 8,
    Divergence(
        Oracle.RESUMES_ALIKE, Cause.NOT_REBUILT, FieldChange("serial/0.char_transmit_time", 86_805, 0, 0, 8), 61,
        ResetMode.DONOR, labels=("uninterrupted", "interrupted"), equal=22, declared="devices/uart16550.py:71",
    ),
    (*(Operation("io.write", (index % 8, 1, index)) for index in range(60)), Cycle(ResetMode.DONOR), Operation("receive", (9,))),
    cycle=12, seconds=2.0, found_in=480,
)  # fmt: skip

FINDINGS = (
    FindingHistory(FORGOTTEN_FIFO, FindingStatus.GONE, 4, 812, 1, 3, 3.2, 1_204, "replayed: nothing diverges", "2026-11-27"),
    FindingHistory(
        _CRASH, FindingStatus.KNOWN, 2, 5_120, 1, 4, 71.0, 12,
        "an assertion that guests cannot reach; QEMU's issue 9999", "2026-11-25",
    ),
    FindingHistory(_MAC, FindingStatus.OPEN, 2, 31, 2, 4, 9.5 * _HOUR, 1_012_400),
    FindingHistory(_RNG, FindingStatus.NOT_REPLAYING, 3, 1, 3, 3, 14 * _HOUR, 51_000_000, "diverged in 0 of 3 replays"),
    FindingHistory(LOST_INTERRUPT, FindingStatus.NEW, 4, 2, 4, 4, 25.4 * _HOUR, 59_100_211),
    FindingHistory(_LONG, FindingStatus.NEW, 4, 1, 4, 4, 26.0 * _HOUR, 60_000_400),
)  # fmt: skip

HISTORY = History(SESSIONS, (_UART, _E1000, _TIMER), FINDINGS)
CLEAN = History(SESSIONS[:1], (_TIMER,))
EMPTY = History()

HOSTILE_NAME = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">\x1b[31m\u202e|`{{7*7}}"
HOSTILE = History(
    SESSIONS[:1],
    (
        TargetHistory(
            HOSTILE_NAME, HOSTILE_NAME, {JobOutcome.DONE: 1}, 10, 100, 1.0,
            (FieldHistory(HOSTILE_NAME, FieldState.NEVER), FieldHistory(f"a.{HOSTILE_NAME}", FieldState.SEEN, 3)),
            (Moment(0.0, 0), Moment(1.0, 10)), (HOSTILE_NAME,), (HOSTILE_NAME,), False, notes=(HOSTILE_NAME,), trouble=HOSTILE_NAME,
        ),
    ),
    (
        FindingHistory(
            Finding(
                HOSTILE_NAME, HOSTILE_NAME, 1,
                Divergence(
                    Oracle.LOAD_RESTORES, Cause.NEVER_SAVED, FieldChange(HOSTILE_NAME, HOSTILE_NAME, b"<b>"), 0,
                    labels=(HOSTILE_NAME, HOSTILE_NAME), detail=HOSTILE_NAME, declared=f"{HOSTILE_NAME}:1",
                    also=(FieldChange(HOSTILE_NAME, 1, 2, width=1),),
                ),
                (Operation(HOSTILE_NAME, (HOSTILE_NAME,)),),
            ),
            FindingStatus.NEW, 1, 1, 1, 1, 0.5, 5, HOSTILE_NAME, HOSTILE_NAME,
        ),
    ),
)  # fmt: skip


def with_findings(count: int) -> History:
    """Return the history with so many findings, each of which lost seven fields of 64 bytes."""
    findings = []
    for number in range(count):
        one = FINDINGS[number % len(FINDINGS)]
        divergence = one.finding.divergence
        path = f"{divergence.first.path}_{number}"
        also = tuple(FieldChange(f"{path}.also[{index}]", b"\1" * 64, b"\2" * 64) for index in range(6))
        first = dataclasses.replace(divergence.first, path=path)
        finding = dataclasses.replace(one.finding, divergence=dataclasses.replace(divergence, first=first, also=also))
        findings.append(dataclasses.replace(one, finding=finding))
    return dataclasses.replace(HISTORY, findings=tuple(findings))
