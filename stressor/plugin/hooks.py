"""The pytest plugin: options, what is collected, and what the terminal says.

Loaded by every pytest run of an environment in which Stressor is installed, so nothing heavy is
imported before there is a stress test.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stressor.config import is_path
from stressor.plugin.debugging import DEBUGGING, Debugging
from stressor.plugin.reporting import Reporting
from stressor.plugin.settings import configuration, header, read_settings, send_settings

if TYPE_CHECKING:
    from stressor.plugin.fixture import Stress

__all__ = ["SEED"]

_LAST = "stressor/seed"
_GIVEN = pytest.Config.ArgsSource.ARGS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("stressor", "stress tests of saved state")
    group.addoption(
        "--stressor", action="append", nargs="?", const="", default=[], metavar="TARGET",
        dest="stressor_targets",
        help="Stress every device of a file or folder, or qemu:DEVICE; repeatable. Alone it is the targets "
        "in [tool.stressor] of pyproject.toml (default: devices).",
    )  # fmt: skip
    group.addoption(
        "--stressor-seed", metavar="N", dest="stressor_seed",
        help='What is drawn derives from it (default: a new one); "last" is that of the last run.',
    )  # fmt: skip
    group.addoption(
        "--stressor-replay", action="append", default=[], metavar="ID|FILE", dest="stressor_replay",
        help="Run findings again, and nothing else; repeatable.",
    )  # fmt: skip
    group.addoption(
        "--stressor-cycles", type=int, metavar="N", dest="stressor_cycles",
        help="About how many cycles each oracle is tried for (default: Hypothesis' max_examples).",
    )  # fmt: skip
    group.addoption(
        "--stressor-profile", metavar="NAME", dest="stressor_profile",
        help="Settings that go together: default, quick, nightly, or one of yours in pyproject.toml.",
    )  # fmt: skip
    group.addoption(
        "--stressor-coverage", action="store_true", dest="stressor_coverage",
        help="Say of each device what of its saving, loading and resetting was never run, which fields were "
        "never exercised, and which operations never drawn.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, choose the seed, and have the targets' files collected."""
    config.addinivalue_line("markers", "stressor: a stress test of a device's saved state")
    read_settings(config)
    config.stash[SEED] = _seed(config)
    config.stash[DEBUGGING] = Debugging()
    config.pluginmanager.register(config.stash[DEBUGGING], "stressor-debugging")
    config.pluginmanager.register(Reporting(config), "stressor-reporting")
    if config.option.stressor_coverage:
        from stressor.plugin.coverage import register

        register(config)
    files = [target for target in config.option.stressor_targets if is_path(target)]
    chosen = config.option.stressor_targets or config.option.stressor_replay
    if config.option.stressor_replay or (chosen and config.args_source is not _GIVEN):
        config.args[:] = []  # `testpaths` are what is run when nothing else is named
    if not config.option.stressor_replay:
        config.args.extend(file for file in files if file not in config.args)


SEED: pytest.StashKey[int | None] = pytest.StashKey()
"""What everything derives from; None when Hypothesis' own settings decide."""


def _seed(config: pytest.Config) -> int | None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        seed: int | None = worker["stressor_seed"]
        return seed
    given = config.option.stressor_seed
    if given is None:
        return None if _decided_by_hypothesis(config) else configuration(config).seed
    if given == "last":
        cache = getattr(config, "cache", None)
        last = cache.get(_LAST, None) if cache is not None else None
        if not isinstance(last, int):
            raise pytest.UsageError("--stressor-seed last: no seed is on record; give a number")
        return last
    if not given.isdigit():
        raise pytest.UsageError(f'--stressor-seed {given}: give a whole number, or "last"')
    return int(given)


def _decided_by_hypothesis(config: pytest.Config) -> bool:
    return bool(config.getoption("--hypothesis-seed", None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker the seed of the run, and its settings."""
    node.workerinput["stressor_seed"] = node.config.stash[SEED]
    send_settings(node.config, node.workerinput)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the devices of a file that `--stressor` names."""
    if file_path.suffix != ".py" or file_path.name.startswith(("_", "test_")):
        return None
    root = parent.config.invocation_params.dir
    for target in parent.config.option.stressor_targets:
        path = (root / target.partition("::")[0]).resolve()
        if file_path == path or file_path.parent == path:
            from stressor.plugin.collection import StressFile

            return StressFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makeitem(
    collector: pytest.Module, name: str, obj: object
) -> pytest.Collector | None:
    """Collect what `stress_test` made."""
    made = sys.modules.get("stressor.plugin.stress_test")  # not loaded: nobody made one
    if made is None or not isinstance(obj, made.StressTest):
        return None
    from stressor.plugin.collection import StressDevice

    return StressDevice.from_parent(collector, name=name, test=obj)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the processes of a target outside this one, behind the last of its items."""
    if item.get_closest_marker("stressor") is not None:
        from stressor.plugin.machines import machines

        machines(item.config).leave(item, nextitem)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add targets that have no file, and what is to be replayed."""
    elsewhere = [name for name in config.option.stressor_targets if not is_path(name)]
    if elsewhere or config.option.stressor_replay:
        from stressor.plugin.collection import replays, without_file

        for name in elsewhere:
            items += without_file(session, name)
        if config.option.stressor_replay:
            items[:] = replays(session, config.option.stressor_replay)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say the seed and the profile, where there may be stress tests."""
    return header(config, config.stash[SEED])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the seed for `--stressor-seed last`."""
    config = session.config
    cache = getattr(config, "cache", None)
    if hasattr(config, "workerinput") or cache is None or config.stash[SEED] is None:
        return
    cache.set(_LAST, config.stash[SEED])


@pytest.fixture
def stress(request: pytest.FixtureRequest) -> Stress:
    """Run stress tests by hand: `stress(device)` and `stress(device, trace=[...])` return a report."""
    from stressor.plugin.fixture import Stress

    return Stress(request.node)
