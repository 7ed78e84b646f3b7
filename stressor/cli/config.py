"""`stressor config`: each setting, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from stressor.cli.common import configured, profile_option, verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.config import KEYS, Configuration, Origin
from stressor.report.text import WIDTH, clean, listed

__all__ = ["config"]


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@profile_option
@verbose_option
def config(as_json: bool, profile: str | None) -> int:
    """Print the settings that `stressor run` and pytest would take, and where each came from."""
    configuration = configured(profile=profile)
    click.echo(_json(configuration) if as_json else "\n".join(_lines(configuration)))
    return ExitCode.CLEAN


def _lines(configuration: Configuration) -> Iterator[str]:
    yield f"file      {clean(configuration.file or 'none: no pyproject.toml here or above has [tool.stressor]')}"
    yield f"profiles  {listed([clean(name) for name in configuration.profiles], 10)}"
    yield ""
    rows = [(key.name, *_value(configuration, key.name)) for key in KEYS]
    first, source = (max(len(row[column]) for row in rows) + 2 for column in (0, 2))
    source = min(source, WIDTH // 2)
    yield f"{'setting':<{first}}{'from':<{source}}value"
    for name, words, where in rows:
        value = listed(words, first + source)
        gap = f"\n{'':<{first + source}}" if len(where) + 2 > source else " " * (source - len(where))
        yield f"{name:<{first}}{where}{gap}{value}"


def _value(configuration: Configuration, name: str) -> tuple[list[str], str]:
    setting = configuration.settings[name]
    words = setting.plain if isinstance(setting.plain, list) else [_shown(name, setting.plain)]
    if name == "seed" and not configuration.given("seed"):
        words = ["a new one each time"]
    table = {Origin.FILE: "[tool.stressor]", Origin.PROFILE: f"[profiles.{configuration.profile}]"}
    return [clean(word) for word in words], clean(table.get(setting.origin, setting.source))


def _shown(name: str, value: object) -> str:
    if value is None:
        words = {"for": "none: cycles are the bound", "jobs": "as many as there are cores"}
        return words.get(name, "none")
    if name == "require-coverage":
        return f"{value:g} %"
    if name in ("for", "batch-timeout"):
        return f"{value:g} s"
    return f"{value:,}" if name == "cycles" else str(value)


def _json(configuration: Configuration) -> str:
    settings = {
        key.name: {
            "value": configuration.settings[key.name].plain,
            "source": configuration.settings[key.name].source,
        }
        for key in KEYS
    }
    if not configuration.given("seed"):
        settings["seed"]["value"] = None  # it is drawn when something is run
    return json.dumps(
        {"file": configuration.file, "profiles": configuration.profiles, "settings": settings},
        indent=2,
    )
