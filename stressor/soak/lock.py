"""Keeps every other process away from a file, for as long as this one lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

__all__ = ["lock", "unlock"]


def lock(file: Path) -> int | None:
    """Return what holds the lock of `file`, a descriptor of a file beside it; None when somebody else has it.

    The system releases it when the process ends, in whatever way. Raises OSError.
    """
    beside = _beside(file)
    while True:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.stat(beside).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # its last owner removed it meanwhile


def unlock(file: Path, descriptor: int) -> None:
    """Release the lock, and leave nothing behind."""
    _beside(file).unlink(missing_ok=True)
    os.close(descriptor)


def _beside(file: Path) -> Path:
    return file.with_name(file.name + ".lock")
