"""`stress_test`: one line that makes tests of a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from stressor.errors import UsageError
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode, Step, Trace, is_trace

__all__ = ["StressTest", "stress_test"]


@dataclass(eq=False)
class StressTest:
    """What `stress_test` returns: pytest makes one test of it for each oracle.

    Called with a function (as a decorator) it sets up each device by that function first.
    """

    target: object
    oracles: tuple[Oracle, ...]
    """Those that were asked for; empty for those of the settings, and so are the reset modes."""
    reset_modes: tuple[ResetMode, ...]
    cycles: int | None
    settings: object
    examples: tuple[Trace, ...] = ()
    set_up: Callable[[Any], object] | None = None

    def __call__(self, set_up: Callable[[Any], object]) -> StressTest:
        """Return the same with a function that gets each new device, before anything else does.

        What decorators such as Hypothesis' `settings` left on either of them stays.
        """
        decorated = replace(self, set_up=set_up)
        vars(decorated).update({**vars(set_up), **self.left_by_decorators})
        return decorated

    @property
    def left_by_decorators(self) -> dict[str, object]:
        """Attributes that are none of ours."""
        own = {field.name for field in fields(self)}
        return {name: value for name, value in vars(self).items() if name not in own}


def stress_test(
    target: object,
    *,
    cycles: int | None = None,
    oracles: Sequence[str] = (),
    reset_modes: Sequence[str] = (),
    settings: object = None,
    examples: Sequence[Sequence[Step]] = (),
) -> StressTest:
    """Return tests of a device, one for each oracle.

        test_uart = stress_test(UART16550)

        @stress_test(UART16550, cycles=500, oracles=["resumes-alike"])
        def test_uart_with_modem(device):
            device.lines["cts"].set(1)

    `target` is a device class, the result of `adapt`, or what the command line takes ("qemu:e1000").
    What is not given is what `[tool.stressor]` of pyproject.toml says. How many plans are run is
    Hypothesis' `max_examples`, or what makes about `cycles`; `settings` are Hypothesis' own. `examples`
    are traces, each a list of operations and cycles, that every oracle is tried on before anything is
    drawn; Hypothesis' `@example(trace)` above it does the same. Raises UsageError for an oracle or a
    reset mode that there is not, and for what is no trace.
    """
    return StressTest(
        target, _chosen(Oracle, oracles, "oracle"), _chosen(ResetMode, reset_modes, "reset mode"),
        cycles, settings, tuple(map(_trace, examples)),
    )  # fmt: skip


def _trace(given: object) -> Trace:
    if not is_trace(given):
        raise UsageError(
            f"examples: {given!r:.60} is no trace; give a list of traces, each a list of "
            "Operation(...) and Cycle(...)"
        )
    return tuple(given)


def _chosen(choices: Any, names: Sequence[str], what: str) -> tuple[Any, ...]:
    known = {str(choice.value): choice for choice in choices}
    for name in names:
        if name not in known:
            raise UsageError(f"no {what} {name!r}; there are {', '.join(known)}")
    return tuple(choice for choice in choices if choice.value in names)
