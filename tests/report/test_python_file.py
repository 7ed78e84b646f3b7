from __future__ import annotations

import ast
import dataclasses
import math

from hypothesis import given

from stressor.loop.finding import FieldChange, Finding
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.report.block import failure_block
from stressor.report.python_file import standalone
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.findings.test_record import findings


def written(finding: Finding) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(standalone(finding, failure_block(finding)), names)
    return names


@given(findings)
def test_every_finding_becomes_a_file_with_the_same_trace(finding: Finding) -> None:
    again = written(finding)["FINDING"]

    assert isinstance(again, Finding)
    assert repr(again.trace) == repr(finding.trace)
    assert again.id == finding.id
    assert again.specification == finding.specification


def test_the_docstring_is_the_failure_block() -> None:
    assert written(FORGOTTEN_FIFO)["__doc__"] == failure_block(FORGOTTEN_FIFO)


def test_hostile_text_stays_text() -> None:
    trap = '"""\\"""\nraise SystemExit\n"""{0}\''
    divergence = dataclasses.replace(
        FORGOTTEN_FIFO.divergence, first=FieldChange(trap, trap, math.inf), detail=trap
    )
    finding = dataclasses.replace(
        FORGOTTEN_FIFO,
        target=trap,
        specification=trap,
        divergence=divergence,
        trace=(Operation(trap, (trap, math.inf)), Cycle(ResetMode.FRESH, damage=(trap, 3))),
    )

    assert repr(written(finding)["FINDING"]).startswith(
        repr(
            Finding(
                trap,
                trap,
                finding.seed,
                dataclasses.replace(
                    divergence,
                    step=2,
                    mode=None,
                    detail="",
                    also=(),
                    equal=0,
                    declared=None,
                    last_written=None,
                    snapshot_before=b"",
                    snapshot_after=b"",
                    first=FieldChange(trap, trap, math.inf),
                ),
                finding.trace,
            )
        )[:200]
    )


def test_nothing_is_imported_that_is_not_used() -> None:
    for finding in (FORGOTTEN_FIFO, LOST_INTERRUPT, dataclasses.replace(FORGOTTEN_FIFO, trace=())):
        tree = ast.parse(standalone(finding, "block"))
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        } - {"annotations"}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert imported - used == set()
