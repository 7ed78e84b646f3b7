"""A device as a state machine of Hypothesis': `stress_rules`."""

from __future__ import annotations

import re
import sys
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from stressor.loop.cycle import Checks, Recording, run_schedule
from stressor.loop.finding import Oracle
from stressor.loop.operations import OperationType
from stressor.loop.trace import Cycle, Operation, ResetMode, Step
from stressor.loop.watchdog import Watchdog
from stressor.plugin.explicit import findings_of
from stressor.plugin.operations import DrawnOperation, any_operation, in_process, kind_strategy
from stressor.report.block import failure_block
from stressor.targets.in_process import InProcessTarget
from stressor.targets.model import Model

__all__ = ["StressMachine", "stress_rules"]

_TIMEOUT = 5.0  # seconds for one batch of operations, as is the default elsewhere


class StressMachine(RuleBasedStateMachine):
    """What `stress_rules` adds a rule for each operation to. Rules and invariants of your own use `device`.

    A cycle can put another object in the place of `device`, so look it up each time. At the end the
    operations and cycles are run again beside a twin that was never interrupted.
    """

    _model: ClassVar[Model]

    def __init__(self) -> None:
        super().__init__()
        self._subject: InProcessTarget = self._model.open()
        self._pristine = self._subject.examine()
        self._steps: list[Step] = []

    @property
    def device(self) -> Any:
        """The device under test."""
        return self._subject.device

    def _operate(self, step: DrawnOperation) -> None:
        self._steps.append(step.operation)
        step(self.device)

    def _go_through(self, cycle: Cycle) -> None:
        self._steps.append(cycle)
        before, digest = self._subject.attributes(), self._subject.examine()
        checks = Checks(set(Oracle) - {Oracle.RESUMES_ALIKE}, [cycle.mode])
        watchdog = Watchdog(_TIMEOUT)
        recording = Recording([[]], [digest])
        with watchdog.watching():
            parted = run_schedule(
                self._subject, recording, [()], [cycle], checks, watchdog, self._pristine
            )
        if parted is None:
            return
        self._look()
        after = self._subject.attributes()
        names = [name for name in before if before[name] != after.get(name)]
        raise AssertionError(
            f"{self._model.name} does not come through a cycle ({cycle.mode}) as it was: "
            f"{', '.join(names[:8]) or 'something else than its attributes'} differ; "
            "its operations alone do not show it, so a rule of your own takes part"
        )

    def _look(self) -> None:
        """Fail with the blocks of what the operations and cycles so far show."""
        watchdog = Watchdog(_TIMEOUT)
        found = findings_of(self._model, self._steps, list(Oracle), watchdog)
        if found:
            blocks = (failure_block(finding, self._model.operations) for finding in found)
            raise AssertionError("\n" + "\n".join(blocks))

    def teardown(self) -> None:
        """Hold what was done against a twin, unless the test has failed already."""
        if sys.exc_info()[1] is None and any(isinstance(step, Cycle) for step in self._steps):
            self._look()
        self._subject.close()


def stress_rules(target: object) -> type[StressMachine]:
    """Return a state machine with a rule for each operation of a device, and one for cycles.

        class Uart(stress_rules(UART16550)):
            @invariant()
            def never_more_than_sixteen(self):
                assert len(self.device.receive_fifo) <= 16

        TestUart = Uart.TestCase

    `cycle` saves, resets and loads in any reset mode, and fails with the block of what did not come back.
    `target` is as for `operations`; raises UsageError and TargetError.
    """
    model = in_process(target)
    rules: dict[str, object] = {"_model": model, "__doc__": f"{model.name}, driven and interrupted."}
    for kind in model.operations:
        name = re.sub(r"\W+", "_", kind.label).strip("_")
        while name in rules or hasattr(StressMachine, name):
            name += "_"
        rules[name] = _rule_for(name, model, kind)
    rules["cycle"] = _cycles(model)
    return type(re.sub(r"\W", "_", model.name) + "_rules", (StressMachine,), rules)


def _rule_for(name: str, model: Model, kind: OperationType) -> object:
    def operate(self: StressMachine, step: DrawnOperation) -> None:
        self._operate(step)

    operate.__name__ = operate.__qualname__ = name
    return rule(step=kind_strategy(model, kind))(operate)


def _cycles(model: Model) -> object:
    def cycle(self: StressMachine, mode: ResetMode, donor: list[DrawnOperation]) -> None:
        driven: tuple[Operation, ...] = ()
        if mode is ResetMode.DONOR:
            driven = tuple(step.operation for step in donor)
        self._go_through(Cycle(mode, driven))

    driving = st.lists(any_operation(model), max_size=4)
    return rule(mode=st.sampled_from(model.reset_modes), donor=driving)(cycle)
