"""`stressor audit` as it is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stressor.cli import main


def test_the_table_says_what_was_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["audit", "devices/i8259.py::I8259", "--loss", "dropped", "--cycles", "200"])
    screen = capsys.readouterr().out

    assert code == 0
    assert screen.endswith("noticed 16 of 16 losses (100.0%), named 16 (100.0%)\n")
    assert all(len(line) <= 80 for line in screen.splitlines())


def test_what_is_not_noticed_is_named_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["audit", "devices/hpet.py", "--loss", "at reset", "--cycles", "50", "--equivalent", "/dev/null"])
    screen = capsys.readouterr().out

    assert code == 1
    assert "not noticed    at reset hpet/0.num_timers: never left its reset value" in screen


def test_less_can_be_enough(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["audit", "devices/hpet.py", "--loss", "at reset", "--cycles", "50", "--equivalent", "/dev/null", "--require", "20"]
    )

    assert code == 0


def test_a_section_chooses_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "devices/i8259.py::I8259Pair", "--loss", "dropped", "--cycles", "100", "--section", "i8259/1"])

    assert "of 16 losses" in capsys.readouterr().out


def test_nothing_lost_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "devices/i8259.py::I8259", "--loss", "never needed"]) == 4


@pytest.mark.slow
@pytest.mark.qemu
def test_fields_of_a_real_qemu_device_are_lost_in_its_stream() -> None:
    words = ["audit", "qemu:i6300esb", "--cycles", "24", "--loss", "at reset", "--require", "0", "-v"]
    done = subprocess.run(
        [sys.executable, "-m", "stressor", *words], capture_output=True, text=True, timeout=240, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "noticed        at reset 0000:00:02.0/i6300esb_wdt/0.dev.config[]" in done.stdout


def test_a_section_that_is_not_there_is_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["audit", "devices/i8259.py::I8259Pair", "--loss", "dropped", "--cycles", "20", "--section", "nope"])

    assert code == 2
    assert "no section is called nope; there are i8259/0, i8259/1" in capsys.readouterr().err
