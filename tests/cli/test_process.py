"""What only a process of its own can show: signals, pipes, terminals, imports."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from stressor.cli.interruption import Interruption
from tests.cli.conftest import CommandLine

WHOLE = "devices/counter.py::Whole"


def test_the_first_ctrl_c_ends_the_run_and_writes_every_report(command: CommandLine) -> None:
    process = command.start("run", WHOLE, "--for", "60s", "--json", "events.jsonl")
    assert process.stdout is not None
    header = process.stdout.readline()

    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)

    assert header.startswith("stressor ")
    assert process.returncode == 130
    assert out.splitlines()[-1].startswith("interrupted after ")
    assert "stressor: stopping; Ctrl-C again aborts" in errors
    assert (
        '"event":"run-finished"' in (command.folder / "events.jsonl").read_text().splitlines()[-1]
    )


def test_the_second_ctrl_c_aborts() -> None:
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_as_it_was_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)

    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before


def test_a_reader_that_goes_away_is_no_fault(command: CommandLine) -> None:
    process = command.start("run", "--cycles", "2000")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == ""
    process.stderr.close()


def on_terminal(command: CommandLine, environment: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    process = command.start(
        "run",
        WHOLE,
        "--cycles",
        "3000",
        stdout=theirs,
        environment={"TERM": "xterm", **environment},
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    process.communicate(timeout=60)
    return b"".join(pieces).decode()


def test_a_terminal_gets_colour(command: CommandLine) -> None:
    assert "\x1b[32;1mclean: " in on_terminal(command, {})


def test_no_color_takes_the_colour_and_leaves_the_progress(command: CommandLine) -> None:
    text = on_terminal(command, {"NO_COLOR": "1"})

    assert "\x1b[32;1m" not in text
    assert "\r\nclean: 1 device, 3,000 cycles" in text


def test_a_dumb_terminal_gets_plain_text(command: CommandLine) -> None:
    assert "\x1b" not in on_terminal(command, {"TERM": "dumb"})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["list", "--help"]]
)
def test_help_is_quick(command: CommandLine, arguments: list[str]) -> None:
    program = (
        "import sys; from stressor.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'hypothesis', 'rich'} & set(sys.modules); sys.exit(f'imports {heavy}' if heavy else code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=command.environment,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", ["click", "stressor.cli.run", "hypothesis"])
def test_ctrl_c_while_a_module_is_imported_is_quiet(command: CommandLine, module: str) -> None:
    program = f"""
import os, signal, sys

class Presses:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Presses())
from stressor.cli import main
sys.exit(main(sys.argv[1:]))
"""

    done = subprocess.run(
        [sys.executable, "-c", program, "run", WHOLE, "--cycles", "20"],
        capture_output=True, text=True, check=False, cwd=command.folder, env=command.environment,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stressor: error: aborted\n")


def test_the_version_is_printed(command: CommandLine) -> None:
    assert command("--version").out.startswith("stressor 0.")


def test_without_a_verb_the_help_is_printed(command: CommandLine) -> None:
    code, _, errors = command()

    assert code == 2
    assert errors.startswith("Usage: stressor [OPTIONS] COMMAND")


def test_an_unknown_verb_is_one_line(command: CommandLine) -> None:
    code, _, errors = command("rum")

    assert code == 2
    assert errors.startswith("stressor: error: No such command 'rum'")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("stdout", "code", "message"), [("/dev/full", 3, "standard output: No space left"), (None, 0, "")])
def test_an_output_that_is_full_or_closed_is_not_our_fault(
    command: CommandLine, stdout: str | None, code: int, message: str
) -> None:
    redirected = ">&-" if stdout is None else f">{stdout}"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m stressor list {redirected}', sys.executable],
        cwd=command.folder, env=command.environment, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, message in done.stderr, "fault of Stressor" in done.stderr) == (code, True, False)
