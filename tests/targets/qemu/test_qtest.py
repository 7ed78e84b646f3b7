"""The qtest protocol over a socket pair, QEMU's side played by the test."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from stressor.targets.qemu.qtest import Qtest, QtestError


@pytest.fixture
def ends() -> Iterator[tuple[Qtest, socket.socket]]:
    ours, theirs = socket.socketpair()
    qtest = Qtest(ours, 0.2)
    yield qtest, theirs
    qtest.close()
    theirs.close()


def test_answers_come_back_in_order_and_interrupts_are_kept_apart(ends: tuple[Qtest, socket.socket]) -> None:
    qtest, theirs = ends
    theirs.sendall(b"OK 0x01\nIRQ raise 3\nOK\n")

    assert qtest.run(["readb 0x1", "writeb 0x1 0x0"]) == ["0x01", ""]
    assert qtest.interrupts == [("raise", 3)]
    assert theirs.recv(100) == b"readb 0x1\nwriteb 0x1 0x0\n"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"FAIL Unknown command\n", "QEMU answered 'FAIL Unknown command'"),
        (b"IRQ raise x\n", "QEMU answered 'IRQ raise x'"),
        (b"OK 1\nOK 2\n", "more answers than there were commands"),
        (b"OK 1", "no answer within 0.2 s"),
        (b"\xff\n", r"QEMU answered '\\\\xff'"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    ends: tuple[Qtest, socket.socket], said: bytes, message: str
) -> None:
    qtest, theirs = ends
    theirs.sendall(said)

    with pytest.raises(QtestError, match=message):
        qtest.run(["readb 0x1"])


def test_a_closed_connection_says_so(ends: tuple[Qtest, socket.socket]) -> None:
    qtest, theirs = ends
    theirs.close()

    with pytest.raises(QtestError, match="closed the connection"):
        qtest.run(["readb 0x1"])
