from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

ADAPTED = """
from stressor.targets.adapter import adapt

class Plain:
    def save(self): return b""
    def load(self, data): pass
    def reset(self): pass

plain = adapt(Plain, save="save", load="load", reset="reset", operations={"reset": {}})
"""


def test_a_device_is_described(command: CommandLine) -> None:
    code, out, errors = command("describe", "devices/counter.py::Whole")

    command.stored("describe.json", out)
    assert (code, errors) == (0, "")


def test_every_device_of_a_folder_is_described(command: CommandLine) -> None:
    out = command("describe", "devices").out

    assert list(json.loads(out)) == ["counter", "counter.Whole"]


def test_what_is_described_can_be_checked(command: CommandLine) -> None:
    Path("old.json").write_text(command("describe", "devices").out)
    source = Path("devices/counter.py")
    source.write_text(
        source.read_text().replace(
            '"whole", fields', '"whole", version=2, minimum_version=1, fields'
        )
    )
    Path("new.json").write_text(command("describe", "devices").out)

    code, out, _ = command("check", "old.json", "new.json")

    assert code == 1
    assert out.startswith("old -> new: 0 breaks, 0 maybe\nnew -> old: 1 break, 0 maybe\n")


def test_an_adapted_class_is_left_out_and_said_so(command: CommandLine) -> None:
    Path("devices/plain.py").write_text(ADAPTED)

    code, out, errors = command("describe", "devices")

    assert (code, list(json.loads(out))) == (0, ["counter", "counter.Whole"])
    assert errors == "stressor: plain is left out: it is adapted, and has no description\n"


@pytest.mark.parametrize(
    ("targets", "code", "message"),
    [
        ([], 2, "Missing argument 'TARGET...'"),
        (["gone.py"], 2, "no such file or folder: gone.py"),
        (["pyproject.toml"], 2, "pyproject.toml is no Python file"),
        (["devices/plain.py"], 2, "none of these has a state description"),
        (["devices/empty.py"], 4, "no device in devices/empty.py"),
    ],
)
def test_errors_have_their_code(
    command: CommandLine, targets: list[str], code: int, message: str
) -> None:
    Path("devices/plain.py").write_text(ADAPTED)
    Path("devices/empty.py").write_text("")

    result = command("describe", *targets)

    assert (result.code, result.out) == (code, "")
    assert message in result.errors
