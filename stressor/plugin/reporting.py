"""What pytest's terminal says of stress tests at the end, wherever they ran.

Loaded in every session, so that what is needed to read outcomes is imported when there are some.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from stressor.plugin.gathering import Gathering

__all__ = ["TOLD", "Reporting"]

TOLD: pytest.StashKey[str] = pytest.StashKey()
"""Of an item: the outcome of its stress test, see `stressor.plugin.outcome`."""


class Reporting:
    """Gathers the outcomes that come with pytest's reports, and shows them once, in the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config: Final = config
        self._gathering: Gathering | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Send an outcome with the report of the call, by whatever way that goes."""
        report = yield
        if call.when == "call" and TOLD in item.stash:
            report.stressor = item.stash[TOLD]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in an outcome. A worker leaves that to the controller."""
        told = getattr(report, "stressor", None)
        if told is None or hasattr(self._config, "workerinput"):
            return
        if self._gathering is None:
            from stressor.plugin.gathering import Gathering

            self._gathering = Gathering(self._config)
        self._gathering.add(told, report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that exercised fewer fields than the settings require, as `stressor run` does."""
        if self._gathering is not None and self._gathering.uncovered and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the section `stressor`, and what GitHub is told."""
        if self._gathering is not None:
            terminalreporter.section("stressor")
            for line in (*self._gathering.lines(), *self._gathering.for_github()):
                terminalreporter.write_line(line)
            if gate := self._gathering.gate():
                terminalreporter.write_line(f"\n{gate}", red=True)
