"""What a guest says on its serial line: read as it comes, watched, and bounded.

The line is one end of a socket pair that QEMU has the other end of. Nobody may leave it unread for
long: the guest waits for its serial port then.
"""

from __future__ import annotations

import re
import select
import socket
from time import monotonic
from typing import Final

from stressor.loop.finding import Cause

__all__ = ["Console"]

_LONGEST: Final = 400
"""Bytes of a line that are looked at, and kept."""

_HANG: Final = re.compile(
    rb"soft lockup|hard LOCKUP|blocked for more than \d+ seconds|detected (?:expedited )?stalls|self-detected stall"
)
_PANIC: Final = re.compile(
    rb"Kernel panic|\bOops\b|\bBUG: |general protection fault|Unable to handle kernel|Internal error: "
)
"""What Linux prints when it is at its end, or a part of it is."""


class Console:
    """Reads one end of a socket pair, which it closes when it is closed.

    A line that fits `heartbeat` says that the guest goes on; without a pattern any output does.
    """

    def __init__(self, end: socket.socket, heartbeat: str | None) -> None:
        self._end: Final = end
        self._end.setblocking(False)
        self._pattern: Final = re.compile(heartbeat.encode()) if heartbeat else None
        self._line = b""
        self.heartbeats = 0
        self.last_heartbeat = ""
        """The last line that was one, escaped."""
        self.last_line = ""
        self.quiet = 0.0
        """For how many seconds it was watched since the last heartbeat."""
        self.trouble: tuple[Cause, str] | None = None
        """The first line that says that the guest panicked or hangs."""
        self.closed = False

    def watch(self, seconds: float, *, beats: int = 0) -> None:
        """Read for so long, or until the guest is in trouble, or QEMU closed its end.

        With `beats` also no longer than until there were as many heartbeats in all.
        """
        begun = now = monotonic()
        while now - begun < seconds and not (self.closed or self.trouble):
            ready, _, _ = select.select([self._end], [], [], seconds - (now - begun))
            later = monotonic()
            self.quiet += later - now
            now = later
            if ready:
                self._take()
                if beats and self.heartbeats >= beats:
                    return

    def close(self) -> None:
        """Close this end; never raises."""
        self._end.close()

    def _take(self) -> None:
        try:
            data = self._end.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._read(line[:_LONGEST].rstrip(b"\r"))
        self._line = self._line[:_LONGEST]
        if self._pattern is None:
            self._beat(self.last_line)

    def _read(self, line: bytes) -> None:
        self.last_line = text = line.decode("utf-8", "backslashreplace")
        if self.trouble is None:
            if _HANG.search(line):
                self.trouble = Cause.HUNG, text
            elif _PANIC.search(line):
                self.trouble = Cause.CRASHED, text
        if self._pattern is not None and self._pattern.search(line):
            self._beat(text)

    def _beat(self, text: str) -> None:
        self.heartbeats += 1
        self.last_heartbeat = text
        self.quiet = 0.0
