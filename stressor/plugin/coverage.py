"""`--stressor-coverage`: what the stress tests never ran of a device's saving, loading and resetting."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from stressor.report.text import clean, listed

if TYPE_CHECKING:
    import coverage

    from stressor.plugin.items import StressItem
    from stressor.plugin.measured import Measured

__all__ = ["CoverageOfDevices", "register"]

_OUTPUT: Final = "stressor_coverage"
_INDENT: Final = 21


def register(config: pytest.Config) -> None:
    """Have what is run measured, and the summary say it. Raises pytest.UsageError."""
    if importlib.util.find_spec("coverage") is None:
        raise pytest.UsageError("--stressor-coverage needs the package coverage; install coverage, or pytest-cov")
    config.pluginmanager.register(CoverageOfDevices(config), "stressor-coverage")


class CoverageOfDevices:
    """Measures the files of each device while its items run.

    Where coverage runs already (pytest-cov, `coverage run`) its data are taken, since two tracers cannot
    both see everything: then lines that any other test ran count as well.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config: Final = config
        self._devices: Final[dict[str, Measured]] = {}
        self._tracers: Final[dict[str, coverage.Coverage]] = {}
        self._here: Final[set[str]] = set()  # devices with items in this process, and not in a worker

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure a stress test."""
        from stressor.plugin.items import StressItem

        if not isinstance(item, StressItem):
            return (yield)
        key, tracer = self._begin(item)
        if tracer is not None:
            tracer.start()
        try:
            return (yield)
        finally:
            if tracer is not None:
                tracer.stop()
            self._devices[key].unused(*item.unused())

    def _begin(self, item: StressItem) -> tuple[str, coverage.Coverage | None]:
        """Return what a device is called here, and what measures it, None where something else does."""
        import coverage

        from stressor.plugin.measured import Measured
        from stressor.targets.involved import involved

        key = f"{item.model.name}  {item.model.specification}"
        self._here.add(key)
        if key not in self._devices:
            self._devices[key] = Measured(involved(item.model))
        files = {one.file for one in self._devices[key].functions}
        if not files or (key not in self._tracers and coverage.Coverage.current() is not None):
            return key, None
        if key not in self._tracers:
            self._tracers[key] = coverage.Coverage(
                data_file=None, branch=True, config_file=False, include=sorted(files), messages=False
            )
            self._tracers[key].set_option("run:disable_warnings", ["no-data-collected"])
        return key, self._tracers[key]

    # trylast: the innermost of wrappers, so that pytest-cov is still at work
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Gather what was measured, and send it to the controller if there is one."""
        try:
            return (yield)
        finally:
            self._gather()
            output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
            if output is not None:
                root = self._config.rootpath
                output[_OUTPUT] = {key: one.as_plain(root) for key, one in self._devices.items()}

    def _gather(self) -> None:
        import coverage

        running = coverage.Coverage.current()
        for key in self._here:
            measured = self._devices[key]
            tracer = self._tracers.get(key) or running
            if tracer is None:
                continue
            data = tracer.get_data()
            known = {os.path.realpath(file): file for file in data.measured_files()}
            for file in {one.file for one in measured.functions}:
                name = known.get(os.path.realpath(file))
                if tracer is running and name is None:
                    measured.unmeasured.add(file)
                elif tracer is running and not data.has_arcs():
                    measured.lines[file] = set(data.lines(name or file) or ())
                else:
                    measured.arcs[file] = set(data.arcs(name or file) or ())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what a worker measured."""
        from stressor.plugin.measured import Measured

        output = getattr(node, "workeroutput", None) or {}
        for key, data in output.get(_OUTPUT, {}).items():
            other = Measured.from_plain(data, self._config.rootpath)
            self._devices.setdefault(key, Measured()).unite(other)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it, device by device."""
        terminalreporter.section("stressor coverage")
        if not self._devices:
            terminalreporter.write_line("no stress test ran")
        for key in sorted(self._devices):
            terminalreporter.write_line(clean(key))
            for label, names in self._lines(self._devices[key]):
                terminalreporter.write_line(f"{'  ' + label:<{_INDENT}}{listed(names, _INDENT)}")

    def _lines(self, measured: Measured) -> Iterator[tuple[str, list[str]]]:
        """Yield a label and what stands under it."""
        from stressor.plugin.measured import gaps

        if measured.unmeasured:
            yield "not measured", [self._shown(file) for file in sorted(measured.unmeasured)]
            yield "", ["coverage runs already and leaves that out: name it with --cov"]
        found = gaps(measured)
        if found.of_lines:
            ran = found.of_lines - len(found.lines)
            counts = [f"{ran} of {found.of_lines} lines"]
            if found.measures_branches:
                counts.append(f"{found.taken} of {found.of_branches} branches")
            else:
                counts.append("branches not measured (give --cov-branch)")
            yield "save, load, reset", counts
        for file, line, name in found.lines:
            yield "never run", [f"{self._shown(file)}:{line} in {clean(name)}"]
        for file, start, end, name in found.branches:
            there = f"to line {end}" if end > 0 else "to its end"
            yield "never taken", [f"{self._shown(file)}:{start} {there} in {clean(name)}"]
        yield "never exercised", [clean(name) for name in measured.fields or ()] or ["no field"]
        yield "never drawn", [clean(name) for name in measured.operations or ()] or ["no operation"]

    def _shown(self, file: str) -> str:
        path = os.path.realpath(file)
        root = str(self._config.rootpath)
        return clean(path.removeprefix(root).lstrip("/") if path.startswith(f"{root}/") else path)
