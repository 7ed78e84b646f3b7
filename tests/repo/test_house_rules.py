"""The house rules hold for every file; and each of them finds a violation planted for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.repo import rules
from tests.repo.project import python_sources, text_files
from tests.repo.rules import Source

Rule = Callable[[Source], list[str]]

RULES: tuple[Rule, ...] = (
    rules.import_downwards,
    rules.export_what_exists,
    rules.document_the_public,
    rules.keep_files_short,
    rules.use_hypothesis_in_one_file,
    rules.generate_code_in_vmstate_only,
    rules.print_in_reports_only,
    rules.stay_deterministic,
)

PLANTED: list[tuple[Rule, str, str, str]] = [
    (rules.import_downwards, "stressor/loop/cycle.py", "import stressor.search.swarm", "search"),
    (rules.import_downwards, "stressor/loop/cycle.py", "from stressor.cli import main", "cli"),
    (rules.import_downwards, "stressor/loop/cycle.py", "from stressor import report", "report"),
    (rules.import_downwards, "stressor/loop/cycle.py", "from ..device import Line", "device"),
    (rules.import_downwards, "stressor/loop/cycle.py", "def f():\n    import stressor.cli", "cli"),
    (rules.import_downwards, "stressor/loop/__init__.py", "from ..findings import x", "findings"),
    (rules.import_downwards, "stressor/config.py", "import stressor.targets", "targets"),
    (rules.import_downwards, "stressor/errors.py", "import stressor.vmstate", "vmstate"),
    (rules.import_downwards, "stressor/extra.py", "x = 1", "no room"),
    (rules.export_what_exists, "stressor/loop/cycle.py", "x = 1", "no __all__"),
    (rules.export_what_exists, "stressor/loop/cycle.py", "__all__ = ['gone']", "gone"),
    (rules.export_what_exists, "stressor/loop/cycle.py", "x = 1\n__all__ = ['x', 'x']", "twice"),
    (rules.document_the_public, "stressor/loop/cycle.py", "x = 1", "module"),
    (rules.document_the_public, "devices/uart.py", '"""U."""\nclass Uart: ...', "Uart"),
    (rules.document_the_public, "stressor/loop/cycle.py", '"""C."""\ndef f(): ...', "f has no"),
    (rules.keep_files_short, "stressor/loop/cycle.py", "x = 1\n" * 400, "401 lines"),
    (rules.keep_files_short, "devices/uart.py", "x = 1\n" * 520, "521 lines"),
    (rules.use_hypothesis_in_one_file, "stressor/loop/cycle.py", "import hypothesis", "only"),
    (
        rules.use_hypothesis_in_one_file,
        rules.HYPOTHESIS_FILE,
        "from hypothesis.internal import conjecture",
        "not public",
    ),
    (
        rules.use_hypothesis_in_one_file,
        rules.HYPOTHESIS_FILE,
        "import hypothesis as h\nh.internal.conjecture",
        "not public",
    ),
    (
        rules.use_hypothesis_in_one_file,
        rules.HYPOTHESIS_FILE,
        "import hypothesis.strategies as st\nst._internal",
        "not public",
    ),
    (rules.generate_code_in_vmstate_only, "stressor/findings/a.py", "import pickle", "pickle"),
    (rules.generate_code_in_vmstate_only, "devices/a.py", "from pickle import loads", "pickle"),
    (rules.generate_code_in_vmstate_only, "stressor/loop/a.py", "import marshal", "marshal"),
    (
        rules.generate_code_in_vmstate_only,
        "stressor/vmstate/learn.py",
        "import marshal\nmarshal.loads(b'')",
        "marshal.loads",
    ),
    (rules.generate_code_in_vmstate_only, "stressor/loop/a.py", "eval('1')", "eval"),
    (rules.generate_code_in_vmstate_only, "stressor/loop/a.py", "exec('1')", "exec"),
    (rules.print_in_reports_only, "stressor/search/run.py", "print('x')", "prints"),
    (rules.print_in_reports_only, "stressor/search/run.py", "sys.stderr.write('x')", "prints"),
    (rules.stay_deterministic, "stressor/loop/a.py", "import time\ntime.time()", "time.time"),
    (rules.stay_deterministic, "stressor/loop/a.py", "import time\ntime.monotonic()", "monotonic"),
    (rules.stay_deterministic, "stressor/search/run.py", "import time\ntime.time()", "time.time"),
    (rules.stay_deterministic, "stressor/loop/a.py", "import random\nrandom.random()", "random"),
    (rules.stay_deterministic, "stressor/loop/a.py", "from random import choice", "choice"),
    (rules.stay_deterministic, "stressor/search/a.py", "import os\nos.urandom(4)", "urandom"),
    (rules.stay_deterministic, "stressor/search/a.py", "import datetime", "datetime"),
    (rules.stay_deterministic, "stressor/vmstate/a.py", "hash('x')", "hash"),
]

ALLOWED: list[tuple[Rule, str, str]] = [
    (rules.import_downwards, "stressor/loop/cycle.py", "from stressor import __version__, errors"),
    (rules.import_downwards, "stressor/loop/cycle.py", "from stressor.loop import trace"),
    (rules.import_downwards, "stressor/__init__.py", "import stressor.targets"),
    (rules.export_what_exists, "stressor/loop/_inner.py", "x = 1"),
    (
        rules.export_what_exists,
        "stressor/__init__.py",
        "__all__ = ['late']\ndef __getattr__(name):\n    return name == 'late'",
    ),
    (
        rules.use_hypothesis_in_one_file,
        rules.HYPOTHESIS_FILE,
        "import hypothesis.strategies as st\nfrom hypothesis import given\nst.integers()",
    ),
    (
        rules.generate_code_in_vmstate_only,
        "stressor/vmstate/learn.py",
        "import marshal\nmarshal.dumps(1)",
    ),
    (rules.generate_code_in_vmstate_only, "stressor/vmstate/compile.py", "exec(compile('', '', ''))"),
    (rules.generate_code_in_vmstate_only, "stressor/loop/a.py", "import re\nre.compile('a')"),
    (rules.print_in_reports_only, "stressor/cli/run.py", "print('x')"),
    (rules.stay_deterministic, "stressor/search/run.py", "import time\ntime.monotonic()"),
    (rules.stay_deterministic, "stressor/search/a.py", "import random\nrandom.Random(1)"),
]


def machine_path(folder: str) -> str:
    """Spell a machine's path without writing one into this file."""
    return f"see /{folder}/someone/x"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    violations = [violation for source in python_sources() for violation in rule(source)]

    assert not violations, "\n".join(["", *violations])


def test_no_file_names_a_folder_of_one_machine() -> None:
    violations = [line for source in text_files() for line in rules.name_no_machine(source)]

    assert not violations, "\n".join(["", *violations])


@pytest.mark.parametrize(("rule", "path", "text", "said"), PLANTED)
def test_the_rule_finds_what_was_planted(rule: Rule, path: str, text: str, said: str) -> None:
    violations = rule(Source(path, text + "\n"))

    assert violations
    assert said in violations[0]
    assert violations[0].startswith(f"{path}:")


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_the_rule_lets_pass_what_is_allowed(rule: Rule, path: str, text: str) -> None:
    assert rule(Source(path, text + "\n")) == []


@pytest.mark.parametrize("folder", ["home", "root", "tmp", "Users"])
def test_a_folder_of_one_machine_is_found(folder: str) -> None:
    assert rules.name_no_machine(Source("README.md", machine_path(folder)))


@pytest.mark.parametrize("text", ["https://example.org/home/x", "a/tmp/b", "/dev/shm/x", "/usr/bin"])
def test_other_slashes_are_no_folder_of_one_machine(text: str) -> None:
    assert rules.name_no_machine(Source("README.md", text)) == []


def test_the_rules_see_the_project() -> None:
    paths = {source.path for source in python_sources()}

    assert {"stressor/errors.py", "conftest.py", "tests/repo/rules.py"} <= paths
