"""The items of a stress test: an oracle on a device, a promoted finding, a finding that is replayed."""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import pytest

from stressor.errors import StressorError
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.plugin.debugging import DEBUGGING, explores_here
from stressor.plugin.exploration import Exploration, StressFailure, parted_in, reproducing
from stressor.plugin.failing import fail, failure_section
from stressor.plugin.machines import machines, skipped_where_it_cannot_be
from stressor.plugin.outcome import tell
from stressor.plugin.settings import configuration, seed_of
from stressor.plugin.stored import earlier_findings
from stressor.plugin.stress_test import StressTest
from stressor.search.regressions import again
from stressor.search.replay import check_operations
from stressor.targets.declared import declared_in
from stressor.targets.loader import model_for

__all__ = ["RegressionItem", "ReplayItem", "StressItem"]

_A_PLAN: Final = 32
"""Cycles that a plan has, about."""

_SLOW: Final = 4
"""Plans of a target outside this process, where no number is given."""


class _Failing(pytest.Item):
    """What fails with findings."""

    model: TargetType
    declared: tuple[Path | None, int | None] = (None, None)
    """The device's file, and the index of the line that its class begins in."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the blocks of the findings, and nothing of the harness' own stack."""
        if isinstance(excinfo.value, StressFailure):
            return failure_section(
                self, cast("pytest.ExceptionInfo[StressFailure]", excinfo), self.model.operations, self.declared,
                partial(super().repr_failure, excinfo),
            )  # fmt: skip
        if isinstance(excinfo.value, StressorError) and not self.config.option.fulltrace:
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the device is declared."""
        file, line = self.declared
        return file or self.path, line, self.nodeid.rpartition("::")[0].rpartition("::")[2] + "::" + self.name

    @property
    def patience(self) -> float:
        """Seconds that a device may take for a batch of operations."""
        return configuration(self.config).batch_timeout


class StressItem(_Failing, pytest.Function):
    """One oracle on one device."""

    def __init__(
        self, *, test: StressTest, model: TargetType, oracle: Oracle, **rest: Any
    ) -> None:
        config = rest["parent"].config
        settings = configuration(config)
        modes = test.reset_modes or tuple(settings.reset_modes)
        oracles = test.oracles or tuple(settings.oracles)
        exploration = Exploration(model, oracle, oracles, modes, settings, seed_of(config) or 0)
        cycles = test.cycles or settings.given_cycles
        if cycles is None and not model.walks:
            cycles = _SLOW * _A_PLAN
        plans = None if cycles is None else max(1, cycles // _A_PLAN)
        explored = exploration.test(
            test.settings, plans, seed_of(config), test.left_by_decorators,
            pinned=test.examples, insisting=config.option.stressor_seed is not None,
        )  # fmt: skip
        super().__init__(callobj=explored, **rest)
        self.add_marker("stressor")
        self.model, self.declared = model, declared_in(model)
        self._exploration: Final = exploration
        self._earlier: Final = (
            earlier_findings(config, settings.findings, model.name, oracle) if exploration.reuses else []
        )

    def unused(self) -> tuple[list[str], list[str]]:
        """Return the fields never exercised, and the operations never drawn."""
        return self._exploration.unused()

    def runtest(self) -> None:
        """Try what earlier runs found, then explore; fail with everything that the plan which failed, and
        some behind it, find."""
        with skipped_where_it_cannot_be():
            self._exploration.prepare(machines(self.config).for_tries(self.model))
            if self._exploration.oracle is Oracle.INVARIANTS_HOLD and not self.model.invariants:
                pytest.skip(f"{self.model.name} has no invariants")
        with self.config.stash[DEBUGGING].driving():
            failure = self._explored()
            findings = failure.findings if failure is not None else []
            tell(self, self.model, findings, self._exploration.statistics)
            if failure is not None:
                fail(self, self.model, failure, self.patience)

    def _explored(self) -> StressFailure | None:
        known = self._exploration.failing(self._earlier)
        if known:
            return self._exploration.failure([], known)
        try:
            if self.config.option.trace:
                explores_here(self.model.name, self.name, self.obj)
            else:
                self.obj()
        except BaseException as error:
            parted = parted_in(error)
            if not parted:
                raise
            failure = self._exploration.failure(parted)
            for note in reproducing(error):
                failure.add_note(note)
            return failure
        finally:
            # by these Hypothesis would write a patch for the source of the test, which is Stressor's own
            vars(self).pop("_hypothesis_failing_examples", None)
        return None


class ReplayItem(_Failing):
    """A finding that is run again."""

    def __init__(self, *, finding: Finding, **rest: Any) -> None:
        super().__init__(**rest)
        self._finding: Final = finding
        self.add_marker("stressor")

    def runtest(self) -> None:
        """Fail when it is not fixed."""
        self.model = model_for(self._finding.specification, self.config.invocation_params.dir)
        self.declared = declared_in(self.model)
        with self.config.stash[DEBUGGING].driving():
            now = again(self._finding, self.model, self.patience)
            if now is not None:
                fail(self, self.model, StressFailure([now]), self.patience)

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
        self.model, self.declared = model, declared_in(model)
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
        with self.config.stash[DEBUGGING].driving():
            now = again(self._finding, self.model, self.patience)
            if now is not None:
                file = Path(os.path.relpath(self._file, self.config.invocation_params.dir)).as_posix()
                failure = StressFailure([now], replay=f"stressor replay {shlex.quote(file)}")
                fail(self, self.model, failure, self.patience)
