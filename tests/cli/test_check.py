from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressor.vmstate.dump import Dump, DumpedDescription, encode_dump
from tests.cli.conftest import HERE, CommandLine
from tests.stored import assert_stored
from tests.vmstate.check.dumps import described, dump, field, stored_bytes, unused

FIFO = described(field("data", 1, count=16), field("head"), name="uart/fifo")
OLD = described(
    field("ier", 1),
    field("lcr", 1),
    unused(2),
    field("divider", 2),
    name="uart",
    subsections=(FIFO,),
)
NEW = described(
    field("ier", 1),
    field("core.lcr", 1),
    field("mcr", 2),
    field("divider", 4),
    field("fcr", 1, since=2),
    name="uart",
    version=2,
)
GROWN = described(
    *OLD.fields, field("fcr", 1, since=2), name="uart", version=2, subsections=(FIFO,)
)
RTC = described(field("offset", 8), name="rtc")


def write(name: str, *descriptions: DumpedDescription, machine: str = "board") -> None:
    Path(name).write_bytes(encode_dump(dump(*descriptions, machine=machine)))


@pytest.fixture
def files(command: CommandLine) -> None:
    write("old.json", OLD, RTC)
    write("new.json", NEW, machine="board-2")
    write("grown.json", GROWN, RTC)


pytestmark = pytest.mark.usefixtures("files")


def test_what_breaks_is_said(command: CommandLine) -> None:
    code, out, errors = command("check", "old.json", "new.json")

    command.stored("check.txt", out)
    assert (code, errors) == (1, "")


def test_all_is_said(command: CommandLine) -> None:
    command.stored("check-verbose.txt", command("check", "-v", "old.json", "new.json").out)


def test_the_result_is_json(command: CommandLine) -> None:
    code, out, errors = command("check", "--json", "old.json", "new.json")

    assert_stored(HERE / "check.json", out)  # some lines are longer than 80 columns
    assert (code, errors) == (1, "")
    assert json.loads(out)["format"] == 1


def test_two_releases_of_qemu(command: CommandLine) -> None:
    Path("qemu-7.2.json").write_bytes(stored_bytes("qemu-7.2-x86_64"))
    Path("qemu-10.0.json").write_bytes(stored_bytes("qemu-10.0-x86_64"))

    code, out, errors = command("check", "qemu-7.2.json", "qemu-10.0.json")

    command.stored("check-qemu.txt", out)
    assert (code, errors) == (1, "")


def test_what_is_the_same_is_clean(command: CommandLine) -> None:
    code, out, errors = command("check", "old.json", "old.json")

    assert (code, errors) == (0, "")
    assert out.startswith("old -> new: 0 breaks, 0 maybe\nnew -> old: 0 breaks, 0 maybe\n\n")


@pytest.mark.parametrize(
    ("direction", "code", "verdicts"),
    [
        ("both", 1, ["old -> new: 0 breaks, 0 maybe", "new -> old: 2 breaks, 0 maybe", ""]),
        ("forward", 0, ["old -> new: 0 breaks, 0 maybe", ""]),
        ("backward", 1, ["new -> old: 2 breaks, 0 maybe", ""]),
    ],
)
def test_the_exit_code_is_that_of_the_directions_asked_for(
    command: CommandLine, direction: str, code: int, verdicts: list[str]
) -> None:
    result = command("check", "old.json", "grown.json", "--direction", direction)

    assert result.code == code
    assert result.out.splitlines()[: len(verdicts)] == verdicts


def test_what_is_only_maybe_is_clean(command: CommandLine) -> None:
    write("old.json", OLD)
    write("new.json", described(*OLD.fields, name="uart"))

    code, out, _ = command("check", "old.json", "new.json")

    assert out.startswith("old -> new: 0 breaks, 1 maybe\n")
    assert code == 0


def test_accepted_differences_do_not_count_and_stale_ones_are_named(command: CommandLine) -> None:
    Path("accepted.toml").write_text(
        '[[ignore]]\npath = "uart/fcr"\nreason = "released as version 2"\n'
        '[[ignore]]\nkind = "version"\nreason = "one way only"\n'
        '[[ignore]]\npath = "rtc/*"\nkind = "moved"\nreason = "from before 1.0"\n'
    )

    code, out, errors = command("check", "old.json", "grown.json", "--ignore", "accepted.toml")

    command.stored("check-ignored.txt", out)
    assert (code, errors) == (0, "")


def test_accepted_and_stale_are_in_the_json(command: CommandLine) -> None:
    Path("accepted.toml").write_text(
        '[[ignore]]\npath = "uart/fcr"\nreason = "released"\n'
        '[[ignore]]\npath = "pit"\nreason = "gone"\n'
    )

    out = command("check", "old.json", "grown.json", "--json", "--ignore", "accepted.toml").out

    result = json.loads(out)
    assert [(each["path"], each["because"]) for each in result["ignored"]] == [("fcr", "released")]
    assert result["stale"] == [{"path": "pit", "kind": None, "reason": "gone"}]
    assert [each["kind"] for each in result["differences"]] == ["version"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["old.json"], 2, "Missing argument 'NEW.json'"),
        (["old.json", "gone.json"], 2, "no such file: gone.json"),
        (["old.json", "new.json", "--ignore", "gone.toml"], 2, "gone.toml: No such file"),
        (["old.json", "new.json", "--direction", "up"], 2, "'up' is not one of"),
        (["old.json", "devices/counter.py"], 3, "counter.py: is no dump: expected `object`"),
        (["devices", "new.json"], 3, "devices: cannot be read: Is a directory"),
    ],
)
def test_errors_are_one_line_and_have_their_code(
    command: CommandLine, arguments: list[str], code: int, message: str
) -> None:
    result = command("check", *arguments)

    assert (result.code, result.out) == (code, "")
    assert message in result.errors
    assert result.errors.count("\n") == 1


def test_text_from_a_dump_cannot_steer_the_terminal(command: CommandLine) -> None:
    write("old.json", described(name="\x1b[2J"), machine="\x1b[3J")
    write("new.json", described(field("\x1b[4J"), name="\x1b[2J"))

    result = command("check", "-v", "old.json", "new.json")

    assert "\x1b" not in result.out
    assert r"\x1b[4J" in result.out


def test_a_dump_without_devices_shows_nothing(command: CommandLine) -> None:
    Path("empty.json").write_bytes(encode_dump(Dump("", {})))

    result = command("check", "empty.json", "empty.json")

    assert (result.code, "empty.json: holds no device" in result.errors) == (3, True)
