"""A device's operations for tests of your own: `operations`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from stressor.errors import UsageError
from stressor.loop.operations import OperationType
from stressor.loop.trace import Operation
from stressor.report.block import step_text
from stressor.search.hypothesis_engine import SearchStrategy, any_of, operations_by
from stressor.targets.loader import model_for
from stressor.targets.model import Model

__all__ = ["DrawnOperation", "any_operation", "in_process", "kind_strategy", "operations"]


class DrawnOperation:
    """An operation with its arguments: called with a device it does it, and returns what it answers.

    `operation` is the same as plain data, for traces.
    """

    def __init__(self, model: Model, operation: Operation) -> None:
        self._model = model
        self.operation: Final = operation

    def __call__(self, device: Any) -> object:
        """Do it to a device of the class."""
        return self._model.binding.functions[self.operation.name](device, *self.operation.arguments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DrawnOperation) and self.operation == other.operation

    def __hash__(self) -> int:
        return hash(self.operation)

    def __repr__(self) -> str:
        return f"<{' '.join(step_text(self.operation, self._model.operations).split())}>"


def operations(target: object) -> SearchStrategy[DrawnOperation]:
    """Return the operations of a device as a Hypothesis strategy, arguments drawn as it declares them.

        @given(st.lists(operations(UART16550)))
        def test_it_never_holds_more_than_sixteen(steps):
            uart = UART16550()
            for step in steps:
                step(uart)
            assert len(uart.receive_fifo) <= 16

    In a state machine it is what a rule draws: `@rule(step=operations(UART16550))`. `target` is a device
    class, the result of `adapt`, or a path as the command line takes it. Raises UsageError and TargetError
    for what is no device in this process, or has no operations.
    """
    return any_operation(in_process(target))


def in_process(target: object) -> Model:
    """Return the model of a device in this process. Raises UsageError for others."""
    model = model_for(target, Path.cwd())
    if not isinstance(model, Model):
        model.close()
        raise UsageError(f"{model.name} is no device in this process; its operations cannot be called")
    return model


def any_operation(model: Model) -> SearchStrategy[DrawnOperation]:
    """Return the operations of every kind as a strategy. Raises UsageError when there are none."""
    if not model.operations:
        raise UsageError(f"{model.name} has no operations; mark methods with @operation")
    return any_of([kind_strategy(model, kind) for kind in model.operations])


def kind_strategy(model: Model, kind: OperationType) -> SearchStrategy[DrawnOperation]:
    """Return the operations of one kind as a strategy."""
    return operations_by(kind, lambda operation: DrawnOperation(model, operation))
