"""Everything that Stressor raises on purpose.

    StressorError
    ├── UsageError             the user asked for something that is not there (exit code 2)
    │   ├── DescriptionError   a state description, or its class, is wrong
    │   ├── NoDeviceError      a file or folder in which there is no device (exit code 4)
    │   └── NotInstalledError  a program or package that is needed is not there
    ├── StateError             a device's state cannot be saved
    ├── StreamError            saved bytes cannot be loaded
    ├── RecordError            a finding's file, or a journal, is damaged, newer, or cannot be written
    ├── DumpError              a file of state descriptions cannot be read (exit code 3)
    └── TargetError            a target, or the harness itself, broke (exit code 3)
        └── UnsuitableError    a target that is there and cannot be stressed (exit code 4)

A finding is not an error: it is data, see `stressor.loop.finding`. Each message says what is
wrong and then the cure.
"""

from __future__ import annotations

__all__ = [
    "DescriptionError",
    "DumpError",
    "NoDeviceError",
    "NotInstalledError",
    "RecordError",
    "StateError",
    "StreamError",
    "StressorError",
    "TargetError",
    "UnsuitableError",
    "UsageError",
]


class StressorError(Exception):
    """The root: catch this to catch everything that Stressor raises on purpose."""


class UsageError(StressorError):
    """A path, name, option or configuration that makes no sense; the message says the cure."""


class DescriptionError(UsageError):
    """A state description that cannot be right.

    `owner` is the description's (or the device class') name, `field` the field's name or "".
    """

    def __init__(self, owner: str, field: str, problem: str, cure: str) -> None:
        self.owner = owner
        self.field = field
        self.problem = problem
        self.cure = cure
        where = f"{owner}.{field}" if field else owner
        super().__init__(f"{where}: {problem}; {cure}")


class NoDeviceError(UsageError):
    """A file or folder that is there and holds no device, so nothing would run."""


class NotInstalledError(UsageError):
    """Something beside Stressor is needed and is not there; the message says what to install."""


class StateError(StressorError):
    """A value that the field which should carry it cannot hold; nothing was saved.

    `path` is the field path, `value` what was found there.
    """

    def __init__(self, path: str, value: object, problem: str) -> None:
        self.path = path
        self.value = value
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class StreamError(StressorError):
    """Bytes that cannot be loaded; the device is as it was before.

    `path` is the field path and `offset` the byte offset at which reading stopped making sense, -1
    in a format that counts no bytes.
    """

    def __init__(self, path: str, offset: int, problem: str) -> None:
        self.path = path
        self.offset = offset
        self.problem = problem
        where = path if offset < 0 else f"{path} at byte {offset}"
        super().__init__(f"{where}: {problem}")


class RecordError(StressorError):
    """A finding's file, or a journal, that cannot be read or written; `file` names it."""

    def __init__(self, file: str, problem: str, cure: str) -> None:
        self.file = file
        super().__init__(f"{file}: {problem}; {cure}")


class DumpError(StressorError):
    """A file that holds no dump of state descriptions.

    `file` names it, `place` is the path in its JSON ("" for the whole).
    """

    def __init__(self, file: str, place: str, problem: str, cure: str) -> None:
        self.file = file
        self.place = place
        where = f"{file} at {place}" if place else file
        super().__init__(f"{where}: {problem}; {cure}")


class TargetError(StressorError):
    """A target that can no longer be driven, for a reason that is not a finding."""


class UnsuitableError(TargetError):
    """A target that cannot be stressed, which is a fact about it: no finding, and no fault.

    `reason` says why in two or three words, such as "not migratable".
    """

    def __init__(self, reason: str, problem: str) -> None:
        self.reason = reason
        super().__init__(problem)
