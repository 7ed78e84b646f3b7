from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stressor.findings.store import Store
from tests.cli.conftest import CommandLine

FORGETFUL = "devices/counter.py::Counter"


@pytest.fixture
def finding(command: CommandLine) -> str:
    command("run", FORGETFUL, "--seed", "1", "--cycles", "200")
    (finding,) = Store().all()
    return finding.id


def repair(folder: Path) -> None:
    file = folder / "devices" / "counter.py"
    file.write_text(
        file.read_text().replace('"counter", fields=[', '"counter", fields=[vm.u8("step"), ')
    )


def test_a_finding_that_still_fails(command: CommandLine, finding: str) -> None:
    code, out, errors = command("replay", finding[:5])

    command.stored("replay-failed.txt", out)
    assert (code, errors) == (1, "")


def test_a_finding_that_is_fixed(command: CommandLine, finding: str) -> None:
    repair(command.folder)

    code, out, _ = command("replay", finding)

    assert code == 0
    assert out == f"FIXED   {finding}  counter  never saved  counter/0.step\n"
    assert Store().find(finding).exists()


def test_a_finding_whose_device_is_gone_is_an_error(command: CommandLine, finding: str) -> None:
    (command.folder / "devices" / "counter.py").unlink()

    code, out, errors = command("replay", finding)

    assert code == 3
    assert out == f"ERROR   {finding}\n"
    assert errors.startswith("stressor: error: no such file or folder: devices/counter.py")


def test_a_finding_whose_operations_are_gone_is_an_error(
    command: CommandLine, finding: str
) -> None:
    file = Store().find(finding)
    file.write_text(file.read_text().replace('"trace": [', '"trace": [["gone", 1], '))

    code, _, errors = command("replay", finding)

    assert code == 3
    assert "counter no longer takes the operation 'gone'" in errors


def test_a_folder_is_replayed_whole(command: CommandLine, finding: str) -> None:
    (command.folder / ".stressor/findings/F-00000000.json").write_text("{}")
    repair(command.folder)

    code, out, errors = command("replay", ".stressor/findings")

    assert code == 3
    assert out.splitlines()[-1] == "2 findings: 1 fixed, 1 error"
    assert "F-00000000.json: not a finding" in errors


def test_a_file_is_replayed(command: CommandLine, finding: str) -> None:
    moved = Store().find(finding).rename(command.folder / "mine.json")

    code, out, _ = command("replay", "mine.json")

    assert code == 1
    assert f"\n    stressor replay {moved.name}\n" in out


def test_another_divergence_is_said_to_be_another(command: CommandLine, finding: str) -> None:
    file = command.folder / "devices" / "counter.py"
    file.write_text(file.read_text().replace("step", "stride"))

    code, out, _ = command("replay", finding)

    assert code == 1
    assert "not as it was found: what diverges now is another finding" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["replay", "F-ffffffff"], 2, "no finding F-ffffffff in .stressor/findings"),
        (["replay"], 2, "Missing argument"),
        (["replay", "devices"], 4, "no finding in devices"),
        (["show", "F-ffffffff"], 2, "no finding F-ffffffff"),
        (["show", "missing.json"], 2, "missing.json: cannot be read"),
    ],
)
def test_what_is_not_there_is_said(
    command: CommandLine, finding: str, arguments: list[str], code: int, message: str
) -> None:
    result = command(*arguments)

    assert result.code == code
    assert message in result.errors


def test_a_finding_from_a_newer_stressor_is_refused(command: CommandLine) -> None:
    (command.folder / "new.json").write_text('{"format": 99}')

    code, _, errors = command("show", "new.json")

    assert code == 2
    assert errors == (
        "stressor: error: new.json: written by a newer Stressor (format 99, this one reads 1); "
        "upgrade Stressor\n"
    )


def test_a_finding_is_shown(command: CommandLine, finding: str) -> None:
    code, out, errors = command("show", finding)

    command.stored("show.txt", out)
    assert (code, errors) == (0, "")


def test_a_finding_is_shown_also_without_its_device(command: CommandLine, finding: str) -> None:
    (command.folder / "devices" / "counter.py").unlink()

    code, out, _ = command("show", finding)

    assert (code, "counter/0.step" in out) == (0, True)


def run_as_test(command: CommandLine) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=command.folder,
        capture_output=True,
        text=True,
        check=False,
        env=command.environment,
    )


def test_a_finding_as_a_test_fails_until_it_is_fixed(command: CommandLine, finding: str) -> None:
    (command.folder / "test_it.py").write_text(command.raw("show", finding, "--python"))

    failing = run_as_test(command)
    repair(command.folder)
    passing = run_as_test(command)

    assert failing.returncode == 1
    assert "  first divergence   counter/0.step\n" in failing.stdout
    assert passing.returncode == 0


def test_everything_is_listed(command: CommandLine, finding: str) -> None:
    code, out, errors = command("list")

    command.stored("list.txt", out)
    assert (code, errors) == (0, "")


def test_a_list_without_devices_says_why(command: CommandLine) -> None:
    (command.folder / "devices" / "counter.py").unlink()

    code, out, _ = command("list")

    assert (code, "  none  no device in devices" in out) == (0, True)
    assert command("list", "nowhere").code == 2


def test_a_damaged_finding_hides_no_other_in_the_list(command: CommandLine, finding: str) -> None:
    (command.folder / ".stressor/findings/F-00000000.json").write_text("{}")

    out = command("list").out

    assert finding in out
    assert "  F-00000000  .stressor/findings/F-00000000.json: not a finding" in out
