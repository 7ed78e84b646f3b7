"""The pytest plugin: options, what is collected, and what the terminal says.

Loaded by every pytest run of an environment in which Stressor is installed, so nothing heavy is
imported before there is a stress test.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stressor.plugin.debugging import DEBUGGING, Debugging
from stressor.plugin.reporting import Reporting
from stressor.plugin.settings import header, keep_seed, seed_of, send_settings, targets_of

if TYPE_CHECKING:
    from stressor.plugin.fixture import Stress

__all__ = ["stress"]

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
    """Register the marker, and have the targets' files collected."""
    config.addinivalue_line("markers", "stressor: a stress test of a device's saved state")
    config.stash[DEBUGGING] = Debugging()
    config.pluginmanager.register(config.stash[DEBUGGING], "stressor-debugging")
    config.pluginmanager.register(Reporting(config), "stressor-reporting")
    if config.option.stressor_coverage:
        from stressor.plugin.coverage import register

        register(config)
    if _asked(config):
        seed_of(config)  # what is wrong with it is told before anything runs
        _choose(config)


_OPTIONS = ("stressor_targets", "stressor_seed", "stressor_replay", "stressor_cycles", "stressor_profile")


def _asked(config: pytest.Config) -> bool:
    """Return whether the command line speaks of stress tests."""
    return any(getattr(config.option, option) not in (None, []) for option in _OPTIONS)


def _choose(config: pytest.Config) -> None:
    """Have pytest collect the files of the targets; `testpaths` are for when nothing else is named."""
    from stressor.config import is_path

    targets = config.option.stressor_targets = targets_of(config)
    replaying = config.option.stressor_replay
    if replaying or (targets and config.args_source is not _GIVEN):
        config.args[:] = []
    if not replaying:
        files = filter(is_path, targets)
        config.args.extend(file for file in files if file not in config.args)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker the seed of the run, and its settings."""
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
    if config.option.stressor_targets or config.option.stressor_replay:
        from stressor.config import is_path
        from stressor.plugin.collection import replays, without_file

        for name in config.option.stressor_targets:
            if not is_path(name):
                items += without_file(session, name)
        if config.option.stressor_replay:
            items[:] = replays(session, config.option.stressor_replay)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say the seed and the profile, where stress tests are asked for; the summary says them in any case."""
    return header(config) if _asked(config) else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the seed for `--stressor-seed last`."""
    keep_seed(session.config)


@pytest.fixture
def stress(request: pytest.FixtureRequest) -> Stress:
    """Run stress tests by hand: `stress(device)` and `stress(device, trace=[...])` return a report."""
    from stressor.plugin.fixture import Stress

    return Stress(request.node)
