"""Drivers on a real QEMU: transactions as operations, shown under names, undone after a donor."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressor.errors import TargetError, UsageError
from stressor.loop.cycle import Checks
from stressor.loop.finding import Oracle
from stressor.loop.investigate import investigate
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.lines import qtest_lines
from stressor.targets.qemu.model import QemuModel, qemu_model

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64 on the PATH"),
]

FACTORIALS = """\
from hypothesis import strategies as st

from stressor import Driver
from stressor.device import operation


class Factorials(Driver):
    region = "edu-mmio"
    names = {8: "factorial"}

    def __init__(self):
        self.buffer = self.allocate(64)
        self.calls = 0

    @operation(of=st.integers(0, 12))
    def compute(self, of):
        self.registers.write(8, of)
        self.registers.wait(0x20, 1, 0, patience=5.0)
        return self.registers.read(8)

    @operation
    def look(self):
        self.registers.show(8)

    @operation(data=st.binary(min_size=1, max_size=64))
    def remember(self, data):
        self.calls += 1
        self.memory.write(self.buffer, data)

    @operation
    def recall(self):
        self.memory.read(self.buffer, 64, "the buffer")
        return self.calls
"""


@pytest.fixture(scope="module")
def edu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QemuModel]:
    file = tmp_path_factory.mktemp("drivers") / "factorials.py"
    file.write_text(FACTORIALS)
    model = qemu_model(f"qemu:edu,operations={file}")
    yield model
    model.close()


def test_a_transaction_shows_what_it_reads_under_the_register_s_name(edu: QemuModel) -> None:
    target = edu.open()

    shown = target.execute([Operation("edu-mmio.compute", (5,))])

    target.close()
    assert shown[1:] == [("line", "edu-mmio+0x8 (factorial)", 120), 120]
    assert shown[0] == ("line", "edu-mmio+0x20", 0)


def test_a_donor_leaves_memory_and_what_the_driver_knows_alone(edu: QemuModel) -> None:
    target = edu.open()
    target.execute([Operation("edu-mmio.remember", (b"before",))])
    snapshot = target.save()

    elsewhere = (Operation("edu-mmio.remember", (b"elsewhere",)),)
    target.reset(Cycle(ResetMode.DONOR, elsewhere), snapshot)
    target.load(snapshot)

    shown = target.execute([Operation("edu-mmio.recall")])
    target.close()
    assert shown == [("line", "the buffer", b"before".ljust(64, b"\0")), 1]


@pytest.mark.parametrize("mode", [ResetMode.IN_PLACE, ResetMode.FRESH])
def test_memory_and_driver_go_on_after_a_cycle(edu: QemuModel, mode: ResetMode) -> None:
    target = edu.open()
    target.execute([Operation("edu-mmio.remember", (b"before",))])
    snapshot = target.save()

    target.reset(Cycle(mode), snapshot)
    target.load(snapshot)

    shown = target.execute([Operation("edu-mmio.recall")])
    target.close()
    assert shown == [("line", "the buffer", b"before".ljust(64, b"\0")), 1]


def test_a_register_lost_between_two_transactions_is_named(edu: QemuModel) -> None:
    trace = (
        Operation("edu-mmio.compute", (5,)), Cycle(ResetMode.FRESH), Operation("edu-mmio.look")
    )  # fmt: skip

    found = investigate(edu, trace, Checks([Oracle.RESUMES_ALIKE]), Watchdog(5.0))

    assert [(one.first.path, one.first.before, one.first.after) for one in found] == [
        ("edu-mmio+0x8 (factorial)", 120, 0)
    ]


def test_a_finding_s_lines_hold_what_a_driver_sent(edu: QemuModel) -> None:
    lines = qtest_lines(edu, (Operation("edu-mmio.compute", (5,)),)).splitlines()

    base = next(region.base for region in edu.layout.regions if region.name == "edu-mmio")
    assert f"writel {base + 8:#x} 0x5" in lines
    assert lines[-1] == f"readl {base + 8:#x}"


def test_drivers_have_the_share_of_raw_traffic(edu: QemuModel) -> None:
    raw = sum(kind.weight for kind in edu.operations if kind.name.startswith("qemu."))
    drivers = sum(kind.weight for kind in edu.operations if kind.name.startswith("edu-mmio."))

    assert drivers == pytest.approx(raw)


def test_a_transaction_of_another_version_of_the_driver_is_refused(edu: QemuModel) -> None:
    target = edu.open()
    with pytest.raises(TargetError, match=r"compute takes 1 arguments.*another version"):
        target.execute([Operation("edu-mmio.compute", (5, 6))])
    target.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "has no driver; derive a class from stressor.Driver"),
        ("from stressor import Driver\nclass D(Driver):\n    region = 'uhci'", "no driver fits .* edu-mmio"),
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_file_that_helps_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        qemu_model(f"qemu:edu,operations={file}")


def test_two_drivers_with_one_operation_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(FACTORIALS + FACTORIALS.replace("class Factorials", "class Others"))
    with pytest.raises(UsageError, match=r"two drivers have an operation edu-mmio\.compute"):
        qemu_model(f"qemu:edu,operations={file}")
