"""What pytest collects: a device has an item for each oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import pytest

from stressor.errors import StressorError
from stressor.findings.record import read
from stressor.findings.store import Store
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.plugin.debugging import DEBUGGING, explores_here
from stressor.plugin.exploration import Exploration, StressFailure, numbers_in
from stressor.plugin.failing import fail, failure_section
from stressor.plugin.hooks import SEED
from stressor.plugin.machines import machines, skipped_where_it_cannot_be
from stressor.plugin.outcome import tell
from stressor.plugin.settings import configuration
from stressor.plugin.stress_test import StressTest, stress_test
from stressor.search.replay import replay
from stressor.targets.declared import declared_in
from stressor.targets.loader import find_models, model_for
from stressor.targets.qemu.specification import PREFIX

__all__ = ["ReplayItem", "StressDevice", "StressFile", "StressItem", "replays", "without_file"]

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
        """Yield an item for each oracle."""
        model = self._model or self._found()
        for oracle in self._test.oracles or configuration(self.config).oracles:
            if _has(model, oracle):
                yield StressItem.from_parent(
                    self, name=oracle.value, test=self._test, model=model, oracle=oracle
                )

    def _found(self) -> TargetType:
        target = self._test.target
        if isinstance(target, str) and target.startswith(PREFIX):
            found = machines(self.config).models(target)
            if len(found) != 1:
                raise self.CollectError(f"{target} has {len(found)} devices; name one, or use --stressor")
            model: TargetType = found[0]
        else:
            model = model_for(target, self.config.invocation_params.dir)
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
        return not model.walks or model.invariants  # only a machine could tell
    return oracle is not Oracle.REFUSES_DAMAGE or bool(model.damages)


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


class StressItem(_Failing, pytest.Function):
    """One oracle on one device."""

    def __init__(
        self, *, test: StressTest, model: TargetType, oracle: Oracle, **rest: Any
    ) -> None:
        config = rest["parent"].config
        settings = configuration(config)
        modes = test.reset_modes or tuple(settings.reset_modes)
        exploration = Exploration(model, oracle, modes, settings)
        cycles = test.cycles or settings.given_cycles
        if cycles is None and not model.walks:
            cycles = _SLOW * _A_PLAN
        plans = None if cycles is None else max(1, cycles // _A_PLAN)
        explored = exploration.test(
            test.settings, plans, config.stash[SEED], test.left_by_decorators
        )
        super().__init__(callobj=explored, **rest)
        self.add_marker("stressor")
        self.model, self.declared = model, declared_in(model)
        self._exploration: Final = exploration

    def unused(self) -> tuple[list[str], list[str]]:
        """Return the fields never exercised, and the operations never drawn."""
        return self._exploration.unused()

    def runtest(self) -> None:
        """Explore; fail with everything that the plan which failed, and some behind it, find."""
        with skipped_where_it_cannot_be():
            self._exploration.prepare(machines(self.config).for_tries(self.model))
            if not _looks_at_anything(self.model, self._exploration.oracle):
                pytest.skip(f"{self.model.name} has no invariants")
        with self.config.stash[DEBUGGING].driving():
            findings = self._explored()
            tell(self, self.model, findings, self._exploration.statistics)
            if findings:
                fail(self, self.model, findings, self._exploration.configuration.batch_timeout)

    def _explored(self) -> list[Finding]:
        try:
            if self.config.option.trace:
                explores_here(self.model.name, self.name, self.obj)
            else:
                self.obj()
        except BaseException as error:
            numbers = numbers_in(error)
            if not numbers:
                raise
        else:
            return []
        return self._exploration.findings(numbers)


def _looks_at_anything(model: TargetType, oracle: Oracle) -> bool:
    return oracle is not Oracle.INVARIANTS_HOLD or model.invariants


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
        self.declared = declared_in(self.model)
        patience = configuration(self.config).batch_timeout
        with self.config.stash[DEBUGGING].driving():
            divergence = replay(self._finding, self.model, patience)
            if divergence is not None:
                fail(self, self.model, [replace(self._finding, divergence=divergence)], patience)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return its id."""
        return self.path, None, self._finding.id


def without_file(session: pytest.Session, specification: str) -> list[pytest.Item]:
    """Return the items of a target that is in no file. Raises pytest.UsageError."""
    test = stress_test(specification)
    try:
        models = machines(session.config).models(specification) if specification.startswith(PREFIX) else [None]
        devices = [
            StressDevice.from_parent(session, name=name, nodeid=name, test=test, model=model)
            for model in models
            for name in [model.name if model else specification]
        ]
        return [item for device in devices for item in device.collect() if isinstance(item, pytest.Item)]
    except StressorError as error:
        raise pytest.UsageError(f"--stressor {specification}: {error}") from error


def replays(session: pytest.Session, wanted: Sequence[str]) -> list[pytest.Item]:
    """Return an item for each finding that is to be run again. Raises pytest.UsageError."""
    store = Store(configuration(session.config).findings)
    found: list[pytest.Item] = []
    for name in wanted:
        try:
            finding = read(Path(name) if Path(name).is_file() else store.find(name))
        except StressorError as error:
            raise pytest.UsageError(f"--stressor-replay {name}: {error}") from error
        found.append(ReplayItem.from_parent(session, name=finding.id, finding=finding))
    return found
