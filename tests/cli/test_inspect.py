from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from stressor.cli import main
from tests.cli.conftest import CommandLine
from tests.vmstate.stream.images import image
from tests.vmstate.stream.samples import (
    description,
    device,
    field,
    full,
    header,
    memory,
    small,
    stored,
)

PC = "qemu-7.2-pc"


@pytest.fixture
def streams(command: CommandLine) -> CommandLine:
    """Three streams of two machines, and an image, in the project's folder."""
    machine = stored(PC)
    (command.folder / "before.mig").write_bytes(machine)
    (command.folder / "after.mig").write_bytes(stored("qemu-10.0-pc"))
    (command.folder / "odd.mig").write_bytes(odd())
    (command.folder / "disk.qcow2").write_bytes(image(("one", small()), ("two", small(b"\7\0\1"))))
    return command


def odd() -> bytes:
    """A stream with something of everything that a report has to say."""
    fields = [
        field("enabled", "bool", 1),
        field("tick", "timer", 8),
        field("deadline", "timer", 8),
        field("offset", "int16", 2),
        field("null", "nullptr", 1),
        field("data", "buffer", 40),
        field("empty", "unused_buffer", 40),
        field("levels", "uint8", 1, array_len=4),
        field("a_name_that_is_longer_than_its_column_has_room_for", "uint32", 4),
        field("escape\x1b[31m", "uint8", 1),
    ]
    more = {"vmsd_name": "dev/more", "version": 2, "fields": [field("more", "uint8", 1)]}
    body = b"\1" + (1000).to_bytes(8) + b"\xff" * 8 + b"\xff\xfe0" + bytes(range(40)) + bytes(40)
    body += b"\1\1\1\2" + b"\0\0\x12\x34" + b"\7" + b"\5\x08dev/more\0\0\0\2" + b"\x09"
    known = device("dev", *fields, subsections=[more], optional=True)
    sections = full("dev", body) + full("dev", body) + full("other", b"\1\2\3", section_id=3)
    ram = memory(b"\0" * 7 + b"\2\5board\0", ("board", 1 << 20))
    return header("board\x1b") + ram + sections + description(known, known, page_size=4096)


def test_a_stream_is_printed(streams: CommandLine) -> None:
    code, out, errors = streams("inspect", "before.mig", "--section", "i8254")

    streams.stored("inspect-section.txt", out)
    assert (code, errors) == (0, "")


def test_a_summary_comes_first_and_what_is_odd_is_said(streams: CommandLine) -> None:
    code, out, errors = streams("inspect", "odd.mig")

    streams.stored("inspect-odd.txt", out)
    assert (code, errors) == (0, "")


def test_two_streams_are_compared(streams: CommandLine) -> None:
    code, out, errors = streams("inspect", "before.mig", "after.mig")

    streams.stored("inspect-two.txt", out)
    assert (code, errors) == (1, "")


def test_sections_that_one_side_has_are_named(streams: CommandLine) -> None:
    code, out, _ = streams("inspect", "before.mig", "odd.mig")

    assert code == 1
    assert "\nonly in odd.mig\n  dev/0\n  dev/0#2\n  other/0\n" in out
    assert "\nonly in before.mig\n  timer/0\n" in out


def test_equal_streams_end_with_0(streams: CommandLine) -> None:
    code, out, _ = streams("inspect", "before.mig", "before.mig")

    assert code == 0
    assert out.splitlines()[-2:] == [
        "equal: 30 sections, every field",
        "guest memory: its blocks are compared, what its pages hold is not",
    ]


def test_only_the_sections_asked_for_are_compared(streams: CommandLine) -> None:
    same = streams("inspect", "before.mig", "after.mig", "--section", "i82*", "--section", "dma/1")
    other = streams("inspect", "before.mig", "after.mig", "--section", "hpet")

    assert same.code == 0
    assert "equal: 4 sections, every field" in same.out
    assert (other.code, "first divergence   hpet/0.num_timers" in other.out) == (1, True)


def test_a_snapshot_is_read_by_name(streams: CommandLine) -> None:
    code, out, _ = streams("inspect", "disk.qcow2", "--snapshot", "two", "--section", "dev")

    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["a", "uint8", "0x07"],
        ["b", "uint16", "0x0001"],
    ]


def test_json_is_one_document(streams: CommandLine) -> None:
    document = json.loads(streams.raw("inspect", "odd.mig", "--json"))

    assert document["format"] == 1
    assert document["configuration"] == {"machine": "board\x1b"}
    assert document["memory"] == {
        "page_size": 4096,
        "blocks": [{"name": "board", "length": 1 << 20}],
        "full": 0,
        "zero": 1,
        "packed": 0,
        "size": document["memory"]["size"],
    }
    first, second, other = document["sections"]
    assert (first["name"], first["instance"], first["occurrence"]) == ("dev", 0, 0)
    assert (second["occurrence"], first["optional"], other["described"]) == (1, True, False)
    assert first["fields"][0] == {
        "path": "dev/0.enabled",
        "type": "bool",
        "offset": first["offset"],
        "size": 1,
        "value": True,
    }
    assert other["fields"][0]["value"] == "010203"
    assert len(document["notes"]) == 2


def test_json_of_two_has_the_first_divergence_first(streams: CommandLine) -> None:
    document = json.loads(streams.raw("inspect", "before.mig", "after.mig", "--json"))

    assert document["equal"] is False
    assert document["differences"][0]["path"] == "configuration.machine"
    assert document["differences"][1]["after"] is None
    assert (document["only_before"], document["compared"]) == ([], 30)
    assert document["before"]["name"] == "before.mig"


def test_json_of_a_name_that_is_no_text_is_still_json(streams: CommandLine) -> None:
    data = header().replace(b"test", b"\xff\xfe\xfd\xfc") + small()[len(header()) :]
    (streams.folder / "name.mig").write_bytes(data)

    document = json.loads(streams.raw("inspect", "name.mig", "--json"))

    assert document["configuration"]["machine"] == r"\xff\xfe\xfd\xfc"


def test_standard_input_is_read(streams: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(small())))

    code, out, _ = streams("inspect", "-", "--section", "dev/0")

    assert code == 0
    assert out.startswith("dev/0   version 1, 3 bytes at 0x")


def test_a_pipe_is_read(streams: CommandLine) -> None:
    with open(streams.folder / "before.mig", "rb") as file:
        sender = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        done = subprocess.run(
            [sys.executable, "-m", "stressor", "inspect", "-", "before.mig"],
            stdin=sender.stdout,
            capture_output=True,
            text=True,
            cwd=streams.folder,
            env=streams.environment,
            check=False,
        )
    sender.communicate()

    assert done.returncode == 0, done.stderr
    assert "equal: 30 sections, every field" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["inspect"], 2, "Missing argument 'FILE'"),
        (["inspect", "gone.mig"], 2, "gone.mig: cannot be read: No such file or directory"),
        (["inspect", "."], 2, "Is a directory"),
        (["inspect", "-", "-"], 2, "both streams are standard input"),
        (["inspect", "before.mig", "--section", "nix"], 2, "no section is called nix; there are timer/0"),
        (["inspect", "before.mig", "--snapshot", "one"], 2, "is no qcow2 image; leave out --snapshot"),
        (["inspect", "disk.qcow2"], 2, "choose with --snapshot from one, two"),
        (["inspect", "pyproject.toml"], 3, "stream at byte 0: begins with 5b 74 6f 6f"),
        (["inspect", "cut.mig"], 3, "truncated"),
    ],
)  # fmt: skip
def test_what_cannot_be_inspected_is_said_in_one_line(
    streams: CommandLine, arguments: list[str], code: int, message: str
) -> None:
    (streams.folder / "cut.mig").write_bytes(stored(PC)[:5000])

    result = streams(*arguments)

    assert result.code == code
    assert message in result.errors
    assert result.errors.count("\n") == 1
    assert result.out == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_how_far_a_large_file_is_read(
    streams: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (0x28).to_bytes(8) + bytes(65536)
    pages = (0x08).to_bytes(8) + b"\1m" + bytes(65536) + page * 600
    large = header() + memory(pages, ("m", 1 << 20)) + description(page_size=65536)
    (streams.folder / "large.mig").write_bytes(large)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    assert main(["inspect", "before.mig", "--section", "dma"]) == 0
    assert terminal.getvalue() == ""
    assert main(["inspect", "large.mig"]) == 0
    assert "large.mig" in terminal.getvalue()


def test_of_two_files_the_damaged_one_is_named(streams: CommandLine) -> None:
    (streams.folder / "cut.mig").write_bytes((streams.folder / "before.mig").read_bytes()[:-100])

    result = streams("inspect", "before.mig", "cut.mig")

    assert (result.code, result.errors.startswith("stressor: error: cut.mig: ")) == (3, True)
