"""A finding as a pytest file that stands alone."""

from __future__ import annotations

import math

from stressor.loop.finding import Finding
from stressor.loop.trace import Cycle, Operation, Step

__all__ = ["standalone"]

_FILE = '''\
"""{block}"""

from __future__ import annotations

import dataclasses

import pytest

from stressor.loop.finding import Cause, Divergence, FieldChange, Finding, Oracle
{imports}from stressor.report.block import failure_block
from stressor.search.replay import replay
from stressor.targets.loader import find_models

FINDING = Finding(
    target={target},
    specification={specification},
    seed={seed},
    divergence=Divergence(
        Oracle.{oracle},
        Cause.{cause},
        FieldChange({path}, before={before}, after={after}),
        step={step},
    ),
    trace=(
{trace}    ),
    cycle={cycle},
    cycles={cycles},
    found_in={found_in},
)


def {test}() -> None:
    (model,) = find_models([FINDING.specification])
    divergence = replay(FINDING, model)
    if divergence is not None:
        now = dataclasses.replace(FINDING, divergence=divergence)
        pytest.fail(f"{{FINDING.id}} diverges\\n{{failure_block(now, model.operations)}}", pytrace=False)
'''


def standalone(finding: Finding, block: str) -> str:
    """Return a pytest file that passes when `finding` is fixed, and else fails with its block.

    `block` is the finding's failure block, for the docstring. The file reaches the device by the
    finding's specification, so it runs where that is reachable from. Text from the target is
    written as literals only.
    """
    divergence = finding.divergence
    kinds = {type(step) for step in finding.trace}
    inner = any(isinstance(step, Cycle) and step.operations for step in finding.trace)
    names = ["Cycle"] if Cycle in kinds else []
    names += ["Operation"] if Operation in kinds or inner else []
    names += ["ResetMode"] if Cycle in kinds else []
    return _FILE.format(
        block=(block.rstrip("\n") + "\n").replace("\\", "\\\\").replace('"', '\\"'),
        imports=f"from stressor.loop.trace import {', '.join(names)}\n" if names else "",
        target=_literal(finding.target),
        specification=_literal(finding.specification),
        seed=finding.seed,
        oracle=divergence.oracle.name,
        cause=divergence.cause.name,
        path=_literal(divergence.first.path),
        before=_literal(divergence.first.before),
        after=_literal(divergence.first.after),
        step=divergence.step,
        trace="".join(f"        {_step(step)},\n" for step in finding.trace),
        cycle=finding.cycle,
        cycles=finding.cycles,
        found_in=finding.found_in,
        test="test_" + finding.id.lower().replace("-", "_"),
    )


def _step(step: Step) -> str:
    if isinstance(step, Operation):
        return f"Operation({_literal(step.name)}, {_literal(step.arguments)})"
    arguments = [f"ResetMode.{step.mode.name}"]
    if step.operations:
        arguments.append(
            "(" + "".join(f"{_step(operation)}, " for operation in step.operations).strip() + ")"
        )
    if step.damage:
        arguments.append(f"damage={_literal(step.damage)}")
    return f"Cycle({', '.join(arguments)})"


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        items = ", ".join(map(_literal, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, int) and not isinstance(value, bool) and value > 9:
        return f"{value:#x}"
    return ascii(value)
