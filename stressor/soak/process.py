"""A worker as a process: jobs come in through one pipe, beats and results go out through another.

A frame is a length in 4 bytes, then so many bytes; an empty one is a beat, which says that the job makes progress.
The process is a session of its own, so that Ctrl-C is not for it, and so that it can be ended with all that it
started. It ends by itself as soon as whoever started it is gone.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

from stressor.soak.job import LARGEST
from stressor.targets.qemu.storage import remove_left

if TYPE_CHECKING:
    from stressor.soak.worker import Worker

__all__ = ["BEAT", "read_frame", "serve", "write_frame"]

BEAT: Final = 1.0
"""Seconds between two looks at whether a job makes progress."""

_IDLE: Final = 300.0
"""Seconds without a job after which it ends: whoever wants it again starts another."""

_LENGTH: Final = struct.Struct(">I")


class _State:
    """What the threads of a worker's process tell each other."""

    def __init__(self) -> None:
        self.busy = False
        self.hurried = False

    def hurry(self, number: int, stack: FrameType | None) -> None:
        self.hurried = True


def serve() -> None:
    """Run jobs until there are no more. What a target prints goes nowhere; SIGTERM ends a job early."""
    jobs, results = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    state = _State()
    signal.signal(signal.SIGTERM, state.hurry)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[jobs, state], daemon=True).start()
    from stressor.soak.worker import Worker  # after the thread: this takes a while

    sending = threading.Lock()

    def opened() -> None:
        with sending:
            write_frame(results, b"")

    worker = Worker(lambda: state.hurried, opened)
    threading.Thread(target=_beat, args=[worker, state, results, sending], daemon=True).start()
    with suppress(BrokenPipeError):  # nobody is there any more
        while select.select([jobs], [], [], _IDLE)[0] and (data := read_frame(jobs)) is not None:
            state.hurried, state.busy = False, True
            result = worker.run(data)
            with sending:
                write_frame(results, result)
                state.busy = False


def read_frame(descriptor: int) -> bytes | None:
    """Return the next frame; None when there is none any more. Raises ValueError when it is too large."""
    head = _read(descriptor, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST:
        raise ValueError(f"a frame of {length} bytes")
    return _read(descriptor, length)


def write_frame(descriptor: int, data: bytes) -> None:
    """Write a frame. Raises BrokenPipeError when nobody reads it."""
    left = memoryview(_LENGTH.pack(len(data)) + data)
    while left:
        left = left[os.write(descriptor, left) :]


def _read(descriptor: int, length: int) -> bytes | None:
    pieces: list[bytes] = []
    while length:
        piece = os.read(descriptor, min(length, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _beat(worker: Worker, state: _State, results: int, sending: threading.Lock) -> None:
    """Say each second whether the job makes progress, and look how much memory it takes."""
    seen = -1
    while True:
        time.sleep(BEAT)
        beats = worker.beats
        if not state.busy or beats == seen:
            continue
        seen = beats
        worker.measure()
        with sending, suppress(BrokenPipeError):
            if state.busy:
                write_frame(results, b"")


def _end_with(jobs: int, state: _State) -> None:
    """End the process, with all that it started, when nobody can take the result of its job any more."""
    waiting = select.poll()
    waiting.register(jobs, 0)  # only that the other end is closed
    waiting.poll()
    while not state.busy:
        time.sleep(BEAT)  # it ends by itself, unless there was one more job in the pipe
    remove_left(own=True)
    os.killpg(0, signal.SIGKILL)
