from __future__ import annotations

from pathlib import Path

import pytest

from stressor.config import KEYS, Configuration, Origin, load, parse_duration
from stressor.errors import UsageError
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text("[tool.stressor]\n" + text, encoding="utf-8")
    return folder


def loaded(
    folder: Path, environment: dict[str, str] | None = None, **options: object
) -> Configuration:
    return load(
        {name.replace("_", "-"): value for name, value in options.items()},
        environment or {},
        folder,
    )


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)

    assert configuration.targets == ["devices"]
    assert (configuration.cycles, configuration.seconds) == (5000, None)
    assert configuration.oracles == list(Oracle)
    assert configuration.reset_modes == list(ResetMode)
    assert configuration.findings == Path(".stressor/findings")
    assert configuration.batch_timeout == 5
    assert (configuration.profile, configuration.file) == ("default", None)
    assert configuration.summary() == "defaults"


def test_a_seed_that_nobody_gave_differs_from_run_to_run(tmp_path: Path) -> None:
    assert len({loaded(tmp_path).seed for _ in range(5)}) > 1


def test_an_option_beats_a_variable_beats_the_file(tmp_path: Path) -> None:
    project(tmp_path, "seed = 1\ncycles = 10\nbatch-timeout = '2s'")

    configuration = loaded(tmp_path, {"STRESSOR_SEED": "2", "STRESSOR_CYCLES": "20"}, seed=3)

    assert (configuration.seed, configuration.cycles, configuration.batch_timeout) == (3, 20, 2)
    assert configuration.summary() == (
        "options (seed), environment (cycles), pyproject.toml (batch-timeout), defaults"
    )


def test_the_nearest_file_counts_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    project(tmp_path, "targets = ['devices/a.py::A', 'p.m:C']\nfindings = 'out'")
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)

    configuration = loaded(below)

    assert configuration.targets == ["../../devices/a.py::A", "p.m:C"]
    assert configuration.findings == Path("../../out")
    assert configuration.settings["targets"].source == "../../pyproject.toml"


def test_default_paths_belong_to_the_project_and_given_ones_to_the_working_directory(tmp_path: Path) -> None:
    project(tmp_path, "")
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    (tmp_path / "one" / "pyproject.toml").write_text("[project]\nname = 'a package without our table'\n")

    configuration = loaded(below, {"STRESSOR_JOURNAL": "mine.sqlite"}, findings="here")

    assert (configuration.targets, configuration.root) == (["../../devices"], Path("../.."))
    assert (configuration.known, configuration.journal) == (Path("../../known.toml"), Path("mine.sqlite"))
    assert configuration.findings == Path("here")


def test_without_our_table_the_working_directory_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'a package without our table'\n")
    (tmp_path / "below").mkdir()

    configuration = loaded(tmp_path / "below")

    assert (configuration.file, configuration.root, configuration.targets) == (None, Path(), ["devices"])


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("for = '2m'", {}, (None, 120)),
        ("for = '2m'\ncycles = 7", {}, (None, 120)),
        ("for = '2m'", {"cycles": 7}, (7, None)),
        ("cycles = 7", {"for": "30s"}, (None, 30)),
        ("", {"for": "30s", "cycles": 7}, (None, 30)),
    ],
)
def test_the_nearer_of_time_and_cycles_is_the_bound(
    tmp_path: Path, text: str, options: dict[str, object], expected: tuple[object, object]
) -> None:
    configuration = load(options, {}, project(tmp_path, text))

    assert (configuration.cycles, configuration.seconds) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "seeed = 1",
            r"pyproject\.toml: \[tool\.stressor\] has no key 'seeed', did you mean 'seed'\?",
        ),
        ("seed = 'x'", r"pyproject\.toml: seed: a seed is a whole number .*, not 'x'"),
        ("seed = true", "a seed is a whole number"),
        ("seed = -1", "a seed is a whole number"),
        ("cycles = 0", "the number of cycles is a whole number from 1"),
        ("for = 'soon'", "a duration is a number and a unit"),
        ("for = 0", "a duration is above zero"),
        ("for = true", "a duration is a number and a unit"),
        ("oracles = ['load-restore']", "there is no 'load-restore', did you mean 'load-restores'"),
        ("oracles = []", "it is a list of oracles, at least one"),
        ("reset-modes = [1]", "it is a list of reset modes"),
        ("findings = 3", "the path of a folder"),
        ("findings = ''", r"pyproject\.toml: findings: it is the path of a folder, or left out for the default one, not ''"),
        ("journal = ' '", r"pyproject\.toml: journal: it is the path of a file, or left out for the default one, not ' '"),
        ("profiles.own.known = ''", r"\[tool\.stressor\.profiles\.own\] known: it is the path of a file"),
        ("targets = ['devices', '']", "it is a list of targets, at least one"),
        ("targets = 3", "it is a list of targets"),
        (
            "profile = 'nigthly'",
            r"pyproject\.toml: profile: there is no profile 'nigthly', did you mean 'nightly'\? "
            r"\(profiles: default, quick, nightly\)",
        ),
        ("profile = 3", "it is the name of a profile"),
        ("profiles = 3", r"\[tool\.stressor\.profiles\] must be a table"),
        ("profiles.own = 3", r"\[tool\.stressor\.profiles\.own\] must be a table"),
        (
            "profiles.own.cyles = 3",
            r"\[tool\.stressor\.profiles\.own\] has no key 'cyles', did you mean 'cycles'\?; its keys are",
        ),
        ("profiles.own.cycles = 0", r"\[tool\.stressor\.profiles\.own\] cycles: the number of cycles"),
        ("profiles.own.profile = 'quick'", "has no key 'profile'"),
        ("profiles.default.cycles = 3", r"that profile is \[tool\.stressor\] itself"),
        ("profil = 'quick'", r"has no key 'profil', did you mean 'profile'\?"),
        ("seed = = 1", r"pyproject\.toml: cannot be read: .*correct the file"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_where_and_what(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        loaded(project(tmp_path, text))


def test_a_table_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool.stressor = 3")

    with pytest.raises(UsageError, match="must be a table"):
        loaded(tmp_path)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="STRESSOR_RESET_MODES: there is no 'hot'"):
        loaded(tmp_path, {"STRESSOR_RESET_MODES": "fresh,hot"})


def test_a_variable_with_a_slip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"STRESSOR_SEEDS: .*did you mean 'STRESSOR_SEED'"):
        loaded(tmp_path, {"STRESSOR_SEEDS": "1"})


def test_foreign_and_empty_variables_are_let_be(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"STRESSOR_HOMEPAGE": "x", "STRESSOR_CYCLES": ""}).cycles == 5000


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7", 7), (3, 3)]
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_every_setting_says_what_it_is() -> None:
    assert [key.name for key in KEYS if not key.help] == []


PROFILES = """
cycles = 10
seed = 1

[tool.stressor.profiles.nightly]
cycles = 30
oracles = ["load-restores"]

[tool.stressor.profiles.mine]
for = "2h"
targets = ["more"]
"""


def test_a_profile_stands_between_variables_and_the_file(tmp_path: Path) -> None:
    project(tmp_path, PROFILES)

    configuration = loaded(tmp_path, {"STRESSOR_ORACLES": "runs-alone"}, profile="nightly")

    assert (configuration.cycles, configuration.seed) == (30, 1)
    assert configuration.oracles == [Oracle.RUNS_ALONE]
    assert configuration.summary() == (
        "options (profile), environment (oracles), pyproject.toml [profiles.nightly] (cycles), "
        "profile nightly (batch-timeout), pyproject.toml (seed), defaults"
    )


def test_without_a_profile_its_settings_do_not_count(tmp_path: Path) -> None:
    configuration = loaded(project(tmp_path, PROFILES))

    assert (configuration.cycles, configuration.oracles) == (10, list(Oracle))


def test_an_own_profile_has_what_its_table_says(tmp_path: Path) -> None:
    configuration = loaded(project(tmp_path, PROFILES), profile="mine")

    assert (configuration.cycles, configuration.seconds) == (None, 7200)
    assert configuration.targets == ["more"]
    assert configuration.profiles == ("default", "quick", "nightly", "mine")


@pytest.mark.parametrize(
    ("text", "environment", "options", "expected"),
    [
        ("profile = 'quick'", {}, {}, "quick"),
        ("profile = 'quick'", {"STRESSOR_PROFILE": "nightly"}, {}, "nightly"),
        ("profile = 'quick'", {"STRESSOR_PROFILE": "nightly"}, {"profile": "default"}, "default"),
    ],
)
def test_the_profile_is_chosen_as_any_setting(
    tmp_path: Path, text: str, environment: dict[str, str], options: dict[str, object], expected: str
) -> None:
    assert load(options, environment, project(tmp_path, text)).profile == expected


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        ("cycles = 7", "quick", (500, None)),
        ("for = '2m'", "quick", (500, None)),
        ("[tool.stressor.profiles.quick]\nfor = '9s'", "quick", (None, 9)),
        ("for = '2m'\n[tool.stressor.profiles.quick]\ncycles = 7", "quick", (7, None)),
    ],
)
def test_a_profile_is_nearer_than_the_file_and_a_table_than_what_is_built_in(
    tmp_path: Path, text: str, profile: str, expected: tuple[object, object]
) -> None:
    configuration = loaded(project(tmp_path, text), profile=profile)

    assert (configuration.cycles, configuration.seconds) == expected


def test_paths_of_a_profile_are_relative_to_the_file(tmp_path: Path) -> None:
    project(tmp_path, "[tool.stressor.profiles.mine]\nfindings = 'out'\ntargets = ['devices']")
    (tmp_path / "below").mkdir()

    configuration = loaded(tmp_path / "below", profile="mine")

    assert configuration.findings == Path("../out")
    assert configuration.targets == ["../devices"]


def test_an_unknown_profile_is_named_where_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^STRESSOR_PROFILE: there is no profile 'fast'"):
        loaded(tmp_path, {"STRESSOR_PROFILE": "fast"})
    with pytest.raises(UsageError, match=r"^--stressor-profile: there is no profile 'fast'"):
        load({"profile": "fast"}, {}, tmp_path, dashes="--stressor-")


def test_settings_come_back_from_plain_data(tmp_path: Path) -> None:
    configuration = loaded(project(tmp_path, PROFILES), profile="mine")

    again = Configuration.from_plain(configuration.as_plain())

    assert again.settings == configuration.settings
    assert again.settings["targets"].origin is Origin.PROFILE
