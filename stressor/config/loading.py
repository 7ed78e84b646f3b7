"""Gathers the settings.

A setting is taken from the option, else the `STRESSOR_*` variable, else the chosen profile, else
`[tool.stressor]` of the nearest `pyproject.toml` that has it (up from the working directory), else its
default. A profile is a table `[tool.stressor.profiles.NAME]`, over one that comes with Stressor if there is
any of that name.

That file's folder is the project's; without one it is the working directory. A path that somebody gave as
an option or in a variable is relative to the working directory, any other, also a default, to the project.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stressor.config.keys import BY_NAME, KEYS, PREFIX, Key, meant
from stressor.config.profiles import BUILT_IN, DEFAULT, profiles_in
from stressor.config.settings import Configuration, Origin, Setting
from stressor.errors import UsageError

__all__ = ["is_path", "load", "moved"]


class _Given(NamedTuple):
    """What somebody gave for a key; `where` is what an error calls that place."""

    key: Key
    value: object
    origin: Origin
    source: str
    where: str

    def parsed(self) -> Any:
        """Return the value. Raises UsageError."""
        return self.key.parsed(self.value, self.where)


def load(
    options: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    *,
    dashes: str = "--",
) -> Configuration:
    """Return the settings. `options` holds those that were given, by key.

    `folder` is where the search for a `pyproject.toml` begins (default: the working directory);
    `dashes` is what the options begin with, for errors. Raises UsageError for unknown keys and
    profiles and for wrong values; the message says where they stand.
    """
    file = _File(folder or Path.cwd())
    given = {
        each.key.name: each
        for each in (*file.base(), *_from_environment(environment), *_from_options(options, dashes))
    }
    chosen = given.get("profile")
    name = str(chosen.parsed()) if chosen else DEFAULT
    if chosen and name not in file.profiles:
        raise UsageError(
            f"{chosen.where}: there is no profile {name!r}{meant(name, file.profiles)} "
            f"(profiles: {', '.join(file.profiles)})"
        )
    for each in file.profile(name):
        before = given.get(each.key.name)
        if before is None or each.origin < before.origin:
            given[each.key.name] = each
    return Configuration(
        {
            key.name: Setting(given[key.name].parsed(), *given[key.name][2:4])
            if key.name in given
            else Setting(file.rooted(key.name, key.default()), Origin.DEFAULT, "default")
            for key in KEYS
        },
        file.source,
        file.profiles,
    )


class _File:
    """The nearest `pyproject.toml` with our table, if there is one, and the profiles that come with Stressor."""

    def __init__(self, folder: Path) -> None:
        self._folder = self._root = folder
        self._table: dict[str, Any] = {}
        self.source: str | None = None
        for path in (folder, *folder.parents):
            file = path / "pyproject.toml"
            if file.is_file() and (table := _table(file, _relative(file, folder))) is not None:
                self._root, self._table, self.source = path, table, _relative(file, folder)
                break
        self._own = profiles_in(self._table, self.source or "")
        self.profiles = tuple(dict.fromkeys((DEFAULT, *BUILT_IN, *self._own)))

    def base(self) -> Iterator[_Given]:
        """Yield what `[tool.stressor]` says."""
        source = self.source or ""
        for name, value in self._table.items():
            if name == "profiles":
                continue
            if name not in BY_NAME:
                raise UsageError(
                    f"{source}: [tool.stressor] has no key {name!r}{meant(name, (*BY_NAME, 'profiles'))}; "
                    f"its keys are {', '.join(BY_NAME)}"
                )
            value = self.rooted(name, value)
            yield _Given(BY_NAME[name], value, Origin.FILE, source, f"{source}: {name}")

    def profile(self, name: str) -> Iterator[_Given]:
        """Yield what a profile says, first what its own table does not."""
        for key, value in BUILT_IN.get(name, {}).items():
            where = f"profile {name}"
            yield _Given(BY_NAME[key], value, Origin.BUILT_IN, where, f"{where}: {key}")
        for key, value in self._own.get(name, {}).items():
            where = f"{self.source} [profiles.{name}]"
            value = self.rooted(key, value)
            yield _Given(BY_NAME[key], value, Origin.PROFILE, where, f"{where}: {key}")

    def rooted(self, name: str, value: object) -> object:
        """Return a value from the working directory that is one from the project's folder; what is no path stays, so that
        it is refused as it was given."""
        if name in ("findings", "journal", "known") and isinstance(value, str) and value.strip():
            return _relative(self._root / value, self._folder)
        if name == "targets" and isinstance(value, list):
            return moved(value, self._root, self._folder)
        return value


def moved(targets: Sequence[object], origin: Path, folder: Path) -> list[object]:
    """Return targets as seen from `folder` whose paths are relative to `origin`; what is no path stays."""
    return [
        _relative(origin / word, folder) if isinstance(word, str) and word.strip() and is_path(word) else word
        for word in targets
    ]


def _table(file: Path, source: str) -> dict[str, Any] | None:
    """Return our table; None when there is none."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("stressor")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{source}: cannot be read: {error}; correct the file") from error
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{source}: [tool.stressor] must be a table, not {table!r}")
    return table


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Given]:
    variables = {key.variable: key for key in KEYS}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in variables:
            # Others may use the prefix; only what looks like a slip of the pen is refused.
            short = [variable.removeprefix(PREFIX) for variable in variables]
            if close := difflib.get_close_matches(name.removeprefix(PREFIX), short, n=1, cutoff=0.8):
                raise UsageError(f"{name}: there is no such setting, did you mean '{PREFIX}{close[0]}'?")
    for name, value in environment.items():
        if name in variables and value:
            yield _Given(variables[name], value, Origin.VARIABLE, name, name)


def _from_options(options: Mapping[str, object], dashes: str) -> Iterator[_Given]:
    for name, value in options.items():
        key = BY_NAME[name]
        yield _Given(key, value, Origin.OPTION, "option", key.option(dashes))


def is_path(specification: str) -> bool:
    """Return whether a target is reached by its path: `package.module:Class` and `qemu:e1000` are
    not, `devices/timer.py::Timer` is."""
    return ":" not in specification.replace("::", "")


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return str(path)
