"""What a guest says, and what is made of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from stressor.loop.finding import Cause
from stressor.targets.qemu.live.console import Console


@pytest.fixture
def guest() -> Iterator[socket.socket]:
    here, there = socket.socketpair()
    with here, there:
        guest_ends.append(there)
        yield here
        guest_ends.clear()


guest_ends: list[socket.socket] = []


def console(heartbeat: str | None = None) -> Console:
    return Console(guest_ends[0], heartbeat)


def test_lines_that_fit_are_heartbeats(guest: socket.socket) -> None:
    watched = console(r"^beat \d+")
    guest.sendall(b"beat 1\r\nnoise\r\nbeat 2, \x1b[31m\xff\r\nbeat 3 is not whole")

    watched.watch(5.0, beats=2)

    assert (watched.heartbeats, watched.last_heartbeat) == (2, "beat 2, \x1b[31m\\xff")
    assert watched.quiet == 0.0
    assert watched.trouble is None


def test_without_a_pattern_any_output_is_one(guest: socket.socket) -> None:
    watched = console()
    guest.sendall(b"login: ")

    watched.watch(5.0, beats=1)

    assert watched.heartbeats == 1


def test_silence_is_measured(guest: socket.socket) -> None:
    watched = console("beat")
    guest.sendall(b"something else\n")

    watched.watch(0.05)

    assert watched.quiet >= 0.05
    assert watched.last_line == "something else"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[    3.1] Kernel panic - not syncing: Attempted to kill init!", Cause.CRASHED),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000000", Cause.CRASHED),
        ("Internal error: Oops: 17 [#1] SMP ARM", Cause.CRASHED),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]", Cause.HUNG),
        ("INFO: task sh:54 blocked for more than 120 seconds.", Cause.HUNG),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", Cause.HUNG),
    ],
)
def test_what_linux_says_at_its_end_is_trouble(guest: socket.socket, line: str, cause: Cause) -> None:
    watched = console("beat")
    guest.sendall(f"{line}\r\nmore\r\n".encode())

    watched.watch(5.0)

    assert watched.trouble == (cause, line)


def test_a_closed_line_ends_the_watch(guest: socket.socket) -> None:
    watched = console()
    guest.close()

    watched.watch(60.0)

    assert watched.closed


def test_a_line_that_never_ends_is_bounded(guest: socket.socket) -> None:
    watched = console("beat")
    for _ in range(20):
        guest.sendall(b"x" * 10_000)
        watched.watch(0.01)
    guest.sendall(b"\nbeat\n")

    watched.watch(5.0, beats=1)

    assert watched.heartbeats == 1
    assert len(watched._line) <= 400
