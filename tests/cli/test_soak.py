from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from stressor.findings.store import Store
from stressor.soak.history import History, SessionEnd
from stressor.soak.journal import Journal
from tests.cli.conftest import CommandLine
from tests.soak.test_executors import members, wait_for

FORGETFUL = "devices/counter.py::Counter"
WHOLE = "devices/counter.py::Whole"
SHORT = ("--jobs", "1", "--seed", "1", "--for", "1s")
LONGER = (*SHORT[:-1], "4s")
"""Where findings are replayed before, which on a machine with other work takes a while."""
JOURNAL = Path(".stressor/journal.sqlite")


def history() -> History:
    with Journal(JOURNAL) as journal:
        return journal.history()


def without_counts(out: str) -> str:
    return re.sub(r"\b\d+% of", "N% of", re.sub(r"\b\d[\d,]* (job|cycle)s?\b", r"N \1s", out))


def repair(command: CommandLine) -> None:
    file = command.folder / "devices" / "counter.py"
    file.write_text(file.read_text().replace('"counter", fields=[', '"counter", fields=[vm.u8("step"), '))


def test_a_clean_soak(command: CommandLine) -> None:
    code, out, errors = command("soak", WHOLE, *SHORT)

    command.stored("soak-clean.txt", without_counts(out))
    assert (code, errors) == (0, "")


def test_a_soak_with_a_finding_and_the_one_after_it(command: CommandLine) -> None:
    first = command("soak", FORGETFUL, *LONGER)
    command("findings", "known", "45ef", "--reason", "the driver sets it again")
    second = command("soak", FORGETFUL, *LONGER)
    repair(command)
    third = command("soak", FORGETFUL, *LONGER)

    command.stored("soak-new.txt", without_counts(first.out))
    command.stored("soak-known.txt", without_counts(second.out))
    command.stored("soak-gone.txt", without_counts(third.out))
    assert [run.code for run in (first, second, third)] == [1, 0, 0]
    assert Store().all()[0].divergence.first.path == "counter/0.step"


def test_what_is_found_is_listed_shown_and_pruned(command: CommandLine) -> None:
    command("soak", FORGETFUL, *SHORT)
    listed = command("findings", "list")
    shown = command("findings", "show", "45ef")
    repair(command)
    kept = command("findings", "prune", "--dry-run")
    pruned = command("findings", "prune")

    command.stored("findings-list.txt", re.sub(r"\b\dx", "Nx", listed.out))
    assert re.search(r"\nnew: seen \d times?, first in session 1\n$", shown.out)
    assert "cycle" in shown.out
    assert kept.out == pruned.out.replace("removed", "would be removed")
    assert pruned.out.splitlines()[-1] == "1 finding removed"
    assert Store().all() == []
    assert history().findings == ()


def test_what_still_fails_is_not_pruned(command: CommandLine) -> None:
    command("soak", FORGETFUL, *SHORT)

    assert command("findings", "prune").out == "0 findings removed\n"
    assert len(history().findings) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", WHOLE], "--resume goes on with the targets, the seed and the settings of the last soak"),
        (["--resume"], "no soak to resume; run `stressor soak` without --resume"),
        (["--jobs", "0"], "--jobs: the number of jobs is a whole number from 1"),
        (["--stop-when-quiet", "soon"], "--stop-when-quiet: a duration is a number and a unit"),
        (["devcies"], "no such file or folder: devcies; did you mean devices?"),
        (["--journal", "devices/counter.py"], "damaged: file is not a database; move it away"),
        (["--journal", "devices"], "devices: cannot be written: unable to open database file"),
    ],
)
def test_what_makes_no_sense_is_told(command: CommandLine, arguments: list[str], message: str) -> None:
    code, out, errors = command("soak", *arguments)

    assert (code, out) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


def test_a_known_file_that_is_wrong_is_told(command: CommandLine) -> None:
    Path("known.toml").write_text("[F-12345678]\ndate = 2026-11-28\n")

    code, _, errors = command("soak", WHOLE, *SHORT)

    assert (code, errors) == (2, 'stressor: error: known.toml: [F-12345678] says no reason; write reason = "..."\n')


def started(command: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    """Start a soak, and wait until it has some jobs behind it."""
    process = command.start("soak", *arguments, "--jobs", "2")
    wait_for(lambda: JOURNAL.exists() and _has_jobs(), 60)
    return process


def _has_jobs() -> bool:
    try:
        return bool(history().sessions[-1].cycles)
    except Exception:  # it is being made
        return False


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate(timeout=60)


def all_workers(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that any thread of a process started."""
    return [
        int(number)
        for thread in Path(f"/proc/{process.pid}/task").iterdir()
        for number in (thread / "children").read_text().split()
    ]


def test_ctrl_c_ends_a_soak_in_good_order(command: CommandLine) -> None:
    process = started(command, WHOLE, FORGETFUL)
    workers = all_workers(process)

    process.send_signal(signal.SIGINT)
    out, errors = ended(process)

    assert process.returncode == 130
    assert "interrupted after" in out
    assert errors == "\nstressor: stopping; Ctrl-C again aborts\n"
    assert history().sessions[0].end is SessionEnd.INTERRUPTED
    assert len(workers) == 2
    assert [members(worker) for worker in workers] == [[], []]
    assert sorted(path.name for path in JOURNAL.parent.iterdir()) == ["findings", "journal.sqlite", "summary.json"]


def test_a_killed_soak_goes_on_and_loses_no_finding(command: CommandLine) -> None:
    process = started(command, WHOLE, FORGETFUL, "--for", "600s")
    workers = all_workers(process)
    assert process.stdout is not None
    reported = next(line for line in process.stdout if line.startswith("F-")).split()[0]

    process.kill()
    ended(process)
    wait_for(lambda: not any(members(worker) for worker in workers))
    before = history()
    code, out, _ = command("soak", "--resume", "--for", f"{before.sessions[0].seconds + 2}s", "--jobs", "2")

    assert [one.finding.id for one in before.findings] == [reported]
    assert before.sessions[0].end is SessionEnd.UNFINISHED
    after = history()
    assert after.sessions[1].seed == before.sessions[0].seed
    assert [one.status for one in after.findings] == ["new"]
    assert f"{reported}  new  counter: it still fails" in out
    assert code == 1
    assert sum(one.cycles for one in after.targets) > sum(one.cycles for one in before.targets)


def test_a_soak_writes_into_the_project_and_goes_on_from_any_of_its_folders(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command.folder / "pyproject.toml").write_text("[tool.stressor]\n")
    below = command.folder / "one" / "two"
    below.mkdir(parents=True)

    monkeypatch.chdir(below)
    first = command("soak", *SHORT)
    monkeypatch.chdir(below.parent)
    second = command("soak", "--resume", "--for", "5s")

    assert (first.code, second.code) == (1, 1)
    assert "F-45ef4b54  new  counter: it still fails" in second.out
    assert [*below.parent.iterdir()] == [below]
    assert [*below.iterdir()] == []
    monkeypatch.chdir(command.folder)
    assert len(history().sessions) == 2
    assert [found.id for found in Store().all()] == ["F-45ef4b54"]


def test_a_killed_worker_costs_no_job(command: CommandLine) -> None:
    process = started(command, WHOLE, "--for", "6s", "--seed", "1")
    os.kill(all_workers(process)[0], signal.SIGKILL)
    out, errors = ended(process)

    assert (process.returncode, errors) == (0, "")
    assert "nothing diverged" in out
    (session,) = history().sessions
    assert session.jobs == {"done": sum(session.jobs.values())}
    assert session.restarts == 1
    assert history().targets[0].restarts == 1


def test_the_summary_is_there_for_machines_and_names_findings_also_where_they_are_replayed(command: CommandLine) -> None:
    summaries = []
    for _ in range(2):
        command("soak", FORGETFUL, *LONGER)
        summaries.append(json.loads(Path(".stressor/summary.json").read_text()))

    assert [summary["end"] for summary in summaries] == ["done", "done"]
    assert [summary["findings"] for summary in summaries] == [
        [
            {
                "id": "F-45ef4b54", "status": status, "target": "counter", "field": "counter/0.step",
                "cause": "never saved", "oracle": "load-restores",
            }
        ]
        for status in ("new", "open")
    ]  # fmt: skip


def test_a_signal_prints_the_summary(command: CommandLine) -> None:
    process = started(command, WHOLE, "--for", "600s")
    assert process.stdout is not None

    process.send_signal(signal.SIGUSR1)
    line = next(line for line in process.stdout if line.startswith("{"))
    process.send_signal(signal.SIGINT)
    ended(process)

    assert json.loads(line)["end"] == "unfinished"
