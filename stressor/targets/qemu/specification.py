"""What `qemu:...` on the command line means."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stressor.errors import UsageError

__all__ = ["PREFIX", "QemuSpecification", "name_of", "parse_specification", "written"]

PREFIX: Final = "qemu:"
_ARGUMENTS: Final = "--"
_OWN: Final = ("machine", "binary", "memory", "time")
_SWITCH: Final = {"on": True, "off": False}
_REPEATED: Final = ("region", "operations")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.+-]*")
_PATTERN: Final = re.compile(r"[\w.+*?\[\]!-]*[*?\[][\w.+*?\[\]!-]*")
_MEMORY: Final = re.compile(r"\d+[MG]?")


@dataclass(frozen=True)
class QemuSpecification:
    """`qemu:DEVICE,machine=M,binary=PATH,memory=SIZE,time=on,region=PATTERN,operations=FILE,
    PROPERTY=VALUE -- ...`, taken apart.

    `device` is None for a board's own devices, and may be a pattern; `properties` are the device's,
    `regions` choose by name (as in the shell) what is stressed, `operations` are Python files with
    drivers. `arguments` go to QEMU as they are, `memory` is None where none was asked for. `time` says
    whether virtual time passes, as far as the machine can. `text` is what was written.
    """

    text: str
    device: str | None
    machine: str | None
    binary: str | None
    memory: str | None
    time: bool
    properties: tuple[tuple[str, str], ...]
    regions: tuple[str, ...]
    operations: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def sweeps(self) -> bool:
        """Whether the device is a pattern, and so stands for many."""
        return self.device is not None and _PATTERN.fullmatch(self.device) is not None


def written(
    text: str, regions: Sequence[str], operations: Sequence[str], arguments: Sequence[str]
) -> str:
    """Return a specification with further regions, files of operations, and arguments in it."""
    front, _, own = text.partition(f" {_ARGUMENTS} ")
    front += "".join(f",region={pattern}" for pattern in regions)
    front += "".join(f",operations={file}" for file in operations)
    words = [*filter(None, [own, shlex.join(arguments)])]
    return f" {_ARGUMENTS} ".join([front, " ".join(words)]) if words else front


def parse_specification(text: str) -> QemuSpecification:
    """Return a specification. Raises UsageError that says what is wrong, and the cure."""
    front, _, behind = text.partition(f" {_ARGUMENTS} ")
    try:
        arguments = shlex.split(behind)
    except ValueError as error:
        raise UsageError(f"{text}: what follows -- cannot be split into words: {error}") from error
    words = front.removeprefix(PREFIX).split(",")
    device: str | None = None
    if words and "=" not in words[0]:
        device = words.pop(0)
        if not (_NAME.fullmatch(device) or _PATTERN.fullmatch(device)):
            raise UsageError(f"{text}: {device!r} is no device; write qemu:e1000, or qemu:machine=pc")
    given: dict[str, str] = {}
    repeated: dict[str, list[str]] = {name: [] for name in _REPEATED}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name) or not value:
            raise UsageError(f"{text}: {word!r} is no option; write NAME=VALUE after the device")
        if name in repeated:
            repeated[name].append(value)
            continue
        if name in given:
            raise UsageError(f"{text}: {name} is given twice; leave one")
        given[name] = value
    memory = given.get("memory")
    if memory is not None and not _MEMORY.fullmatch(memory):
        raise UsageError(f"{text}: memory={memory} is no size; write 4M or 1G")
    time = _SWITCH.get(given.get("time", "on"))
    if time is None:
        raise UsageError(f"{text}: time={given['time']} is neither; write time=on or time=off")
    properties = tuple((name, value) for name, value in given.items() if name not in _OWN)
    if device is None and properties:
        raise UsageError(f"{text}: {properties[0][0]}= is a property of no device; name one first")
    if device is None and "machine" not in given and not arguments:
        raise UsageError(f"{text}: names nothing; write qemu:e1000, or qemu:machine=versatilepb")
    return QemuSpecification(
        text, device, given.get("machine"), given.get("binary"), memory, time, properties,
        tuple(repeated["region"]), tuple(repeated["operations"]), tuple(arguments),
    )  # fmt: skip


def name_of(specification: QemuSpecification) -> str:
    """Return a name that says what is stressed, and not which binary or how much memory."""
    name = specification.device or ""
    if specification.machine:
        name += f"{',' if name else ''}machine={specification.machine}"
    parts = [*specification.regions, *specification.arguments]
    return PREFIX + " ".join([name, *parts]).strip()
