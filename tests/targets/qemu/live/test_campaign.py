"""A guest of one sector on a real QEMU: it goes on, or why it does not is told."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from stressor.errors import TargetError, UsageError
from stressor.findings.store import Store
from stressor.loop.finding import Cause, Finding, Oracle
from stressor.targets.qemu.live.campaign import LiveCampaign
from stressor.targets.qemu.live.machine import LiveMachine
from stressor.targets.qemu.live.model import LiveModel
from stressor.targets.qemu.live.specification import parse_live
from stressor.targets.qemu.process import QemuDisturbed
from tests.cli.conftest import CommandLine, command
from tests.targets.qemu.live.guests import (
    HANG,
    PANIC,
    REBOOT,
    SHUT_DOWN,
    boot_sector,
    specification,
)

__all__ = ["command"]

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

QUICK = ",period=20ms,silence=2s,heartbeat=beat"
IMPATIENT = ",period=20ms,silence=500ms,heartbeat=beat"


class Forgets(LiveMachine):
    """Loads one byte of the CMOS inverted."""

    paths: tuple[str, ...] = ("mc146818rtc/0.cmos_data",)

    def load(self, devices: bytes) -> None:
        super().load(self.altered(devices))

    def altered(self, devices: bytes) -> bytes:
        stream = self.parse(devices)
        assert stream is not None
        fields = [field for section in stream.sections for field in section.fields()]
        for path in self.paths:
            (field,) = (field for field in fields if field.path == path)
            at = field.offset - len(self.frame.start) + 8 + (field.size > 1) * 0x40
            devices = devices[:at] + bytes([devices[at] ^ 0xFF]) + devices[at + 1 :]
        return devices


class Masks(Forgets):
    """Loads also the mask of the interrupt controller inverted, so that the timer is not heard."""

    paths = (*Forgets.paths, "i8259/0.imr")


class Drains(Forgets):
    """Saves one byte of the CMOS inverted, every second time."""

    saves = 0

    def load(self, devices: bytes) -> None:
        LiveMachine.load(self, devices)

    def save(self) -> bytes:
        devices = super().save()
        self.saves += 1
        return self.altered(devices) if self.saves % 2 and self._frames else devices


class Truncates(LiveMachine):
    """Loads less than was saved."""

    def load(self, devices: bytes) -> None:
        super().load(devices[:200])


def run(text: str, cycles: int, machine: type[LiveMachine] = LiveMachine) -> tuple[LiveCampaign, list[Finding]]:
    campaign = LiveCampaign(parse_live(text), seed=1, oracles=list(Oracle), machine=machine)
    try:
        return campaign, [found for found in campaign.run(cycles) if found is not None]
    finally:
        campaign.close()


def said(findings: Sequence[Finding]) -> list[tuple[Oracle, Cause, str]]:
    return [
        (found.divergence.oracle, found.divergence.cause, found.divergence.first.path) for found in findings
    ]


def test_a_guest_goes_on_and_is_clean(tmp_path: Path) -> None:
    campaign, findings = run(specification(tmp_path, boot_sector(), QUICK), 10)

    assert findings == []
    assert (campaign.cycles, campaign.operations) == (10, 10)
    statistics = campaign.statistics
    notes = dict(statistics.notes)
    assert statistics.exercised > 20
    assert "heartbeats" in notes["guest"]
    assert "% of a period of 20 ms" in notes["stopped"]
    assert "globalstate/0 (0 times): says whether" in notes["may differ"]
    assert not any(label.startswith("mc146818rtc") for label in campaign._compares.declared)


def test_a_field_that_a_load_loses_is_named_and_counted(tmp_path: Path) -> None:
    text = specification(tmp_path, boot_sector(), f"{QUICK},only=mc146818rtc/*")

    campaign, (finding,) = run(text, 4, Forgets)

    divergence = finding.divergence
    assert said([finding]) == [(Oracle.LOAD_RESTORES, Cause.NOT_LOADED, "mc146818rtc/0.cmos_data[64]")]
    assert finding.cycle == 1
    assert divergence.first.before != divergence.first.after
    assert f"{finding.id}: 4 times in all" in dict(campaign.statistics.notes)["came again"]


def test_a_save_that_changes_a_field_is_named(tmp_path: Path) -> None:
    _, (finding, *_) = run(specification(tmp_path, boot_sector(), QUICK), 1, Drains)

    assert said([finding]) == [
        (Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, "mc146818rtc/0.cmos_data[64]")
    ]
    assert finding.divergence.labels == ("saved", "saved again")


def test_a_section_that_follows_the_hosts_clock_may_differ_and_is_shown(tmp_path: Path) -> None:
    text = specification(tmp_path, boot_sector(), QUICK) + " -rtc base=utc,clock=host"

    campaign, findings = run(text, 4, Forgets)

    assert findings == []
    assert campaign._compares.allowed["mc146818rtc/0"] >= 4
    assert any(
        text.endswith("times): follows the host's clock, as -rtc asks for")
        for _, text in campaign.statistics.notes
    )


def test_a_guest_that_a_cycle_ends_is_told_apart_from_one_that_ends_by_itself(tmp_path: Path) -> None:
    _, findings = run(specification(tmp_path, boot_sector(), f"{IMPATIENT},except=mc146818rtc/*"), 3, Masks)

    assert said(findings) == [
        (Oracle.LOAD_RESTORES, Cause.NOT_LOADED, "i8259/0.imr"),
        (Oracle.RESUMES_ALIKE, Cause.HUNG, "console"),
    ]
    assert findings[1].divergence.first.after == "silence for 0.5 s"
    assert findings[1].divergence.step == 2


@pytest.mark.parametrize(
    ("ending", "cause", "detail"),
    [
        (HANG, Cause.HUNG, "no heartbeat for 0.5 s of running; a guest without any cycle"),
        (PANIC, Cause.CRASHED, "the guest panicked; a guest without any cycle"),
        (REBOOT, Cause.CRASHED, "the guest rebooted; a guest without any cycle"),
        (SHUT_DOWN, Cause.CRASHED, "the guest shut down; a guest without any cycle"),
    ],
    ids=["hangs", "panics", "reboots", "shuts down"],
)
def test_a_guest_that_ends_by_itself_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: bytes, cause: Cause, detail: str
) -> None:
    monkeypatch.setattr("stressor.targets.qemu.live.campaign._LOST", 1)
    _, findings = run(specification(tmp_path, boot_sector(ending, 4), IMPATIENT), 200)

    assert said(findings) == [(Oracle.RUNS_ALONE, cause, "console")]
    assert findings[0].divergence.detail.startswith(detail)
    assert findings[0].divergence.first.before == "beat"


def test_a_qemu_that_somebody_kills_is_no_finding_and_leaves_nothing(tmp_path: Path) -> None:
    campaign = LiveCampaign(
        parse_live(specification(tmp_path, boot_sector(), QUICK)), seed=1, oracles=list(Oracle)
    )
    folders: list[Path] = []

    def kill_it_meanwhile() -> None:
        for _ in campaign.run(None):
            if campaign.cycles == 3 and not folders:
                process = campaign._guests[0].process
                folders.append(process.folder)
                os.kill(process.pid, signal.SIGKILL)

    with closing(campaign), pytest.raises(QemuDisturbed, match=r"killed by somebody else.*; command: "):
        kill_it_meanwhile()

    assert not folders[0].exists()


def test_a_state_that_qemu_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    _, findings = run(specification(tmp_path, boot_sector(), QUICK), 1, Truncates)

    assert [found.divergence.oracle for found in findings] == [Oracle.LOAD_RESTORES]
    assert findings[0].divergence.cause in (Cause.REJECTED, Cause.CRASHED)


def test_a_finding_is_replayed_by_running_the_same_again(tmp_path: Path) -> None:
    text = specification(tmp_path, boot_sector(), f"{QUICK},only=mc146818rtc/*")
    _, (finding,) = run(text, 1, Forgets)

    again = LiveModel(text, Forgets).replay(finding)
    repaired = LiveModel(text).replay(finding)

    assert again is not None
    assert again.fingerprint(finding.target) == finding.fingerprint
    assert repaired is None


def test_the_verbs_work_on_findings_of_a_guest(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressor.targets.qemu.live.campaign._LOST", 1)
    text = specification(command.folder, boot_sector(HANG, 4), IMPATIENT)
    target, _, arguments = text.partition(" -- ")

    code, out, errors = command("run", target, "--cycles", "200", "--", *shlex.split(arguments))

    assert (code, errors) == (1, "")
    assert "\n    then             silence for N s    hung\n" in out
    assert "; 1 of 1 guests lost\n" in out
    (finding,) = Store().all()
    shown, replayed = command("show", finding.id), command("replay", finding.id)
    assert (shown.code, replayed.code) == (0, 1)
    assert "  >  1  run    guest 20 ms                <- diverges here" in shown.out
    assert replayed.out.startswith(f"FAILED  {finding.id}  qemu:live -drive format=raw,if=floppy,readonly=on  hung")


def test_a_guest_without_a_heartbeat_is_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stressor.targets.qemu.live.campaign._BOOT", 2.0)
    text = specification(tmp_path, boot_sector(), ",heartbeat=never")

    with pytest.raises(TargetError, match=r"no heartbeat within 2\.\d s; on its console last: 'beat'"):
        run(text, 1)


def test_a_pattern_that_fits_no_section_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no section fits 'e1000\*'; there are timer/0, "):
        run(specification(tmp_path, boot_sector(), ",only=e1000*"), 1)


def test_a_guest_that_is_not_there_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no guest; give --kernel vmlinuz .*apt-get install linux-image"):
        LiveModel("qemu:live")
    with pytest.raises(UsageError, match="-kernel nosuch: there is no such file; give --kernel"):
        LiveModel("qemu:live -- -kernel nosuch")
    file = tmp_path / "vmlinuz"
    file.touch(0o000)
    if not os.access(file, os.R_OK):
        with pytest.raises(UsageError, match=r"cannot be read; `sudo chmod a\+r "):
            LiveModel(f"qemu:live -- -kernel {file}")
