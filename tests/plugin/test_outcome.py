"""What travels with a report is read as what it is: text from somewhere else."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stressor.errors import RecordError
from stressor.loop.events import Statistics
from stressor.plugin.outcome import read, tell
from stressor.plugin.reporting import TOLD
from stressor.targets.loader import model_for
from tests.plugin.found import store_finding


@pytest.fixture
def told(project: pytest.Pytester) -> dict[str, Any]:
    """Return what is told of a finding, as data."""
    finding = store_finding(project, "devices/forgetful.py", "load-restores", 1)
    model = model_for("devices/forgetful.py", project.path)
    item = SimpleNamespace(stash=pytest.Stash())
    tell(cast("pytest.Item", item), model, [finding], Statistics({"fresh": 3}, {"read": 9}, {}, 1, 1))
    message: dict[str, Any] = json.loads(item.stash[TOLD])
    return message


def test_what_is_told_is_read_again(told: dict[str, Any]) -> None:
    outcome = read(json.dumps(told))

    assert (outcome.target, outcome.statistics.total_cycles, outcome.kept_back) == ("forgetful", 3, 0)
    assert [shown.finding.id for shown in outcome.found] == ["F-6981e976"]
    assert "  >  2  cycle  fresh" in outcome.found[0].block


def test_text_of_a_target_is_escaped(told: dict[str, Any]) -> None:
    told["target"] = "a\x1b[31m"
    told["found"][0]["block"] = "one\x1b[31m\ntwo\0"

    outcome = read(json.dumps(told))

    assert (outcome.target, outcome.found[0].block) == ("a\\x1b[31m", "one\\x1b[31m\ntwo\\x00")


@pytest.mark.parametrize(
    "damage",
    [
        {"target": 1},
        {"found": [{"record": "{}", "block": ""}]},
        {"found": [{"record": '{"format": 99}', "block": ""}]},
        {"statistics": {"cycles": "many"}},
        {"further": 1},
    ],
)
def test_anything_else_is_refused(told: dict[str, Any], damage: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        read(json.dumps(told | damage))


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "x" * (17 << 20), '{"target": "\ud800"}'])
def test_text_that_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        read(text)


def test_a_finding_that_was_edited_on_its_way_is_refused(told: dict[str, Any]) -> None:
    told["found"][0]["record"] = told["found"][0]["record"].replace("forgetful/0.first", "forgetful/0.other")

    with pytest.raises(RecordError, match="its id is F-6981e976"):
        read(json.dumps(told))


def test_what_is_refused_is_a_line_at_the_end(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            report.stressor = "nonsense"
            return report
        """
    )
    project.makepyfile("def test_other(): pass")

    result = project.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["problem: *test_other: *cannot be read*"])
