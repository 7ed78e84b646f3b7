"""Profiles: settings that are chosen together, by one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stressor.config.keys import BY_NAME, meant
from stressor.errors import UsageError

__all__ = ["BUILT_IN", "DEFAULT", "profiles_in"]

DEFAULT: Final = "default"
"""The profile that is `[tool.stressor]` itself, and nothing on top of it."""

BUILT_IN: Final[Mapping[str, Mapping[str, object]]] = {
    "quick": {"cycles": 500},
    "nightly": {"cycles": 200_000, "batch-timeout": "30s"},
}
"""What comes with Stressor: seconds while one works, and minutes for each device at night, on machines
that are loaded. Bounded by cycles, so that a seed repeats a whole run."""


def profiles_in(table: Mapping[str, Any], source: str) -> dict[str, dict[str, object]]:
    """Return the tables of `[tool.stressor.profiles]` by name; `source` is the file, for errors.

    Raises UsageError for what is no table, unknown keys, and wrong values, also of profiles that are not
    chosen.
    """
    found = table.get("profiles", {})
    if not isinstance(found, dict):
        raise UsageError(f"{source}: [tool.stressor.profiles] must be a table, not {found!r}")
    return {name: dict(_checked(name, profile, source)) for name, profile in found.items()}


def _checked(name: str, profile: object, source: str) -> Iterator[tuple[str, object]]:
    where = f"[tool.stressor.profiles.{name}]"
    if name == DEFAULT:
        raise UsageError(f"{source}: {where}: that profile is [tool.stressor] itself; put its keys there")
    if not isinstance(profile, dict):
        raise UsageError(f"{source}: {where} must be a table, not {profile!r}")
    keys = [key for key in BY_NAME if key != "profile"]
    for key, value in profile.items():
        if key not in keys:
            raise UsageError(
                f"{source}: {where} has no key {key!r}{meant(key, keys)}; its keys are {', '.join(keys)}"
            )
        BY_NAME[key].parsed(value, f"{source}: {where} {key}")
        yield key, value
