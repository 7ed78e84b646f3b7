"""The settings of `[tool.stressor]` as a pytest session has them.

They are those of the command line, chosen by a profile and found from the folder in which pytest was
started. Workers of a distributed session get what the controller read, and read nothing themselves.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from stressor.config import Configuration, load
from stressor.errors import UsageError

__all__ = ["CONFIGURATION", "configuration", "header", "read_settings", "send_settings"]

CONFIGURATION: pytest.StashKey[Configuration] = pytest.StashKey()

_INPUT: Final = "stressor_settings"
_OPTIONS: Final = {"profile": "stressor_profile", "cycles": "stressor_cycles"}


def configuration(config: pytest.Config) -> Configuration:
    """Return the session's settings."""
    return config.stash[CONFIGURATION]


def read_settings(config: pytest.Config) -> None:
    """Gather the settings, and give `--stressor` without a value the targets that they name.

    Raises pytest.UsageError for what makes no sense.
    """
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    found = Configuration.from_plain(worker[_INPUT]) if worker else _read(config)
    config.stash[CONFIGURATION] = found
    named = [[target] if target else found.targets for target in config.option.stressor_targets]
    config.option.stressor_targets = list(dict.fromkeys(target for each in named for target in each))


def _read(config: pytest.Config) -> Configuration:
    options = {name: getattr(config.option, option) for name, option in _OPTIONS.items()}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return load(given, folder=config.invocation_params.dir, dashes="--stressor-")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def send_settings(config: pytest.Config, workerinput: dict[str, Any]) -> None:
    """Give a worker the settings."""
    workerinput[_INPUT] = configuration(config).as_plain()


def header(config: pytest.Config, seed: int | None) -> str | None:
    """Return what the terminal says of seed and profile; None when there is nothing to say."""
    found = configuration(config)
    said = [] if seed is None else [f"stressor seed: {seed}"]
    if found.given("profile"):
        said.append(f"stressor profile: {found.profile} (from {found.settings['profile'].source})")
    elif said:
        said.append(f"profile: {found.profile}")
    if found.seconds is not None:
        said.append("time bounds only `stressor run`: tests are bounded by cycles")
    return ", ".join(said) or None
