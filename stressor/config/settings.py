"""The settings of a run, each with where it came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from stressor.config.keys import BY_NAME
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode

__all__ = ["Configuration", "Origin", "Setting"]


class Origin(IntEnum):
    """Where a setting came from; the smaller one wins."""

    OPTION = 0
    VARIABLE = 1
    PROFILE = 2
    """A profile in `pyproject.toml`."""
    BUILT_IN = 3
    """A profile that comes with Stressor."""
    FILE = 4
    DEFAULT = 5


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it came from; `source` is "option", a variable's name, a file, a file and
    its table of a profile, "profile NAME" for one that comes with Stressor, or "default"."""

    value: Any
    origin: Origin
    source: str

    @property
    def plain(self) -> Any:
        """The value as text, a number, a list of text, or None."""
        return [str(word) for word in self.value] if isinstance(self.value, list) else self.value


@dataclass(frozen=True)
class Configuration:
    """The settings by key; `settings` has each of `KEYS`.

    `file` is the `pyproject.toml` that was read, from the working directory, None when there is none. `profiles`
    are the names of all profiles that could be chosen.
    """

    settings: Mapping[str, Setting]
    file: str | None = None
    profiles: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The project's folder, from the working directory: that of `file`, or the working directory itself."""
        return Path(self.file or "").parent

    @property
    def profile(self) -> str:
        """The name of the profile; "default" where none was chosen."""
        return str(self.settings["profile"].value)

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
    def given_cycles(self) -> int | None:
        """Cycles that somebody asked for, whatever time may say; None where nobody did."""
        return int(self.settings["cycles"].value) if self.given("cycles") else None

    @property
    def seconds(self) -> float | None:
        """Seconds for the whole run; None when cycles are the bound."""
        bound: float | None = self.settings["for"].value
        nearer = self.settings["cycles"].origin < self.settings["for"].origin
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
    def journal(self) -> Path:
        return Path(self.settings["journal"].value)

    @property
    def known(self) -> Path:
        return Path(self.settings["known"].value)

    @property
    def jobs(self) -> int:
        """How many jobs a soak runs at a time on this machine: as many as there are cores, unless somebody said."""
        return int(self.settings["jobs"].value or os.cpu_count() or 1)

    @property
    def batch_timeout(self) -> float:
        """Seconds that a device may take for one batch of operations before it counts as hung."""
        return float(self.settings["batch-timeout"].value)

    @property
    def required_coverage(self) -> float | None:
        """Percent of each target's fields that a run has to exercise; None for no such gate."""
        percent: float | None = self.settings["require-coverage"].value
        return percent

    @property
    def stores_by_id(self) -> bool:
        """Whether every later command finds a stored finding by its id: nobody named another folder for this one."""
        return self.settings["findings"].origin >= Origin.FILE

    def given(self, name: str) -> bool:
        """Return whether anybody gave a setting, so that its value is no default."""
        return self.settings[name].origin is not Origin.DEFAULT

    def summary(self) -> str:
        """Return where the settings came from: `options (seed), pyproject.toml (cycles), defaults`."""
        groups: dict[str, list[str]] = {}
        for name, setting in sorted(self.settings.items(), key=lambda item: item[1].origin):
            groups.setdefault(_PLURAL.get(setting.origin, setting.source), []).append(name)
        return ", ".join(
            where if where == "defaults" else f"{where} ({', '.join(names)})"
            for where, names in groups.items()
        )

    def as_plain(self) -> dict[str, list[Any]]:
        """Return the settings as plain data, for another process; see `from_plain`."""
        return {
            name: [setting.plain, int(setting.origin), setting.source]
            for name, setting in self.settings.items()
        }

    @classmethod
    def from_plain(cls, settings: Mapping[str, list[Any]]) -> Configuration:
        """Return what `as_plain` was made of, but for the names of file and profiles.

        Raises ValueError for values that are none.
        """
        return cls(
            {
                name: Setting(
                    None if plain is None else BY_NAME[name].parse(plain), Origin(origin), source
                )
                for name, (plain, origin, source) in settings.items()
            }
        )


_PLURAL: Final = {
    Origin.OPTION: "options", Origin.VARIABLE: "environment", Origin.DEFAULT: "defaults",
}  # fmt: skip
