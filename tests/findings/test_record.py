from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressor.errors import RecordError
from stressor.findings.record import FORMAT, LARGEST_FILE, decode, encode, read, schema
from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Finding, Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode
from tests.findings.samples import FORGOTTEN_FIFO, LOST_INTERRUPT
from tests.stored import assert_current

any_text = st.text(st.characters(exclude_categories=()))
texts = st.text(max_size=20)
integers = st.integers() | st.integers(2**1022, 2**1026) | st.booleans()
plain = st.none() | integers | st.floats(allow_nan=False) | any_text | st.binary()
counts = st.integers(0, 2**40)
operations = st.builds(
    Operation,
    texts,
    st.lists(
        st.recursive(plain, lambda inner: st.lists(inner, max_size=3).map(tuple)), max_size=4
    ).map(tuple),
)
cycles = st.builds(
    Cycle,
    st.sampled_from(ResetMode),
    st.lists(operations, max_size=2).map(tuple),
    st.just(()) | st.tuples(texts, st.integers(0, 2**30)),
)
changes = st.builds(FieldChange, texts, plain, plain, plain | st.just(ABSENT), st.integers(0, 8))
divergences = st.builds(
    Divergence,
    oracle=st.sampled_from(Oracle),
    cause=st.sampled_from(Cause),
    first=changes,
    step=counts,
    mode=st.none() | st.sampled_from(ResetMode),
    labels=st.tuples(texts, texts),
    detail=texts,
    also=st.lists(changes, max_size=3).map(tuple),
    equal=counts,
    declared=st.none() | texts,
    last_written=st.none() | counts,
    snapshot_before=st.binary(),
    snapshot_after=st.binary(),
)


def _within(finding: Finding) -> Divergence:
    """Return its divergence at a step that the trace has."""
    return dataclasses.replace(finding.divergence, step=finding.divergence.step % max(1, len(finding.trace)))


findings = st.builds(
    Finding,
    target=texts,
    specification=texts,
    seed=st.integers(0, 2**64 - 1),
    divergence=divergences,
    trace=st.lists(operations | cycles, max_size=5).map(tuple),
    cycle=counts,
    cycles=counts,
    seconds=st.floats(0, 1e6),
    found_in=counts,
).map(lambda found: dataclasses.replace(found, divergence=_within(found)))


@given(findings)
def test_a_finding_survives_the_round_trip(finding: Finding) -> None:
    again = decode(encode(finding), "f.json")

    assert again == finding
    assert repr(again) == repr(finding)  # also tells 1 from True and 0.0 from -0.0


def test_a_nan_survives_the_round_trip() -> None:
    finding = dataclasses.replace(FORGOTTEN_FIFO, trace=(Operation("set", (math.nan,)),))

    again = decode(encode(finding), "f.json")

    assert repr(again.trace) == repr(finding.trace)


def test_the_file_is_readable_and_its_keys_have_one_order() -> None:
    text = encode(FORGOTTEN_FIFO).decode()

    assert text.startswith(f'{{\n  "format": {FORMAT},\n  "id": "{FORGOTTEN_FIFO.id}",\n')
    assert json.loads(text)["trace"] == [["io.write", 2, 1, 1], ["receive", 65], {"cycle": "fresh"}]
    assert json.loads(text)["divergence"]["snapshot_before"] == "0102"


def test_text_that_no_file_can_hold_does_not_lose_the_finding() -> None:
    detail = "bad \ud800 text"
    divergence = dataclasses.replace(FORGOTTEN_FIFO.divergence, detail=detail)

    again = decode(encode(dataclasses.replace(FORGOTTEN_FIFO, divergence=divergence)), "f.json")

    assert again.divergence.detail == "bad \\ud800 text"


def test_a_newer_format_is_refused_with_the_cure() -> None:
    data = json.dumps({"format": FORMAT + 1, "unheard": "of"}).encode()

    with pytest.raises(RecordError, match=r"f\.json: written by a newer Stressor .*; upgrade"):
        decode(data, "f.json")


def changed(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(FORGOTTEN_FIFO)), **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        encode(FORGOTTEN_FIFO)[:-20],
        changed(format=0),
        changed(format="1"),
        changed(seed="1"),
        changed(unheard="of"),
        changed(cycle=-1),
        changed(target="another"),
        changed(trace=[{"cycle": "warm"}]),
        changed(trace=[["set", {"bytes": "zz"}]]),
        changed(trace=[["set", {"pickle": "00"}]]),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_damage_is_refused_with_the_cure(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"f\.json: not a finding: .*; the file is damaged"):
        decode(data, "f.json")


@given(st.data())
def test_no_cut_or_flip_gives_anything_but_a_finding_or_a_refusal(data: st.DataObject) -> None:
    encoded = bytearray(encode(LOST_INTERRUPT))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))

    try:
        again = decode(bytes(encoded[: data.draw(st.integers(place, len(encoded)))]), "f.json")
    except RecordError:
        return
    assert isinstance(again, Finding)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "F-1.json"
    with file.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)

    with pytest.raises(RecordError, match="larger than 16 MB"):
        read(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        read(tmp_path / "F-1.json")


def test_the_published_schema_is_current() -> None:
    assert_current("finding.schema.json", schema())


def test_a_finding_with_nothing_to_run_is_none() -> None:
    cut = dataclasses.replace(FORGOTTEN_FIFO, trace=())

    with pytest.raises(RecordError, match=r"not a finding: it diverges at step 3, and its trace has none"):
        decode(encode(cut), "f.json")
