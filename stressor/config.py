"""The settings of a run, and where each came from.

A setting is taken from the option, else the `STRESSOR_*` variable, else `[tool.stressor]` of the
nearest `pyproject.toml` (up from the working directory), else its default. Paths in a
`pyproject.toml` are relative to it.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stressor.errors import UsageError
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode

__all__ = ["KEYS", "Configuration", "Key", "Setting", "load", "parse_duration"]

_PREFIX: Final = "STRESSOR_"
_SINGULAR: Final = {"oracles": "oracle", "reset-modes": "reset-mode"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it came from: "option", a variable's name, a file, or "default"."""

    value: Any
    source: str

    @property
    def rank(self) -> int:
        """0 for an option, up to 3 for a default."""
        if self.source == "option":
            return 0
        if self.source == "default":
            return 3
        return 1 if self.source.startswith(_PREFIX) else 2


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: `parse` makes its value from plain data (text, numbers, lists of text).

    `parse` raises ValueError that says what it should be.
    """

    name: str
    help: str
    parse: Callable[[object], Any]
    default: Callable[[], Any]

    @property
    def option(self) -> str:
        """How the command line takes it: lists are given one at a time."""
        return {"targets": "TARGETS"}.get(self.name, "--" + _SINGULAR.get(self.name, self.name))

    @property
    def variable(self) -> str:
        return _PREFIX + self.name.upper().replace("-", "_")


@dataclass(frozen=True)
class Configuration:
    """The settings by key; `settings` has each of `KEYS`."""

    settings: Mapping[str, Setting]

    @property
    def targets(self) -> list[str]:
        return list(self.settings["targets"].value)

    @property
    def seed(self) -> int:
        return int(self.settings["seed"].value)

    @property
    def cycles(self) -> int | None:
        """Cycles a target; None when time is the bound."""
        return None if self.seconds is not None else int(self.settings["cycles"].value)

    @property
    def seconds(self) -> float | None:
        """Seconds for the whole run; None when cycles are the bound."""
        bound: float | None = self.settings["for"].value
        nearer = self.settings["cycles"].rank < self.settings["for"].rank
        return None if nearer else bound

    @property
    def oracles(self) -> list[Oracle]:
        return list(self.settings["oracles"].value)

    @property
    def reset_modes(self) -> list[ResetMode]:
        return list(self.settings["reset-modes"].value)

    @property
    def findings(self) -> Path:
        return Path(self.settings["findings"].value)

    @property
    def batch_timeout(self) -> float:
        """Seconds that a device may take for one batch of operations before it counts as hung."""
        return float(self.settings["batch-timeout"].value)

    def summary(self) -> str:
        """Return where the settings came from: `options (seed), pyproject.toml (cycles), defaults`."""
        groups: dict[str, list[str]] = {}
        for name, setting in sorted(self.settings.items(), key=lambda item: item[1].rank):
            where = ("options", "environment", setting.source, "defaults")[setting.rank]
            groups.setdefault(where, []).append(name)
        return ", ".join(
            where if where == "defaults" else f"{where} ({', '.join(names)})"
            for where, names in groups.items()
        )


def load(
    options: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Configuration:
    """Return the settings. `options` holds those that were given, by key.

    `folder` is where the search for a `pyproject.toml` begins (default: the working directory).
    Raises UsageError for unknown keys and wrong values; the message says where they stand.
    """
    settings: dict[str, Setting] = {}
    given = [
        *_from_file(folder or Path.cwd()),
        *_from_environment(environment),
        *((name, value, "option") for name, value in options.items()),
    ]
    for name, value, source in given:
        try:
            settings[name] = Setting(_BY_NAME[name].parse(value), source)
        except ValueError as error:
            where = {"option": _BY_NAME[name].option, _BY_NAME[name].variable: source}
            raise UsageError(
                f"{where.get(source, f'{source}: {name}')}: {error}, not {value!r}"
            ) from None
    return Configuration(
        {key.name: settings.get(key.name, Setting(key.default(), "default")) for key in KEYS}
    )


_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(value: object) -> float:
    """Return seconds: from a number, or from text such as `500ms`, `30s`, `1.5m`, `2h`.

    Raises ValueError for anything else, and for what is not above zero.
    """
    problem = "a duration is a number and a unit, such as 500ms, 30s, 5m, 2h"
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?\s*", value)
        if match is None:
            raise ValueError(problem)
        amount = float(match[1]) * _UNITS[match[2] or "s"]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        amount = float(value)
    else:
        raise ValueError(problem)
    if not 0 < amount < float("inf"):
        raise ValueError("a duration is above zero")
    return amount


def _whole_number(text: str, smallest: int, largest: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, str):
            try:
                value = int(value.replace(",", "").replace("_", ""), 0)
            except ValueError:
                value = None
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not smallest <= value <= largest
        ):
            raise ValueError(text)
        return value

    return parse


def _words(value: object, what: str) -> list[str]:
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(word, str) and word for word in value)
    ):
        raise ValueError(f"it is a list of {what}, at least one")
    return list(dict.fromkeys(value))


def _choices(kind: type[Oracle] | type[ResetMode], what: str) -> Callable[[object], list[Any]]:
    names = [str(member) for member in kind]

    def parse(value: object) -> list[Any]:
        words = _words(value, what)
        for word in words:
            if word not in names:
                raise ValueError(
                    f"there is no {word!r}{_meant(word, names)} ({what}: {', '.join(names)})"
                )
        return [kind(word) for word in words]

    return parse


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it is the path of a folder")
    return value


KEYS: Final = (
    Key("targets", "what to stress", lambda value: _words(value, "targets"), lambda: ["devices"]),
    Key(
        "seed",
        "what everything drawn derives from",
        _whole_number("a seed is a whole number from 0 up to 2**64 - 1", 0, 2**64 - 1),
        lambda: secrets.randbits(32),
    ),
    Key(
        "cycles",
        "cycles a target",
        _whole_number("the number of cycles is a whole number from 1", 1, 2**48),
        lambda: 5000,
    ),
    Key("for", "time for the whole run, instead of cycles", parse_duration, lambda: None),
    Key("oracles", "what must hold", _choices(Oracle, "oracles"), lambda: list(Oracle)),
    Key(
        "reset-modes",
        "what stands between save and load",
        _choices(ResetMode, "reset modes"),
        lambda: list(ResetMode),
    ),
    Key(
        "findings", "the folder of findings", _folder, lambda: os.path.join(".stressor", "findings")
    ),
    Key("batch-timeout", "how long one batch of operations may take", parse_duration, lambda: 5.0),
)
"""Every setting there is."""

_BY_NAME: Final = {key.name: key for key in KEYS}


def _from_file(folder: Path) -> list[tuple[str, object, str]]:
    file = next(
        (
            path / "pyproject.toml"
            for path in (folder, *folder.parents)
            if (path / "pyproject.toml").is_file()
        ),
        None,
    )
    if file is None:
        return []
    source = _relative(file, folder)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("stressor", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{source}: cannot be read: {error}; correct the file") from error
    if not isinstance(table, dict):
        raise UsageError(f"{source}: [tool.stressor] must be a table, not {table!r}")
    for name in table:
        if name not in _BY_NAME:
            raise UsageError(
                f"{source}: [tool.stressor] has no key {name!r}{_meant(name, _BY_NAME)}; "
                f"its keys are {', '.join(_BY_NAME)}"
            )
    return [
        (name, _rooted(name, value, file.parent, folder), source) for name, value in table.items()
    ]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, object, str]]:
    variables = {key.variable: key.name for key in KEYS}
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in variables:
            # Others may use the prefix; only what looks like a slip of the pen is refused.
            short = [variable.removeprefix(_PREFIX) for variable in variables]
            if close := difflib.get_close_matches(
                name.removeprefix(_PREFIX), short, n=1, cutoff=0.8
            ):
                raise UsageError(
                    f"{name}: there is no such setting, did you mean '{_PREFIX}{close[0]}'?"
                )
    return [
        (variables[name], value, name)
        for name, value in environment.items()
        if name in variables and value
    ]


def _rooted(name: str, value: object, root: Path, folder: Path) -> object:
    if name == "findings" and isinstance(value, str):
        return _relative(root / value, folder)
    if name == "targets" and isinstance(value, list):
        return [
            _relative(root / word, folder) if isinstance(word, str) and _is_path(word) else word
            for word in value
        ]
    return value


def _is_path(specification: str) -> bool:
    # `package.module:Class` and `qemu:e1000` are no paths; `devices/timer.py::Timer` is one.
    return ":" not in specification.replace("::", "")


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return str(path)


def _meant(word: str, names: Any) -> str:
    close = difflib.get_close_matches(word, list(names), n=1, cutoff=0.7)
    return f", did you mean {close[0]!r}?" if close else ""
