"""What pytest collects: a device has an item for each promoted finding, and one for each oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from stressor.errors import StressorError
from stressor.findings.record import read
from stressor.findings.regressions import folders_near, promoted, read_promoted
from stressor.findings.store import Store
from stressor.loop.finding import Finding, Oracle
from stressor.loop.target import TargetType
from stressor.plugin.items import RegressionItem, ReplayItem, StressItem
from stressor.plugin.machines import machines
from stressor.plugin.settings import configuration
from stressor.plugin.stress_test import StressTest, stress_test
from stressor.targets.loader import find_models, model_for
from stressor.targets.qemu.specification import PREFIX

__all__ = ["StressDevice", "StressFile", "replays", "without_file"]


class _Collector(pytest.Collector):
    """What says in a line why it cannot be collected."""

    def repr_failure(  # type: ignore[override]  # as pytest's own collectors do
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """Return the problem and its cure, and nothing of the harness' own stack."""
        if isinstance(excinfo.value, StressorError) and not self.config.option.fulltrace:
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class StressFile(_Collector, pytest.File):
    """A file with devices, collected because `--stressor` names it."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield its devices."""
        root = self.config.invocation_params.dir
        for model in find_models([str(self.path)], root):
            yield StressDevice.from_parent(self, name=model.name, test=stress_test(""), model=model)


class StressDevice(_Collector):
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
        oracles = self._test.oracles or configuration(self.config).oracles
        for file in promoted(model.name, model.specification, self.config.invocation_params.dir):
            finding = _read(file, model)
            if isinstance(finding, StressorError) or finding.divergence.oracle in oracles:
                yield RegressionItem.from_parent(
                    self, name=file.stem, file=file, finding=finding, model=model
                )
        for oracle in oracles:
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
