"""What `qemu:live,...` on the command line means: a guest that runs on, and how it is watched."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stressor.errors import UsageError
from stressor.loop.operations import Duration, OperationType
from stressor.targets.qemu.specification import PREFIX

__all__ = ["OPERATIONS", "RUN", "LiveSpecification", "is_live", "live_written", "parse_live"]

_NAME: Final = "live"
_SEPARATOR: Final = " -- "
_MEMORY: Final = re.compile(r"\d+[MG]?")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_REPEATABLE: Final = ("only", "except")
_OPTIONS: Final = ("machine", "binary", "memory", "period", "silence", "heartbeat", *_REPEATABLE)
_GUESTS: Final = ("-kernel", "-initrd", "-append", "-hda", "-hdb", "-fda", "-cdrom")
_FILE: Final = re.compile(r"(?<![\w.-])(?:file|filename)=[^,]*,?")
"""What says which guest runs, and not what it runs on."""

RUN: Final = "guest.run"

OPERATIONS: Final = (OperationType(RUN, "run guest", (), (Duration(),)),)
"""What happens to a guest between two cycles: it runs for so many ns of the host's time."""


@dataclass(frozen=True)
class LiveSpecification:
    """A guest, taken apart. `arguments` go to QEMU as they are, its kernel among them.

    Every `period` seconds the guest goes through a cycle; without a `heartbeat` (a regular
    expression that fits a line of its console) for `silence` seconds it hangs. Of the sections only
    those that fit one of `only`, and none of `excluded`, are compared.
    """

    text: str
    machine: str | None
    binary: str | None
    memory: str
    period: float
    silence: float
    heartbeat: str | None
    only: tuple[str, ...]
    excluded: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """What is stressed, without which guest does it."""
        machine = f",machine={self.machine}" if self.machine else ""
        hardware: list[str] = []
        words = iter(self.arguments)
        for word in words:
            if word in _GUESTS:
                next(words, None)
            else:
                hardware.append(_FILE.sub("", word))
        return " ".join([f"{PREFIX}{_NAME}{machine}", *hardware])

    def argument(self, name: str) -> str | None:
        """Return what follows an argument such as `-kernel`, None when it is not given."""
        pairs = zip(self.arguments, self.arguments[1:], strict=False)
        return next((value for option, value in pairs if option == name), None)


def is_live(specification: str) -> bool:
    """Return whether a specification is one of a running guest."""
    return re.match(rf"{PREFIX}{_NAME}(?![\w-])", specification) is not None


def live_written(
    text: str, options: Mapping[str, str | Sequence[str]], guest: Mapping[str, str]
) -> str:
    """Return a specification with further options, and QEMU's arguments of the guest, in it."""
    front, separator, behind = text.partition(_SEPARATOR)
    for name, given in options.items():
        for value in [given] if isinstance(given, str) else given:
            front += f",{name}={value.replace(',', ',,')}"
    words = [word for name, value in guest.items() for word in (f"-{name}", value)]
    arguments = " ".join(part for part in (shlex.join(words), behind) if part)
    return front + (f"{_SEPARATOR}{arguments}" if arguments or separator else "")


def parse_live(text: str) -> LiveSpecification:
    """Return the specification. Raises UsageError that says what is wrong, and the cure."""
    front, _, behind = text.partition(_SEPARATOR)
    try:
        arguments = tuple(shlex.split(behind))
    except ValueError as error:
        raise UsageError(f"{text}: what follows -- cannot be split into words: {error}") from error
    given: dict[str, str] = {}
    lists: dict[str, list[str]] = {name: [] for name in _REPEATABLE}
    for word in _words(front)[1:]:
        name, equals, value = word.partition("=")
        if not equals or not value or name not in _OPTIONS:
            raise UsageError(f"{text}: {word!r} is no option of a guest; it has {', '.join(_OPTIONS)}")
        if name in lists:
            lists[name].append(value)
        elif name in given:
            raise UsageError(f"{text}: {name} is given twice; leave one")
        else:
            given[name] = value
    memory = given.get("memory", "256M")
    if not _MEMORY.fullmatch(memory):
        raise UsageError(f"{text}: memory={memory} is no size; write 256M or 1G")
    return LiveSpecification(
        text, given.get("machine"), given.get("binary"), memory,
        _duration(text, "period", given.get("period", "100ms")),
        _duration(text, "silence", given.get("silence", "10s")),
        _pattern(text, given.get("heartbeat")),
        tuple(lists["only"]), tuple(lists["except"]), arguments,
    )  # fmt: skip


def _words(front: str) -> list[str]:
    """Split at commas; two of them stand for one that is part of a word, as with QEMU."""
    return [word.replace("\0", ",") for word in front.replace(",,", "\0").split(",")]


def _duration(text: str, name: str, value: str) -> float:
    match = _DURATION.fullmatch(value)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not seconds:
        raise UsageError(f"{text}: {name}={value} is no duration above zero; write 100ms or 10s")
    return seconds


def _pattern(text: str, value: str | None) -> str | None:
    try:
        if value is not None:
            re.compile(value)
    except re.error as error:
        raise UsageError(f"{text}: heartbeat={value} is no regular expression: {error}") from error
    return value
