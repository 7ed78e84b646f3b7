"""Which bytes of a machine's state are looked at."""

from __future__ import annotations

import io
import struct

from stressor.targets.qemu.view import View
from stressor.vmstate.stream import read_stream


def section(name: str, body: bytes, number: int, instance: int = 0) -> bytes:
    header = struct.pack(">BIB", 4, number, len(name)) + name.encode() + struct.pack(">II", instance, 1)
    return header + body + struct.pack(">BI", 0x7E, number)


def devices(clock: bytes = b"c" * 24, serial: bytes = b"\1\2") -> bytes:
    parts = section("timer", clock, 2), section("serial", serial, 3), section("serial", b"\3", 4, 1)
    return b"QEVM\0\0\0\3" + b"".join(parts) + b"\0"


def test_of_a_board_everything_counts_but_the_clock() -> None:
    view = View(None)

    assert view.cut(devices(clock=b"a" * 24)) == view.cut(devices(clock=b"b" * 24))
    assert view.cut(devices(serial=b"\1\2")) != view.cut(devices(serial=b"\1\3"))


def test_of_a_board_the_processor_that_counts_time_does_not_count() -> None:
    def board(registers: bytes, other: bytes) -> bytes:
        parts = section("cpu", registers, 2), section("cpu", other, 3, 1)
        return b"QEVM\0\0\0\3" + b"".join(parts) + b"\0"

    view = View(None)

    assert view.cut(board(b"\1\2", b"\5")) == view.cut(board(b"\3\4", b"\5"))
    assert view.cut(board(b"\1\2", b"\5")) != view.cut(board(b"\1\2", b"\6"))


def test_of_a_device_its_own_sections_count() -> None:
    assert View({"serial/1", "serial/0"}).cut(devices()) == b"\1\2\3"
    assert View({"serial/1"}).cut(devices()) == b"\3"


def test_a_device_without_a_section_saves_nothing() -> None:
    assert View(()).cut(devices()) == b""
    assert View({"gone/0"}).cut(devices()) == b""


def test_two_sections_of_one_name_and_instance_are_told() -> None:
    def labels(*sections: bytes) -> tuple[str, ...]:
        text = b'{"devices": []}'
        description = b"\x06" + len(text).to_bytes(4) + text
        stream = read_stream(io.BytesIO(b"QEVM\0\0\0\3" + b"".join(sections) + b"\0" + description))
        return View(None).doubled(stream)

    first, second = section("serial", b"\1", 3), section("serial", b"\2", 4)

    assert labels(first, second) == ("serial/0#2",)
    assert labels(first, section("serial", b"\2", 4, 1)) == ()


def test_a_section_that_moved_grew_or_went_is_not_looked_for_where_it_was() -> None:
    view = View({"serial/1", "serial/0"})
    first = view.cut(devices())

    assert view.cut(devices(clock=b"c" * 99)) == first
    assert view.cut(devices(serial=b"\1\2\5\6")) == b"\1\2\5\6\3"
    assert view.cut(devices(serial=b"\1")) == b"\1\3"
    assert view.cut(section("timer", bytes(24), 2)) == b""
    assert view.cut(devices()) == first
