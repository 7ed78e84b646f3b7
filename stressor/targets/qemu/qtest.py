"""QEMU's qtest protocol: reads and writes of ports and memory, sent many at a time.

Source: QEMU, docs/devel/qtest.rst, and the comment at the head of softmmu/qtest.c: a command is a
line, an answer begins with `OK`, and `IRQ raise N` or `IRQ lower N` may stand between answers.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

__all__ = ["Qtest", "QtestError", "QtestSilent"]

_TOGETHER: Final = 512
"""Commands in one go: their answers have to fit into what a socket holds, or both sides wait."""

_LONGEST: Final = 1 << 22
"""Bytes of one answer; a read of memory gives two digits a byte."""


class QtestError(Exception):
    """QEMU closed the connection, did not answer in time, or not as it should."""


class QtestSilent(QtestError):
    """There was no answer in time."""


class Qtest:
    """One connection over one end of a socket pair. `seconds` bounds the wait for any answer."""

    def __init__(self, end: socket.socket, seconds: float) -> None:
        self._socket: Final = end
        self._socket.settimeout(seconds)
        self._seconds: Final = seconds
        self._pending = ""
        self.interrupts: list[tuple[str, int]] = []
        """`("raise", 3)` and so on, since it was last cleared; only of lines that are intercepted."""

    def run(self, commands: Sequence[str]) -> list[str]:
        """Send all commands and return what stands behind the `OK` of each, in order.

        Raises QtestError; which of the commands were carried out is not known then.
        """
        answers: list[str] = []
        for start in range(0, len(commands), _TOGETHER):
            part = commands[start : start + _TOGETHER]
            try:
                self._socket.sendall("".join(f"{command}\n" for command in part).encode())
            except OSError as error:
                raise self._broken(error) from error
            while len(answers) < start + len(part):
                self._take(answers)
        if len(answers) != len(commands):
            raise QtestError("QEMU gave more answers than there were commands")
        return answers

    def close(self) -> None:
        """Close the connection; never raises."""
        self._socket.close()

    def _take(self, answers: list[str]) -> None:
        """Add the answers that have come, and at least wait for some bytes of one."""
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise QtestError("QEMU closed the connection")
        *lines, self._pending = (self._pending + data.decode("ascii", "backslashreplace")).split("\n")
        if len(self._pending) > _LONGEST:
            raise QtestError(f"an answer of more than {_LONGEST} bytes")
        for text in lines:
            if text.startswith("OK"):
                answers.append(text[3:])
            elif text.startswith("IRQ "):
                self._interrupt(text)
            else:
                raise QtestError(f"QEMU answered {text[:80]!r}")

    def _interrupt(self, text: str) -> None:
        words = text.split()
        if len(words) != 3 or not words[2].isdigit():
            raise QtestError(f"QEMU answered {text[:80]!r}")
        self.interrupts.append((words[1], int(words[2])))

    def _broken(self, error: OSError) -> QtestError:
        if isinstance(error, TimeoutError):
            return QtestSilent(f"no answer within {self._seconds:g} s")
        return QtestError("QEMU closed the connection")
