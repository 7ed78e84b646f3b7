from __future__ import annotations

import pytest

from stressor.loop.finding import Value
from stressor.report.text import (
    clean,
    counted,
    duration,
    listed,
    megabytes,
    middle,
    plain,
    seconds,
    short,
)


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (0x41, 1, "0x41"),
        (0x41, 4, "0x00000041"),
        (7, 0, "7"),
        (0x41, 0, "0x41"),
        (-1, 4, "-1"),
        (-(1 << 80), 8, "-0x100000000000000000000"),
        (True, 1, "True"),
        (1.5, 8, "1.5"),
        (None, 0, "None"),
        ("", 0, "''"),
        (b"", 0, "no bytes"),
        (b"\x01\xff", 2, "01 ff"),
        (bytes(13), 0, "00 00 00 00 00 00 00 00 00 00 00 00 .. (13 bytes)"),
        (1 << 1000, 0, "0x10000000000000000000000000...0000000000000000000000000000"),
    ],
)
def test_values(value: Value, width: int, text: str) -> None:
    assert plain(value, width) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1500, "1.5 us"),
        (1_041_667, "1.04 ms"),
        (123_456_789, "123 ms"),
        (5_000_000_000, "5 s"),
        (5_000_000_000_000, "5000 s"),
    ],
)
def test_virtual_time(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0, "0.0 s"), (0.0001, "1 ms"), (0.04, "40 ms"), (0.0999, "0.1 s"), (9.9, "9.9 s"), (75, "75 s"), (600, "10 min"), (9000, "2.5 h")],
)
def test_host_time(amount: float, text: str) -> None:
    assert seconds(amount) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1.46, "1.5"),
        (9_870, "9,870"),
        (12_345, "12.3 k"),
        (999_960, "1,000 k"),
        (4_560_000, "4.56 M"),
        (1_234e9, "1,234 G"),
    ],
)
def test_numbers_in_three_digits(number: float, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 MB"), (222 << 20, "222 MB"), (7 << 29, "3.5 GB")])
def test_memory(size: int, text: str) -> None:
    assert megabytes(size) == text


def test_only_what_a_terminal_could_obey_is_escaped() -> None:
    assert clean("grün \x1b[1m\n\u200f") == r"grün \x1b[1m\n\u200f"


def test_the_middle_gives_way() -> None:
    assert middle("abcdefghij", 7) == "ab...ij"
    assert middle("abcdefg", 7) == "abcdefg"


def test_counts_have_commas_and_a_plural() -> None:
    assert (counted(1, "cycle"), counted(20_000, "cycle")) == ("1 cycle", "20,000 cycles")


def test_lists_are_broken_at_80_columns_and_bounded() -> None:
    assert (
        listed(["a" * 30, "b" * 30, "c" * 30], 10)
        == f"{'a' * 30}, {'b' * 30},\n{' ' * 10}{'c' * 30}"
    )
    assert listed(["a", "b", "c"], 0, 2) == "a, b and 1 more"
