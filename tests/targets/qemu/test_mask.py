"""Fields left out of a digest, and which other bytes that is good for."""

from __future__ import annotations

import io
import json
import struct

import pytest

from stressor.targets.qemu.view import View
from stressor.vmstate.stream import Stream, read_stream

SHIFT = 0
"""The bytes of these tests are the stream's own."""

FIELDS = [
    {"name": "lost", "type": "uint16", "size": 2},
    {"name": "array", "array_len": 2, "type": "uint8", "size": 1},
    {"name": "kept", "type": "uint8", "size": 1},
]
MORE = {"vmsd_name": "serial/more", "version": 1, "fields": [{"name": "extra", "type": "uint8", "size": 1}]}


def devices(lost: int = 1, array: bytes = b"\2\3", kept: int = 4, more: int | None = None) -> bytes:
    body = struct.pack(">H2sB", lost, array, kept)
    if more is not None:
        body += b"\5\x0bserial/more" + struct.pack(">IB", 1, more)
    header = b"\x04" + struct.pack(">IB", 3, 6) + b"serial" + struct.pack(">II", 0, 1)
    return b"QEVM\0\0\0\3" + header + body + struct.pack(">BI", 0x7E, 3) + b"\0"


def read(data: bytes, more: bool = False) -> Stream:
    device = {
        "name": "serial", "instance_id": 0, "vmsd_name": "serial", "version": 1, "fields": FIELDS,
        "subsections": [MORE] if more else [],
    }  # fmt: skip
    text = json.dumps({"page_size": 4096, "devices": [device]}).encode()
    return read_stream(io.BytesIO(data + b"\x06" + struct.pack(">I", len(text)) + text))


def learnt(*hidden: str) -> View:
    view = View(None)
    view.learn(devices(), read(devices()), SHIFT, hidden)
    return view


def test_what_is_hidden_does_not_count_and_all_else_does() -> None:
    view = learnt("serial/0.lost")
    digest = view.digest_without(devices(), {"serial/0.lost"})

    assert digest is not None
    assert view.digest_without(devices(lost=0xFFFF), {"serial/0.lost"}) == digest
    assert view.digest_without(devices(kept=5), {"serial/0.lost"}) != digest
    assert view.digest_without(devices(array=b"\2\4"), {"serial/0.lost"}) != digest


@pytest.mark.parametrize(
    ("hidden", "changed"),
    [("serial/0.array[]", devices(array=b"\7\7")), ("serial/0.", devices(7, b"\7\7", 7))],
)
def test_an_array_and_a_whole_section_can_be_hidden(hidden: str, changed: bytes) -> None:
    view = learnt(hidden)

    assert view.digest_without(changed, {hidden}) == view.digest_without(devices(), {hidden}) is not None


def test_bytes_that_are_laid_out_otherwise_have_to_be_learnt() -> None:
    view = learnt("serial/0.lost")
    other = devices(more=9)

    assert view.digest_without(other, {"serial/0.lost"}) is None
    assert view.digest_without(devices(), {"serial/0.kept"}) is None

    view.learn(other, read(other, more=True), SHIFT, {"serial/0.lost"})
    digest = view.digest_without(other, {"serial/0.lost"})

    assert digest is not None
    assert view.digest_without(devices(lost=7, more=9), {"serial/0.lost"}) == digest
    assert view.digest_without(devices(more=8), {"serial/0.lost"}) != digest


def test_another_subsection_of_the_same_size_is_another_layout() -> None:
    view = View(None)
    one = devices(more=9)
    view.learn(one, read(one, more=True), SHIFT, ())

    assert view.digest_without(one, ()) is not None
    assert view.digest_without(one.replace(b"serial/more", b"serial/less"), ()) is None
