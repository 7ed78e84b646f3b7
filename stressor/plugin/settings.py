"""The settings of `[tool.stressor]` and the seed, as a pytest session has them.

They are those of the command line, chosen by a profile and found from the folder in which pytest was
started; read when they are first asked for, as most sessions of an environment have no stress test.
Workers of a distributed session get what the controller read, and read nothing themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from stressor.config import Configuration

__all__ = ["configuration", "header", "keep_seed", "seed_of", "send_settings", "targets_of"]

_CONFIGURATION: pytest.StashKey[Configuration] = pytest.StashKey()
_SEED: pytest.StashKey[int | None] = pytest.StashKey()

_INPUT: Final = "stressor_settings"
_SEED_INPUT: Final = "stressor_seed"
_LAST: Final = "stressor/seed"
_OPTIONS: Final = {"profile": "stressor_profile", "cycles": "stressor_cycles"}


def configuration(config: pytest.Config) -> Configuration:
    """Return the session's settings. Raises pytest.UsageError for what makes no sense."""
    found = config.stash.get(_CONFIGURATION, None)
    if found is None:
        found = config.stash[_CONFIGURATION] = _read(config)
    return found


def _read(config: pytest.Config) -> Configuration:
    from stressor.config import Configuration, load
    from stressor.errors import UsageError

    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        return Configuration.from_plain(worker[_INPUT])
    options = {name: getattr(config.option, option) for name, option in _OPTIONS.items()}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return load(given, folder=config.invocation_params.dir, dashes="--stressor-")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def targets_of(config: pytest.Config) -> list[str]:
    """Return what `--stressor` names; without a value that is the targets of the settings."""
    given: list[str] = config.option.stressor_targets
    named = [[target] if target else configuration(config).targets for target in given]
    return list(dict.fromkeys(target for each in named for target in each))


def seed_of(config: pytest.Config) -> int | None:
    """Return what everything derives from; None when Hypothesis' own settings decide.

    Raises pytest.UsageError for what is no seed.
    """
    if _SEED not in config.stash:
        config.stash[_SEED] = _chosen_seed(config)
    return config.stash[_SEED]


def _chosen_seed(config: pytest.Config) -> int | None:
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        seed: int | None = worker[_SEED_INPUT]
        return seed
    given = config.option.stressor_seed
    if given is None:
        return None if config.getoption("--hypothesis-seed", None) else configuration(config).seed
    if given == "last":
        cache = getattr(config, "cache", None)
        last = cache.get(_LAST, None) if cache is not None else None
        if not isinstance(last, int):
            raise pytest.UsageError("--stressor-seed last: no seed is on record; give a number")
        return last
    if not given.isdigit():
        raise pytest.UsageError(f'--stressor-seed {given}: give a whole number, or "last"')
    return int(given)


def keep_seed(config: pytest.Config) -> None:
    """Keep the seed for `--stressor-seed last`, when there was one."""
    cache = getattr(config, "cache", None)
    seed = config.stash.get(_SEED, None)
    if cache is not None and seed is not None and not hasattr(config, "workerinput"):
        cache.set(_LAST, seed)


def send_settings(config: pytest.Config, workerinput: dict[str, Any]) -> None:
    """Give a worker the seed and the settings."""
    workerinput[_SEED_INPUT] = seed_of(config)
    workerinput[_INPUT] = configuration(config).as_plain()


def header(config: pytest.Config) -> str | None:
    """Return what the terminal says of seed and profile; None when there is nothing to say."""
    seed = seed_of(config)
    found = configuration(config)
    said = [] if seed is None else [f"stressor seed: {seed}"]
    if found.given("profile"):
        said.append(f"stressor profile: {found.profile} (from {found.settings['profile'].source})")
    elif said:
        said.append(f"profile: {found.profile}")
    if found.seconds is not None:
        said.append("time bounds only `stressor run`: tests are bounded by cycles")
    return ", ".join(said) or None
