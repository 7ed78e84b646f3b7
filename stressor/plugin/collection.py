"""What pytest collects: a device has an item for each oracle."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from stressor.config import Configuration, load
from stressor.errors import StressorError
from stressor.findings.record import read
from stressor.findings.regressions import folders_near, promoted, read_promoted
from stressor.findings.store import Store
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.plugin.exploration import Exploration, StressFailure, parted_in, reproducing
from stressor.plugin.failure_text import as_pytest_shows_it
from stressor.plugin.hooks import SEED
from stressor.plugin.stored import earlier_findings
from stressor.plugin.stress_test import StressTest, stress_test
from stressor.search.regressions import again
from stressor.search.replay import check_operations
from stressor.targets.loader import find_models, model_for

__all__ = ["RegressionItem", "ReplayItem", "StressDevice", "StressFile", "StressItem", "replays", "without_file"]

_A_PLAN: Final = 32
"""Cycles that a plan has, about."""

_SLOW: Final = 4
"""Plans of a target outside this process, where no number is given."""


class StressFile(pytest.File):
    """A file with devices, collected because `--stressor` names it."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield its devices."""
        root = self.config.invocation_params.dir
        for model in find_models([str(self.path)], root):
            yield StressDevice.from_parent(self, name=model.name, test=stress_test(""), model=model)


class StressDevice(pytest.Collector):
    """A device; its items are the oracles."""

    def __init__(
        self, *, test: StressTest, model: TargetType | None = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self._test: Final = test
        self._model = model

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each promoted finding, and one for each oracle."""
        model = self._model or self._found()
        root = self.config.invocation_params.dir
        for file in promoted(model.name, model.specification, root):
            finding = _read(file, model)
            if isinstance(finding, StressorError) or finding.divergence.oracle in self._test.oracles:
                yield RegressionItem.from_parent(
                    self, name=file.stem, file=file, finding=finding, model=model
                )
        for oracle in self._test.oracles:
            if _has(model, oracle):
                yield StressItem.from_parent(
                    self, name=oracle.value, test=self._test, model=model, oracle=oracle
                )

    def _found(self) -> TargetType:
        model = model_for(self._test.target, self.config.invocation_params.dir)
        if self._test.set_up is None:
            return model
        prepare = getattr(model, "preparing", None)
        if prepare is None:
            raise self.CollectError(f"{model.name} cannot be set up by a function; use operations")
        prepared: TargetType = prepare(self._test.set_up)
        return prepared


def _has(model: TargetType, oracle: Oracle) -> bool:
    """Return whether there is anything that an oracle could look at."""
    if oracle is Oracle.INVARIANTS_HOLD:
        return model.invariants
    return oracle is not Oracle.REFUSES_DAMAGE or bool(model.damages)


class _Failing(pytest.Item):
    """What fails with findings."""

    model: TargetType
    declared: tuple[Path | None, int | None] = (None, None)
    """The device's file, and the index of the line that its class begins in."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the blocks of the findings, and nothing of the harness' own stack."""
        if isinstance(excinfo.value, StressFailure) and not self.config.option.fulltrace:
            path, line, _ = self.location
            place = (path, (line or 0) + 1)
            return as_pytest_shows_it(excinfo.value, self.model.operations, place)
        if isinstance(excinfo.value, StressorError) and not self.config.option.fulltrace:
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the device is declared."""
        file, line = self.declared
        return file or self.path, line, self.nodeid.rpartition("::")[0].rpartition("::")[2] + "::" + self.name


class StressItem(_Failing, pytest.Function):
    """One oracle on one device."""

    def __init__(
        self, *, test: StressTest, model: TargetType, oracle: Oracle, **rest: Any
    ) -> None:
        config = rest["parent"].config
        exploration = Exploration(model, oracle, test.reset_modes, configuration(config))
        cycles = test.cycles or config.option.stressor_cycles
        if cycles is None and not model.walks:
            cycles = _SLOW * _A_PLAN
        plans = None if cycles is None else max(1, cycles // _A_PLAN)
        explored = exploration.test(
            test.settings, plans, config.stash[SEED], test.left_by_decorators,
            pinned=test.examples, insisting=config.option.stressor_seed is not None,
        )  # fmt: skip
        super().__init__(callobj=explored, **rest)
        self.add_marker("stressor")
        self.model, self.declared = model, _declared(model)
        self._exploration: Final = exploration
        self._earlier: Final = (
            earlier_findings(config, exploration.configuration.findings, model.name, oracle)
            if exploration.reuses
            else []
        )

    def runtest(self) -> None:
        """Try what earlier runs found, then explore; fail with everything that the plan which failed, and
        some behind it, find."""
        self._exploration.prepare()
        known = self._exploration.failing(self._earlier)
        if known:
            raise self._exploration.failure([], known)
        try:
            self.obj()
        except BaseException as error:
            parted = parted_in(error)
            if not parted:
                raise
            failure = self._exploration.failure(parted)
            for note in reproducing(error):
                failure.add_note(note)
            raise failure from None
        finally:
            # by these Hypothesis would write a patch for the source of the test, which is Stressor's own
            vars(self).pop("_hypothesis_failing_examples", None)


class ReplayItem(_Failing):
    """A finding that is run again."""

    def __init__(self, *, finding: Finding, **rest: Any) -> None:
        super().__init__(**rest)
        self._finding: Final = finding
        self.add_marker("stressor")

    def runtest(self) -> None:
        """Fail when it is not fixed."""
        root = self.config.invocation_params.dir
        self.model = model_for(self._finding.specification, root)
        now = again(self._finding, self.model, configuration(self.config).batch_timeout)
        if now is not None:
            raise StressFailure([now])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return its id."""
        return self.path, None, self._finding.id


class RegressionItem(_Failing):
    """A promoted finding, which is run again before anything else."""

    def __init__(
        self, *, file: Path, finding: Finding | StressorError, model: TargetType, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self._file: Final = file
        self._finding: Final = finding
        self.model, self.declared = model, _declared(model)
        self.add_marker("stressor")

    def setup(self) -> None:
        """See that it can be read and applied; where not, that is an error, and no failure."""
        try:
            if isinstance(self._finding, StressorError):
                raise self._finding
            check_operations(self._finding, self.model)
        except StressorError as error:
            pytest.fail(str(error), pytrace=False)

    def runtest(self) -> None:
        """Fail when it is not fixed."""
        assert isinstance(self._finding, Finding)
        now = again(self._finding, self.model, configuration(self.config).batch_timeout)
        if now is not None:
            file = Path(os.path.relpath(self._file, self.config.invocation_params.dir)).as_posix()
            raise StressFailure([now], replay=f"stressor replay {shlex.quote(file)}")


def configuration(config: pytest.Config) -> Configuration:
    """Return the project's settings."""
    return load({}, folder=config.rootpath)


def without_file(session: pytest.Session, specification: str) -> list[pytest.Item]:
    """Return the items of a target that is in no file."""
    device = StressDevice.from_parent(
        session, name=specification, nodeid=specification, test=stress_test(specification)
    )
    return [item for item in device.collect() if isinstance(item, pytest.Item)]


def replays(session: pytest.Session, wanted: Sequence[str]) -> list[pytest.Item]:
    """Return an item for each finding that is to be run again. Raises pytest.UsageError."""
    settings = configuration(session.config)
    root = session.config.invocation_params.dir
    store = Store(settings.findings, folders_near(settings.targets, root))
    found: list[pytest.Item] = []
    for name in wanted:
        try:
            finding = read(Path(name) if Path(name).is_file() else store.find(name))
        except StressorError as error:
            raise pytest.UsageError(f"--stressor-replay {name}: {error}") from error
        found.append(ReplayItem.from_parent(session, name=finding.id, finding=finding))
    return found


def _read(file: Path, model: TargetType) -> Finding | StressorError:
    try:
        return read_promoted(file, model.name)
    except StressorError as error:
        return error


def _declared(model: TargetType) -> tuple[Path | None, int | None]:
    cls = getattr(getattr(model, "binding", None), "cls", None)
    if not isinstance(cls, type):
        return None, None
    try:
        return Path(inspect.getsourcefile(cls) or ""), inspect.getsourcelines(cls)[1] - 1
    except (OSError, TypeError):
        return None, None

