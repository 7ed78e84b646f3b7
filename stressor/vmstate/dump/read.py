"""Reading a dump from a file that nobody vouches for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from stressor.errors import DumpError, UsageError
from stressor.vmstate.dump.model import MACHINE, Dump, DumpedDescription, DumpedDevice

__all__ = ["DEEPEST", "LARGEST_FILE", "parse_dump", "read_dump"]

LARGEST_FILE: Final = 64 << 20
"""Files of more bytes than this are refused unread; a whole QEMU fills 2 MB."""

DEEPEST: Final = 50
"""How far descriptions may be nested; QEMU's reach 6."""

_CURE: Final = "write it again: qemu-system-... -M MACHINE -dump-vmstate FILE"


class _Machine(msgspec.Struct):
    name: str = msgspec.field(name="Name")


_DEVICE: Final = msgspec.json.Decoder(DumpedDevice)
_MACHINE: Final = msgspec.json.Decoder(_Machine)
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_dump(file: str | Path) -> Dump:
    """Return the dump in `file`.

    Raises UsageError when there is no such file, DumpError when it holds no dump.
    """
    path = Path(file)
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise UsageError(
            f"no such file: {file}; give what -dump-vmstate or `stressor describe` wrote"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DumpError(str(file), "", f"cannot be read: {reason}", "give a file") from error
    return parse_dump(data, str(file))


def parse_dump(data: bytes, file: str = "dump") -> Dump:
    """Return the dump that `data` holds; `file` names it in errors.

    Keys that are not known are left alone. Raises DumpError, which names the place in the JSON.
    """
    if len(data) > LARGEST_FILE:
        raise DumpError(file, "", f"is larger than {LARGEST_FILE >> 20} MB", _CURE)
    machine, devices = "", {}
    for key, raw in _members(data, file).items():
        try:
            if key == MACHINE:
                machine = _MACHINE.decode(raw).name
            else:
                devices[key] = _DEVICE.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            _refuse(file, key, error)
        state = devices[key].description if key in devices else None
        if state is not None:
            _check_depth(state, key, file)
    _refuse_twice(data, file)
    if not devices:
        raise DumpError(file, "", "holds no device", _CURE)
    return Dump(machine, devices)


def _members(data: bytes, file: str) -> dict[str, msgspec.Raw]:
    try:
        return _RAW.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if not data.strip():
            raise DumpError(file, "", "is empty", _CURE) from None
        _refuse(file, "", error)


def _refuse(file: str, key: str, error: Exception) -> NoReturn:
    """Raise DumpError for what msgspec says: `Expected ... - at `$.Description.Fields[3].size`."""
    if isinstance(error, RecursionError):
        raise DumpError(file, key, f"is nested deeper than {DEEPEST} levels", _CURE) from None
    problem, _, place = str(error).partition(" - at `$")
    place = key + place.rstrip("`")
    problem = problem if problem.startswith("JSON") else problem[:1].lower() + problem[1:]
    if not isinstance(error, msgspec.ValidationError):
        problem = f"is no JSON: {problem}"
    elif not place:
        problem = f"is no dump: {problem}"
    raise DumpError(file, place, problem, _CURE) from error


def _check_depth(description: DumpedDescription, key: str, file: str) -> None:
    level = [description]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (
                *(field.description for field in outer.fields if field.description is not None),
                *outer.subsections,
            )
        ]
        if not level:
            return
    raise DumpError(file, key, f"is nested deeper than {DEEPEST} levels", _CURE)


def _refuse_twice(data: bytes, file: str) -> None:
    """Refuse a key that stands twice: the first of them would silently not be checked."""

    def hook(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
            raise DumpError(file, "", f"has the key {twice!r} twice in one object", _CURE)

    try:
        json.loads(data, object_pairs_hook=hook)
    except (ValueError, RecursionError) as error:
        _refuse(file, "", error)
