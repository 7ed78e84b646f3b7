"""Traces survive JSON, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressor.loop.trace import Cycle, Operation, ResetMode, trace_from_json, trace_to_json

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
operations = st.builds(Operation, st.text(min_size=1), st.lists(plain, max_size=3).map(tuple))
cycles = st.builds(
    Cycle,
    st.sampled_from(ResetMode),
    st.lists(operations, max_size=2).map(tuple),
    st.just(()) | st.tuples(st.just("flip"), st.integers(0, 99)),
)


@given(st.lists(operations | cycles).map(tuple))
def test_a_trace_survives_json(trace: Any) -> None:
    assert trace_from_json(json.loads(json.dumps(trace_to_json(trace)))) == trace


@pytest.mark.parametrize(
    "data",
    [
        None, {}, [[]], [[1]], [{"cycle": "sideways"}], [{"cycle": "fresh", "extra": 1}],
        [{"cycle": "donor", "operations": [{"cycle": "fresh"}]}], [["write", {"hex": "00"}]],
        [["write", {"bytes": "zz"}]], [{"cycle": "fresh", "damage": [[]]}],
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"not |'|hex|neither|driven"):
        trace_from_json(data)
